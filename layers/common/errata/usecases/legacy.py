"""What `api.php` does: submit, generate, errors, clear (spec/legacy-api)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pydantic_core import to_json

from errata.errors import CounterMovedError, ForbiddenError, HTTPError, UnavailableError
from errata.models.event import Fields
from errata.models.ids import DAY_MS, floor_id, new_event_id, now_ms
from errata.models.project import Access
from errata.protocol import legacy as protocol
from errata.protocol import response_size
from errata.protocol.body import JsonBody
from errata.store import event_queries, events, watermarks
from errata.store import legacy as store
from errata.store.events import Stored
from errata.store.legacy import LegacyCounter
from errata.store.retry import attempts
from errata.usecases import access, admission, clear_project, projects, rate_limit, report_losses
from errata.usecases.admission import Admitted
from errata.usecases.prepare import prepare

MAX_ERRORS = 1_000
_PAGE = 100
# Each conflict means that somebody else made progress; the first tries hardly wait.
_TRIES = 60

# The last legacy number that this process saw of each project: where to try next.
_last_ids: dict[str, int] = {}


def submit(body: JsonBody, address: str, auto_create: bool) -> int:
    """Store one error and return its number in the project.

    A key that no project has gets a project, if the deployment allows that.

    Raises:
        HTTPError: what is wrong; nothing is stored.
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
            raise ForbiddenError("hash: no project has this key, and this deployment creates none")
        access.check_address(access.of_anonymous_caller(at_ms), address)
    payer = found or access.of_anonymous_caller(at_ms)
    return int(admission.store_event(LegacySubmission(body, key, found), payer, at_ms).id)


@dataclass(frozen=True, slots=True)
class LegacySubmission:
    """An error sent to `api.php`; `access` is None where its key opens no project yet."""

    body: JsonBody
    key: str
    access: Access | None

    def read(self, _now_ms: int) -> Fields:
        """Return the error's fields as an event's."""
        return protocol.parse(self.body.parsed())

    def find_earlier(self, _access: Access, _now_ms: int) -> Admitted | None:
        """Return None: this API has no idempotency keys."""
        return None

    def store(self, fields: Fields, _access: Access) -> Admitted:
        """Store the error under the project's next number; create the project if there is none."""
        opened = self.access or _create(self.key, now_ms())
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
    """A new project's key, 32 hex digits.

    Raises:
        RateLimitedError: too many new projects from this address.
        AddressForbiddenError: the default organization's allowlist does not let the caller in.
    """
    at_ms = now_ms()
    rate_limit.take_for_address(address, at_ms)
    access.check_address(access.of_anonymous_caller(at_ms), address)
    created = projects.create(name[:200] or "unnamed")
    if created is None:
        raise UnavailableError
    return created.key


def errors(key: str, since: int, address: str) -> str:
    """The answer to `action=errors`: what fits of the errors with a number above `since`."""
    at_ms = now_ms()
    found = _known(key, address, at_ms)
    if found is None:
        return '{"errors":[]}'
    watermark = watermarks.find_watermark(found.project_id)
    numbers = _live(found, max(since, watermark.legacy_through), at_ms)
    texts: list[bytes] = []
    size = 0
    while len(texts) < MAX_ERRORS and (page := list(islice(numbers, _PAGE))):
        by_id = {event_id: number for number, event_id in page}
        for event in _present(found.project_id, list(by_id)):
            text = to_json(protocol.to_error(by_id[event.id], event.id, event.fields))
            size += response_size.weight(text)
            if texts and size > response_size.MAX_BYTES:
                return _errors(texts)
            texts.append(text)
    return _errors(texts)


def _present(project_id: str, event_ids: list[str]) -> list[Stored]:
    """These events, in this order; left out is what is gone, and never what is still to be seen.

    Raises:
        UnavailableError: one of them is being written.
    """
    found = {event.id: event for event in event_queries.by_ids(project_id, event_ids)}
    missing = [event_id for event_id in event_ids if event_id not in found]
    for item in store.settled(project_id, missing):
        event = events.stored(item)
        found[event.id] = event
    return [found[event_id] for event_id in event_ids if event_id in found]


def _errors(texts: list[bytes]) -> str:
    return (b'{"errors":[%s]}' % b",".join(texts)).decode()


def clear(key: str, address: str) -> int:
    """Put every event and issue of the project out of sight; returns how many errors that were.

    Takes the same time however many there are: only where the retention has changed since the last
    clear are the errors counted one by one. Numbers go on rising. Counted are the errors that this
    API shows; events from the project's other doors go with them.
    """
    at_ms = now_ms()
    found = _known(key, address, at_ms)
    if found is None:
        return 0
    return clear_project.clear(
        found.project_id,
        lambda before, counter: _count(found, before.legacy_through, counter, at_ms),
    )


def _count(found: Access, since: int, counter: LegacyCounter, at_ms: int) -> int:
    if len(counter.retentions) > 1:
        # Those that were to live shorter may have expired between those that live.
        return store.count_legacy_after(
            found.project_id, since, at_ms // 1000, _oldest(found, at_ms)
        )
    oldest = next(_live(found, since, at_ms), None)
    if oldest is None or oldest[0] > counter.last_id:
        return 0
    # Numbers have no gaps but those that are known, so the oldest one tells how many there are.
    first, last = oldest[0], counter.last_id
    return last - first + 1 - store.gaps(found.project_id, first, last)


def _live(found: Access, since: int, at_ms: int) -> Iterator[tuple[int, str]]:
    return store.legacy_after(found.project_id, since, at_ms // 1000, _oldest(found, at_ms))


def _oldest(found: Access, at_ms: int) -> str:
    return floor_id(at_ms - found.retention_days * DAY_MS)


def _look_up(key: str, at_ms: int) -> Access | None:
    """Return what an API key opens; None for a key that no project has.

    Raises:
        ForbiddenError: the key was revoked, or is a DSN's.
    """
    found = access.find(key, at_ms)
    if found.dsn:
        raise ForbiddenError(
            "hash: this is the key of a DSN, which is for SDKs alone; use an API key"
        )
    if found.revoked:
        raise ForbiddenError("hash: this key was revoked")
    return found.access


def _check_limits(found: Access, address: str, at_ms: int) -> None:
    """Compare the address with the allowlist, and count the request against the key.

    Raises:
        AddressForbiddenError: the allowlist does not hold the address.
        RateLimitedError: the key has no request left.
    """
    access.check_address(found, address)
    rate_limit.take_for_key(found, at_ms)


def _known(key: str, address: str, at_ms: int) -> Access | None:
    """Return what a key opens, its request counted.

    A key that opens nothing, even a revoked one, counts against the address.
    """
    # Another process may have opened a project with it since: reading is strongly consistent.
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


def _create(key: str, at_ms: int) -> Access:
    # Another request may create it meanwhile: either way the key is there afterwards.
    projects.create("unnamed", key, label="sent by a script")
    access.clear_cache(key)
    created = access.find(key, at_ms).access
    if created is None:
        raise UnavailableError
    return created


def clear_cache() -> None:
    """Drop what this process knows of the projects' numbers."""
    _last_ids.clear()
