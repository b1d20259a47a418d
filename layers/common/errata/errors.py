"""Every error that Errata raises on purpose.

ErrataError
├── HTTPError                     a request is refused; has the HTTP status
│   ├── BadRequestError           400  not a request that this route can handle
│   ├── UnauthorizedError         401  the key, token or sign-in is missing or not valid
│   ├── PaymentRequiredError      402  the month's quota is used up, or an invoice is unpaid
│   ├── ForbiddenError            403  the caller may not do this
│   ├── AddressForbiddenError     403  the address is not on the organization's allowlist
│   ├── MethodNotAllowedError     405  says which methods the route supports
│   ├── MeanwhileError            409  somebody else has changed it; says who
│   ├── BodyTooLargeError         413
│   ├── UnsupportedEncodingError  415  the body is in Brotli or Zstandard
│   ├── InvalidInputError         422  names every bad field
│   │   └── InvalidQueryError     422  a search that cannot be read; says where
│   ├── RateLimitedError          429  knows when to try again
│   │   ├── IssueCapError         429  an issue has had too many events in this hour
│   │   └── ProjectBusyError      429  more events arrive than the project's partition takes
│   └── ServiceUnavailableError   503  the response for a StoreError
├── StoreError                    a call to AWS failed
│   ├── UnavailableError          not now: throttled, no response, not allowed
│   │   └── ThrottledError        a table or a partition takes no more now
│   ├── ConflictError             somebody else's write came first
│   │   ├── ConditionFailedError  the condition of a single write did not hold
│   │   ├── OpenMarkerError       nobody knows yet whether the event was stored
│   │   ├── FailureReportedError  a log line has already reported the failure of an SDK's event
│   │   ├── CounterMovedError     another legacy error took the number; has the last one
│   │   ├── LimitReachedError     a counter is at its limit; says which one
│   │   └── SlugTakenError        another project of the organization has or had the slug
│   └── PermanentError            AWS refuses the request itself: do not retry
├── SourceMapError                a source map, compiled or not, cannot be used; says why
├── NoResponseError               a server does not respond, or is not Errata
└── NotFoundError                 the named object does not exist
    └── AmbiguousError            several objects have this name; lists them
"""

from collections.abc import Iterable, Mapping
from typing import Any


class ErrataError(Exception):
    """The root of the tree."""


class HTTPError(ErrataError):
    """A refused request.

    `status` is the HTTP status. `message` is sent to the caller and contains no secret. `loss` is
    the loss reason of the refused event, "" if no event is lost.
    """

    status = 500
    loss = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequestError(HTTPError):
    """The route cannot handle this request, for example because its signature is not valid."""

    status = 400


class UnauthorizedError(HTTPError):
    """The key, token or sign-in is missing or not valid."""

    status = 401

    @classmethod
    def missing(cls) -> "UnauthorizedError":
        """Return the error for a key that is missing, empty or not a string."""
        return cls("Missing or invalid API key.")

    @classmethod
    def unknown(cls) -> "UnauthorizedError":
        """Return the error for a key that is unknown, revoked, or of another project."""
        return cls("Invalid API key.")


class PaymentRequiredError(HTTPError):
    """The organization cannot store events until it pays, or until the next month.

    `billing_url` is the page to pay on, "" if it is unknown or paying does not help.
    """

    status = 402

    def __init__(self, message: str, loss: str, billing_url: str = "") -> None:
        super().__init__(message)
        self.loss = loss
        self.billing_url = billing_url

    @classmethod
    def quota_reached(cls, quota: int) -> "PaymentRequiredError":
        """Return the error for an organization that has used its monthly quota."""
        return cls(
            f"The monthly quota of {quota} events is reached. Upgrade the plan to send more now;"
            " the quota starts again with the next month (UTC).",
            "quota",
        )

    @classmethod
    def invoice_unpaid(cls, billing_url: str) -> "PaymentRequiredError":
        """Return the error for an organization with an unpaid invoice."""
        where = f" at {billing_url}" if billing_url else ""
        return cls(f"An invoice has failed. Pay it{where} to send again.", "billing", billing_url)


class ForbiddenError(HTTPError):
    """The caller is known and lacks the permission."""

    status = 403


class AddressForbiddenError(HTTPError):
    """The caller's address is not on the organization's allowlist."""

    status = 403
    loss = "ip"

    def __init__(self) -> None:
        super().__init__("API access is not allowed from this IP address.")


class MethodNotAllowedError(HTTPError):
    """The route does not support this method. `allowed` are those that it supports."""

    status = 405

    def __init__(self, message: str, allowed: Iterable[str]) -> None:
        super().__init__(message)
        self.allowed = ", ".join(sorted(allowed))


class MeanwhileError(HTTPError):
    """Somebody else has changed what the caller saw. Nothing was changed."""

    status = 409


class BodyTooLargeError(HTTPError):
    """The body is larger than the limit."""

    status = 413
    loss = "too_large"


