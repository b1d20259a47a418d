"""The actions of `api.php`: submit, generate, errors, clear (spec/legacy-api)."""

from dataclasses import dataclass
from itertools import islice

from pydantic_core import to_json

from errata.caches import BoundedDict
from errata.errors import (
    CounterMovedError,
    ForbiddenError,
    HTTPError,
    LimitReachedError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)
from errata.models.event import Event
from errata.models.ids import new_event_id, now_ms
from errata.models.organization import address_block, is_loopback
from errata.models.project import Access, LegacyCounter
from errata.models.visible import Visible
from errata.protocol import legacy as protocol
from errata.protocol import response_size
from errata.protocol.body import JsonBody
from errata.store import creation_counts, event_queries, events
from errata.store import legacy as store
from errata.store.items import TypedItem
from errata.store.retry import attempts
from errata.usecases import (
    access,
    admission,
    clear_project,
    projects,
    rate_limit,
    report_losses,
    unclaimed,
)
from errata.usecases.admission import Admitted
from errata.usecases.prepare import prepare
from errata.usecases.scrub import scrub_contract_event
from errata.usecases.visible import find_visible, make_visible

MAX_ERRORS = 1_000
# Projects that one address block may create on one day, UTC.
MAX_CREATIONS = 100
# For that limit, IPv6 addresses count by /48 and not by /64. Anybody with a /56 has more than ten
# /64 blocks. With ten, one caller could create as many projects as are allowed in total.
_CREATIONS_PREFIX = 48
# `Retry-After` in seconds if there are too many unclaimed projects. By then, some may have expired,
# or somebody may have adopted or deleted some.
_FULL_RETRY_S = 3_600
_PAGE = 100
# Each conflict means that another request made progress. The first retries hardly wait.
_TRIES = 60

# The last legacy number of each project that this process knows. The next try is one above it.
_last_ids = BoundedDict[str, int](max_entries=10_000)


def submit(body: JsonBody, address: str, auto_create: bool) -> int:
    """Store one error and return its number in the project.

    Creates a project for an unknown key, if the deployment allows that.

    Raises:
        HTTPError: the request is refused; nothing is stored.
        StoreError: the store failed, or the project was deleted or has expired just now.
    """
    at_ms = now_ms()
    try:
        key = protocol.project_key(body.parsed())
        found = _look_up(key, at_ms)
    except HTTPError:
        rate_limit.take_for_address(address, at_ms)
        raise
    if found:
        with report_losses.counted(found.project_id):
            _check_limits(found, address, at_ms)
    else:
        rate_limit.take_for_address(address, at_ms)
        if not auto_create:
            raise ForbiddenError(
                "hash: no project has this key, and this deployment creates no projects"
            )
        access.check_address(access.of_anonymous_caller(at_ms), address)
    payer = found or access.of_anonymous_caller(at_ms)
    submission = LegacySubmission(body, key, found, address)
    try:
        return int(admission.store_event(submission, payer, at_ms).id)
    except UnauthorizedError as gone:
        # Deleted or expired since it was looked up. The next request finds no project, or creates
        # one.
        access.clear_cache(key)
        raise UnavailableError from gone


@dataclass(frozen=True, slots=True)
class LegacySubmission:
    """An error sent to `api.php`. `access` is None if no project has its key yet."""

    body: JsonBody
    key: str
    access: Access | None
    address: str

    def read(self, access: Access, _now_ms: int) -> Event:
        """Return the error as the fields of an event."""
        return scrub_contract_event(protocol.parse(self.body.parsed()), access)

    def find_earlier(self, _access: Access, _now_ms: int) -> Admitted | None:
        """Return None: this API has no idempotency keys."""
        return None

    def store(self, fields: Event, _access: Access) -> Admitted:
        """Store the error under the project's next number. Create the project if needed."""
        opened = self.access or _create(self.key, self.address, now_ms())
        project_id = opened.project_id
        last = _last_ids.get(project_id, 0)
        for _ in attempts(_TRIES, most_s=0.16):
            at_ms = now_ms()
            item, trimmed = prepare(fields, opened, new_event_id(at_ms), at_ms)
            try:
                store.put_legacy(item, last + 1, opened.retention_days)
            except CounterMovedError as moved:
                if moved.last_id is not None:
                    last = moved.last_id
            else:
                _last_ids[project_id] = last + 1
                return Admitted(str(last + 1), project_id, trimmed=trimmed)
        raise UnavailableError


def generate(name: str, address: str) -> str:
    """Create a project and return its key, 32 hex digits. It expires after a week without an event.

    Raises:
        RateLimitedError: too many new projects from this address block, or too many unclaimed ones.
        AddressForbiddenError: the address is not on the default organization's allowlist.
        UnavailableError: the random key exists already; try again.
    """
    at_ms = now_ms()
    rate_limit.take_for_address(address, at_ms)
    access.check_address(access.of_anonymous_caller(at_ms), address)
    created = _create_counted(address, at_ms, name[:200] or "unnamed")
    if created is None:
        raise UnavailableError
    return created.key


