"""Every error that Errata raises on purpose.

ErrataError
├── HTTPError                     a refused request; knows its HTTP status
│   ├── BadRequestError           400  not an event of the billing provider, or not signed
│   ├── UnauthorizedError         401  no key, or one that opens nothing
│   ├── PaymentRequiredError      402  the month's quota is used up, or an invoice is unpaid
│   ├── ForbiddenError            403  a revoked key or a DSN's, or an endpoint that is off
│   ├── AddressForbiddenError     403  the address is not on the organization's allowlist
│   ├── BodyTooLargeError         413
│   ├── InvalidInputError         422  names every bad field
│   ├── RateLimitedError          429  knows when to try again
│   └── ServiceUnavailableError   503  the response for a StoreError
├── StoreError                    a call to AWS failed; `errata.store` raises these and no other
│   ├── UnavailableError          not now: throttled, no response, not allowed
│   ├── ConflictError             somebody else's write came first
│   │   ├── ConditionFailedError  the condition of a single write did not hold
│   │   └── CounterMovedError     another legacy error took the number; knows the last one
│   └── PermanentError            the request itself is at fault: no retry changes that
└── NotFoundError                 an operator named something that does not exist
"""

from typing import Any


class ErrataError(Exception):
    """The root of the tree."""


class HTTPError(ErrataError):
    """A refused request.

    `status` is the HTTP status. `message` is for the caller and holds no secret. `loss` is the
    reason under which the loss ledger counts the lost event; empty where none is lost.
    """

    status = 500
    loss = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequestError(HTTPError):
    """A request that no sender of this route makes."""

    status = 400


class UnauthorizedError(HTTPError):
    """No key, or one that opens no project."""

    status = 401

    @classmethod
    def missing(cls) -> "UnauthorizedError":
        """No key, an empty one, or one that is not a string."""
        return cls("Missing or invalid API key.")

    @classmethod
    def unknown(cls) -> "UnauthorizedError":
        """A key of no project, or of another one, or a revoked key."""
        return cls("Invalid API key.")


class PaymentRequiredError(HTTPError):
    """The organization can store nothing until it pays, or until the next month.

    `billing_url` is where it pays; empty where that is unknown, or does not help.
    """

    status = 402

    def __init__(self, message: str, loss: str, billing_url: str = "") -> None:
        super().__init__(message)
        self.loss = loss
        self.billing_url = billing_url

    @classmethod
    def quota_reached(cls, quota: int) -> "PaymentRequiredError":
        """The organization has used all events of the month."""
        return cls(
            f"The monthly quota of {quota} events is reached. Upgrade the plan to send more now;"
            " the quota starts again with the next month (UTC).",
            "quota",
        )

    @classmethod
    def invoice_unpaid(cls, billing_url: str) -> "PaymentRequiredError":
        """A payment has failed, and the invoice is still unpaid."""
        where = f" at {billing_url}" if billing_url else ""
        return cls(f"An invoice has failed. Pay it{where} to send again.", "billing", billing_url)


class ForbiddenError(HTTPError):
    """A known caller without the permission."""

    status = 403


class AddressForbiddenError(HTTPError):
    """The caller's address is not on the organization's allowlist."""

    status = 403
    loss = "ip"

    def __init__(self) -> None:
        super().__init__("API access is not allowed from this IP address.")


class BodyTooLargeError(HTTPError):
    """A body that is larger than the limit."""

    status = 413
    loss = "too_large"


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


class RateLimitedError(HTTPError):
    """Too many requests. `retry_after` is in whole seconds, at least 1."""

    status = 429
    loss = "rate_limited"

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many requests.")
        self.retry_after = retry_after


class ServiceUnavailableError(HTTPError):
    """The store failed; the same request may succeed soon. The event may be stored already."""

    status = 503

    def __init__(self) -> None:
        super().__init__("The service is busy; try again.")


class StoreError(ErrataError):
    """A call to AWS that failed.

    `code` is AWS's name for the error, empty where AWS gave none. `operation` is the call.
    `reasons` say, for each action of a cancelled transaction, why it failed: `Code`, and `Item`
    where the request asked for it. `item` is the row that failed a condition, typed as DynamoDB
    responds. `maybe_applied` is True where the call may have taken effect: there was no response,
    or one with 5xx (source: "Error handling with DynamoDB", InternalServerError).
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
        """The code of each action of a cancelled transaction; empty for any other error."""
        return [reason["Code"] for reason in self.reasons]


class UnavailableError(StoreError):
    """AWS could not do it now, gave no response, or does not allow it. A retry may succeed."""


class ConflictError(StoreError):
    """Another write came first: a condition did not hold, or another transaction is under way."""


class ConditionFailedError(ConflictError):
    """The condition of a single write did not hold. A transaction raises `ConflictError`."""


class CounterMovedError(ConflictError):
    """Another legacy error took the number. `last_id` is the counter's value, None if unknown."""

    def __init__(self, last_id: int | None) -> None:
        super().__init__(f"The counter is at {last_id}.")
        self.last_id = last_id


class PermanentError(StoreError):
    """AWS refuses the request for what it is, such as an item that is too large."""


class NotFoundError(ErrataError):
    """An operator named something that does not exist."""