class UnsupportedEncodingError(HTTPError):
    """The body is in Brotli or Zstandard. Some SDKs use these if their runtime has them."""

    status = 415
    loss = "invalid"

    def __init__(self) -> None:
        super().__init__("Unsupported Content-Encoding: set the SDK to gzip, or to no compression.")


class InvalidInputError(HTTPError):
    """Bad input. `errors` maps each bad field to its error messages."""

    status = 422
    loss = "invalid"

    def __init__(self, errors: dict[str, list[str]]) -> None:
        complaints = [text for texts in errors.values() for text in texts]
        more = len(complaints) - 1
        super().__init__(
            complaints[0]
            + (f" (and {more} more error{'s' if more > 1 else ''})" if more > 0 else "")
        )
        self.errors = errors


class InvalidQueryError(InvalidInputError):
    """A search that cannot be read. The problem is in `text`, from `start` to `end` (exclusive)."""

    def __init__(self, message: str, text: str, start: int, end: int) -> None:
        super().__init__({"query": [message]})
        self.text = text
        self.start = start
        self.end = end


class RateLimitedError(HTTPError):
    """Too many requests. `retry_after` is in whole seconds, at least 1."""

    status = 429
    loss = "rate_limited"

    def __init__(self, retry_after: int, message: str = "Too many requests.") -> None:
        super().__init__(message)
        self.retry_after = retry_after


class IssueCapError(RateLimitedError):
    """An issue has had as many events in this hour as the deployment allows."""

    loss = "issue_cap"

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after, "This error has come too often in this hour.")


class ProjectBusyError(RateLimitedError):
    """More events of a project arrive than its partition of the events table takes."""

    loss = "throttled"

    def __init__(self) -> None:
        super().__init__(1, "The project gets more events than can be stored. Try again soon.")


class ServiceUnavailableError(HTTPError):
    """The store failed; the same request may succeed soon. The event may be stored already."""

    status = 503

    def __init__(self) -> None:
        super().__init__("The service is busy; try again.")


class StoreError(ErrataError):
    """A call to AWS that failed.

    `code` is AWS's name for the error, "" if there is none. `operation` is the name of the call.
    `reasons` has an entry for each action of a cancelled transaction: `Code`, and `Item` if the
    request asked for it. `item` is the row that failed a condition, in DynamoDB's typed form.
    `maybe_applied` is True if the call may have taken effect: there was no response, or a 5xx
    response (source: "Error handling with DynamoDB", InternalServerError).
    """

    def __init__(
        self,
        message: str = "The service is busy; try again.",
        code: str = "",
        operation: str = "",
        *,
        reasons: tuple[dict[str, Any], ...] = (),
        item: dict[str, Any] | None = None,
        maybe_applied: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.operation = operation
        self.reasons = reasons
        self.item = item or {}
        self.maybe_applied = maybe_applied

    @property
    def reason_codes(self) -> list[str]:
        """Return the code of each action of a cancelled transaction. Empty for other errors."""
        return [reason["Code"] for reason in self.reasons]


class UnavailableError(StoreError):
    """AWS throttled the call, gave no response or denied it. A retry may succeed."""


class ThrottledError(UnavailableError):
    """DynamoDB throttled a request to a table or a partition. Nothing was stored."""


class ConflictError(StoreError):
    """Another write came first: a condition failed, or another transaction is running."""


class ConditionFailedError(ConflictError):
    """The condition of a single write failed. A transaction raises `ConflictError` instead."""


class OpenMarkerError(ConflictError):
    """Nobody knows whether a late event was stored: its dedup marker is open."""


class FailureReportedError(ConflictError):
    """A log line has reported the failure. `item` is its failure marker."""


class CounterMovedError(ConflictError):
    """Another legacy error took the number. `last_id` is the counter's value, None if unknown."""

    def __init__(self, last_id: int | None) -> None:
        super().__init__(f"The counter is at {last_id}.")
        self.last_id = last_id


class LimitReachedError(ConflictError):
    """A counter is at its limit. `index` is its index among the counters of the call."""

    def __init__(self, index: int) -> None:
        super().__init__("A counter has reached its limit.")
        self.index = index


class SlugTakenError(ConflictError):
    """Another project of the organization has or had the slug."""


class PermanentError(StoreError):
    """AWS refuses the request itself, for example because an item is too large. Do not retry."""


class SourceMapError(ErrataError):
    """A file is not a source map that Errata can use, or a compiled map is damaged.

    The text is for the people who have uploaded it.
    """


class NotFoundError(ErrataError):
    """The named object does not exist."""


class AmbiguousError(NotFoundError):
    """Several objects have this name. `choices` maps what to call each one to a description."""

    END = ". Use one of these:"

    def __init__(self, message: str, choices: Mapping[str, str]) -> None:
        super().__init__(f"{message}{self.END}")
        self.choices = choices


class NoResponseError(ErrataError):
    """A server does not respond, or is not Errata. The text says why."""
