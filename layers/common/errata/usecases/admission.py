"""Admit a request: the contract's order of checks, written once for every endpoint.

spec/ingest-api, "Order of the checks": per-IP rate limit for callers whose key is not resolved →
401 → 403 → per-key rate limit (429) → idempotent replay (202) → 402 → 422 → 202. A refused request
uses no quota and leaves nothing stored.

`identify` makes the checks up to the second 429, `store_event` makes those behind it. An endpoint
translates its wire into a `Request` and a `Submission`, and what they return or raise back into its
wire. A refusal that loses an event of a known project is counted (`errata.usecases.report_losses`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from errata.errors import AddressForbiddenError, HTTPError, UnauthorizedError, UnavailableError
from errata.models.event import Fields
from errata.models.organization import allows
from errata.models.project import Access, Caller
from errata.usecases import access as keys
from errata.usecases import quota, rate_limit, report_losses


@dataclass(frozen=True, slots=True)
class Request:
    """What an endpoint knows of a request before it reads the event.

    `body_key` reads the key in the body, of whatever type; it is called only where the request has
    no key elsewhere. `project_id` is the one in the route, empty where the route names none.
    `find_key` finds what a key in the body opens. `has_event` says whether a refusal loses an
    event.
    """

    caller: Caller
    body_key: Callable[[], Any] = lambda: None
    project_id: str = ""
    find_key: keys.LookUp = keys.find
    has_event: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Admitted:
    """An event that is durable. `id` is the one that the endpoint tells its client.

    `stored` is False where an earlier request has stored it: `mismatch` if that one had another
    body. `trimmed` says that not all of it fitted into the store.
    """

    id: str
    project_id: str
    stored: bool = True
    mismatch: bool = False
    trimmed: bool = False


class Submission(Protocol):
    """An event on its way in, as an endpoint reads and stores it."""

    def read(self, now_ms: int) -> Fields:
        """Return the event's fields, parsed and validated; raise a refusal otherwise."""
        ...

    def find_earlier(self, access: Access, now_ms: int) -> Admitted | None:
        """Return what an earlier request with the same idempotency key has stored."""
        ...

    def store(self, fields: Fields, access: Access) -> Admitted:
        """Make the event durable, once."""
        ...


def identify(request: Request, now_ms: int) -> Access:
    """Return what the request's key opens: 429 by address → 401 → 403 → 429 by key.

    A key of another project than the route's is refused like an unknown one.

    Raises:
        RateLimitedError: the address, or the key, has no request left.
        UnauthorizedError: no key, or one that opens nothing here.
        AddressForbiddenError: the allowlist of the organization does not hold the address.
        UnavailableError: the authorizer could not look the key up.
    """
    caller = request.caller
    access = _resolve(request, now_ms)  # 429 by address → 401
    with report_losses.counted(access.project_id, request.has_event):
        if request.project_id not in ("", access.project_id):
            # The gateway has counted the request of a key that it meters.
            if not caller.metered:
                rate_limit.take_for_address(caller.address, now_ms)
            raise UnauthorizedError.unknown()
        if not _allowed(access, caller):  # 403
            raise AddressForbiddenError
        if not caller.metered:  # 429 by key
            rate_limit.take_for_key(access, now_ms)
    return access


def store_event(submission: Submission, access: Access, now_ms: int) -> Admitted:
    """Store the event of an identified request: replay (202) → 402 → 422 → 202.

    A replay takes no unit of the quota, not even for a moment: another event may wait for it. So
    does an event that is refused in any case.

    Raises:
        HTTPError: what is wrong with the request; nothing is stored or recorded.
        StoreError: the store failed. The event may be stored if the error is `maybe_applied`.
    """
    with report_losses.counted(access.project_id):
        try:
            fields = submission.read(now_ms)
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
            admitted = submission.store(fields, access)  # 202
            if not admitted.stored:
                unit.give_back()
    if admitted.trimmed:
        report_losses.note(admitted.project_id, "trimmed")
    return admitted


def _resolve(request: Request, now_ms: int) -> Access:
    caller = request.caller
    state = caller.authorizer_context["key"]
    if state == "known":
        return keys.of_context(caller.authorizer_context)
    if state == "unavailable":
        raise UnavailableError
    error_response = (
        UnauthorizedError.missing() if state in ("absent", "empty") else UnauthorizedError.unknown()
    )
    if state == "absent":
        key = request.body_key()
        if isinstance(key, str) and key:
            found = request.find_key(key, now_ms)
            if found.access:
                return found.access
            error_response = UnauthorizedError.unknown()
    rate_limit.take_for_address(caller.address, now_ms)
    raise error_response


def _allowed(access: Access, caller: Caller) -> bool:
    if caller.authorizer_context["key"] == "known":
        # The authorizer has compared the address; the allowlist itself stays there.
        return caller.authorizer_context.get("address") != "forbidden"
    return allows(access.networks, caller.address)
