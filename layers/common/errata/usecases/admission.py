"""Check a request and store its event, in the contract's order, for every endpoint.

spec/ingest-api, "Order of the checks": per-IP rate limit for callers whose key is not resolved →
401 → 403 → per-key rate limit (429) → idempotent replay (202) → 402 → 422 → 202. A refused request
uses no quota and leaves nothing stored.

`identify` makes the checks up to the second 429, `store_event` makes the later ones. An endpoint
translates its protocol into an `AdmissionRequest` and a `Submission`, and translates the result or
error back. A refusal that loses an event of a known project is counted
(`errata.usecases.report_losses`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from errata.errors import AddressForbiddenError, HTTPError, UnauthorizedError, UnavailableError
from errata.models.event import Event
from errata.models.project import Access, Caller
from errata.usecases import quota, rate_limit, report_losses
from errata.usecases.access import LookUp, check_address, find, from_context, keep


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """The parts of a request that are known before the event is read.

    `body_key` returns the key in the body, of any type. It is called only if the request has no key
    elsewhere. `project_id` is from the route, "" if the route has none. `find_key` looks up a key
    from the body. `has_event` says whether a refusal loses an event. `take` counts the request
    against its key.
    """

    caller: Caller
    body_key: Callable[[], Any] = lambda: None
    project_id: str = ""
    find_key: LookUp = find
    has_event: Callable[[], bool] = lambda: True
    take: rate_limit.Take = rate_limit.take_for_key


@dataclass(frozen=True, slots=True)
class Admitted:
    """An event that is stored durably. `id` is the event id in the response.

    `stored` is False if an earlier request stored the event; `mismatch` if that request had another
    body. `trimmed`: parts were removed to fit the store.
    """

    id: str
    project_id: str
    stored: bool = True
    mismatch: bool = False
    trimmed: bool = False


class Submission(Protocol):
    """How an endpoint reads and stores an event."""

    def read(self, access: Access, now_ms: int) -> Event:
        """Return the event's fields, parsed, validated and scrubbed.

        Raises:
            HTTPError: they are invalid.
        """
        ...

    def find_earlier(self, access: Access, now_ms: int) -> Admitted | None:
        """Return the event that an earlier request with the same idempotency key stored."""
        ...

    def store(self, fields: Event, access: Access) -> Admitted:
        """Store the event durably, once."""
        ...


def identify(request: AdmissionRequest, now_ms: int) -> Access:
    """Return the access of the request's key: 429 by address → 401 → 403 → 429 by key.

    A key of another project than the one in the route counts as unknown.

    Raises:
        RateLimitedError: the address or the key has reached its rate limit.
        UnauthorizedError: no key, or one that is not valid here.
        AddressForbiddenError: the address is not on the organization's allowlist.
        UnavailableError: the authorizer could not look the key up.
    """
    caller = request.caller
    access = _resolve(request, now_ms)  # 429 by address → 401
    with report_losses.counted(access.project_id, request.has_event):
        if request.project_id not in ("", access.project_id):
            # API Gateway has already counted the request if the key has a gateway key.
            if not caller.metered:
                rate_limit.take_for_address(caller.address, now_ms)
            raise UnauthorizedError.unknown()
        _check_address(access, caller)  # 403
        if not caller.metered:  # 429 by key
            request.take(access, now_ms)
    return access


def store_event(
    submission: Submission, access: Access, now_ms: int, *, comes_again: bool = False
) -> Admitted:
    """Store the event of an identified request: replay (202) → 402 → 422 → 202.

    A replay or an invalid event never takes a unit of the quota, not even for a moment, because
    another event may need it. `comes_again` is for workers: as in `report_losses.counted`.

    Raises:
        HTTPError: the request is refused; nothing is stored or recorded.
        StoreError: the store failed. The event may be stored if the error is `maybe_applied`.
    """
    with report_losses.counted(access.project_id, comes_again=comes_again):
        try:
            fields = submission.read(access, now_ms)
        except HTTPError:
            earlier = submission.find_earlier(access, now_ms)
            if earlier:  # 202
                return earlier
            quota.check(access, now_ms)  # 402
            raise  # 422
        if not quota.in_hand(access, now_ms):
            earlier = submission.find_earlier(access, now_ms)
            if earlier:  # 202
                return earlier
        with quota.unit(access, now_ms) as unit:  # 402
            keep(access, now_ms)
            admitted = submission.store(fields, access)  # 202
            if not admitted.stored:
                unit.give_back()
    if admitted.trimmed:
        report_losses.note(admitted.project_id, "trimmed")
    return admitted


def _resolve(request: AdmissionRequest, now_ms: int) -> Access:
    caller = request.caller
    state = caller.authorizer_context["key"]
    if state == "known":
        return from_context(caller.authorizer_context)
    if state == "unavailable":
        raise UnavailableError
    missing = state in ("absent", "empty")
    if state == "absent":
        key = request.body_key()
        if isinstance(key, str) and key:
            found = request.find_key(key, now_ms)
            if found.access:
                return found.access
            missing = False
    rate_limit.take_for_address(caller.address, now_ms)
    raise UnauthorizedError.missing() if missing else UnauthorizedError.unknown()


def _check_address(access: Access, caller: Caller) -> None:
    if caller.authorizer_context["key"] != "known":
        check_address(access, caller.address)
    # The authorizer has checked the address. It does not pass the allowlist to the functions.
    elif caller.authorizer_context.get("address") == "forbidden":
        raise AddressForbiddenError