def errors(key: str, since: int, address: str) -> str:
    """Return the response to `action=errors`: as many errors above the number `since` as fit."""
    at_ms = now_ms()
    found = _known(key, address, at_ms)
    if found is None:
        return '{"errors":[]}'
    numbers = store.legacy_after(find_visible(found, at_ms), since)
    texts: list[bytes] = []
    size = 0
    while len(texts) < MAX_ERRORS and (page := list(islice(numbers, _PAGE))):
        by_id = {event_id: number for number, event_id in page}
        # One event at a time: all of them could take more memory than the function has.
        for event in map(events.stored, _present(found.project_id, list(by_id))):
            text = to_json(protocol.to_error(by_id[event.id], event.id, event.fields))
            size += response_size.weight(text)
            if texts and size > response_size.MAX_BYTES:
                return _errors(texts)
            texts.append(text)
    return _errors(texts)


def _present(project_id: str, event_ids: list[str]) -> list[TypedItem]:
    """Return the items of these events in this order. Leaves out only deleted events.

    Raises:
        UnavailableError: an event is being written.
    """
    found = {item["sk"]["S"]: item for item in event_queries.items_by_ids(project_id, event_ids)}
    missing = [event_id for event_id in event_ids if event_id not in found]
    for item in store.settled(project_id, missing):
        found[item["sk"]["S"]] = item
    return [found[event_id] for event_id in event_ids if event_id in found]


def _errors(texts: list[bytes]) -> str:
    return (b'{"errors":[%s]}' % b",".join(texts)).decode()


def clear(key: str, address: str) -> int:
    """Hide every event and issue of the project. Return the number of errors hidden.

    Takes the same time for any number of errors. If the retention has changed since the last clear,
    it counts the errors one by one. Legacy numbers continue to rise. The result counts only errors
    that this API shows; events of the project's other endpoints are hidden too.
    """
    at_ms = now_ms()
    found = _known(key, address, at_ms)
    if found is None:
        return 0
    return clear_project.clear(
        found.project_id,
        lambda before, counter: _count(make_visible(found, before, at_ms), counter),
    )


def _count(visible: Visible, counter: LegacyCounter) -> int:
    if len(counter.retentions) > 1:
        # Errors with a shorter retention may have expired between others that have not.
        return store.count_legacy_after(visible)
    oldest = next(store.legacy_after(visible), None)
    if oldest is None or oldest[0] > counter.last_id:
        return 0
    # All gaps between numbers are known, so the oldest number is enough to count the errors.
    first, last = oldest[0], counter.last_id
    return last - first + 1 - store.gaps(visible.project_id, first, last)


def _look_up(key: str, at_ms: int) -> Access | None:
    """Return the access of an API key, or None if no project has the key.

    Raises:
        ForbiddenError: the key was revoked, or is the public key of a DSN.
    """
    found = access.find(key, at_ms)
    if found.dsn:
        raise ForbiddenError(
            "hash: this is the key of a DSN, which only SDKs can use; use an API key"
        )
    if found.revoked:
        raise ForbiddenError("hash: this key was revoked")
    return found.access


def _check_limits(found: Access, address: str, at_ms: int) -> None:
    """Check the address against the allowlist, and count the request against the key.

    Raises:
        AddressForbiddenError: the address is not on the allowlist.
        RateLimitedError: the key has reached its rate limit.
    """
    access.check_address(found, address)
    rate_limit.take_for_key(found, at_ms)


def _known(key: str, address: str, at_ms: int) -> Access | None:
    """Return the access of a key, or None, and count the request.

    A request with an unknown or revoked key counts against the address.
    """
    # Another process may have created a project for the key: this read is strongly consistent.
    access.drop_unknown(key)
    try:
        found = _look_up(key, at_ms)
    except ForbiddenError:
        found = None
    if found is None:
        rate_limit.take_for_address(address, at_ms)
    else:
        _check_limits(found, address, at_ms)
    return found


def _create(key: str, address: str, at_ms: int) -> Access:
    # Another request may create the project first. In both cases the key exists afterwards.
    _create_counted(address, at_ms, "unnamed", key, label="sent by a script")
    access.clear_cache(key)
    created = access.find(key, at_ms).access
    if created is None:
        raise UnavailableError
    access.keep(created, at_ms)
    return created


def _create_counted(
    address: str, at_ms: int, name: str, key: str = "", label: str = projects.FIRST_LABEL
) -> projects.Created | None:
    """Create an unclaimed project, unless a limit is reached.

    Callers on this machine have no limit of their own.

    Raises:
        RateLimitedError: there are too many unclaimed projects, or the block has created as many as
            it may on one day.
    """
    block = address_block(address, _CREATIONS_PREFIX)
    count = None
    if not is_loopback(address):
        count = creation_counts.of_block(block, MAX_CREATIONS, at_ms)
    try:
        return unclaimed.create(name, key, label, count, at_ms)
    except LimitReachedError as error:
        if error.index == 0:
            raise RateLimitedError(
                _FULL_RETRY_S,
                f"There are {unclaimed.MAX_UNCLAIMED} unclaimed projects. No more can be created"
                " until an operator adopts or deletes some. Use the key of an existing project.",
            ) from error
        raise RateLimitedError(
            creation_counts.seconds_left(at_ms),
            f"{block} has created {MAX_CREATIONS} projects today. It may create more"
            " tomorrow (UTC). Use the key of an existing project.",
        ) from error


def clear_cache() -> None:
    """Drop the cached legacy numbers."""
    _last_ids.clear()
