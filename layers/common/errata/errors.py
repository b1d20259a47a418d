"""Every error that Errata raises on purpose.

ErrataError
├── Refused                 an answer to a caller; knows its HTTP status
│   ├── BadRequest          400  a provider's event that is not signed, or none
│   ├── Unauthorized        401  no key, or one that opens nothing
│   ├── PaymentRequired     402  the month's quota is used up, or an invoice is not paid
│   ├── Forbidden           403  a revoked or DSN's key at the legacy door; a door switched off
│   ├── AddressForbidden    403  the organization's allowlist has no room for the address
│   ├── BodyTooLarge        413
│   ├── Invalid             422  names every bad field
│   ├── RateLimited         429  knows when to come back
│   └── ServiceUnavailable  503  what a caller is told about a StoreError
├── StoreError              a call to AWS failed; `errata.store` raises these and no other
│   ├── UnavailableError    not now: throttled, no response, not allowed; HTTP status 503
│   ├── ConflictError       somebody else's write came first
│   │   └── CounterMovedError   another legacy error took the number; knows the last one
│   └── PermanentError      the request itself is at fault: no retry changes that
└── NotFound                an operator named a project, key, issue or event that does not exist
"""

from typing import Any


class ErrataError(Exception):
    """The root of the tree."""


class Refused(ErrataError):
    """A request that gets no.

    `status` is the HTTP status; the message is for the caller and holds no secret. `loss` is the
    reason under which the loss ledger counts the event that it was about; empty for none.
    """

    status = 500
    loss = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(Refused):
    """What no sender of this route would send."""

    status = 400


class Unauthorized(Refused):
    """No key, or one that opens nothing."""

    status = 401

    @classmethod
    def missing(cls) -> "Unauthorized":
        """No key, an empty one, or one that is not a string."""
        return cls("Missing or invalid API key.")

    @classmethod
    def unknown(cls) -> "Unauthorized":
        """A key that belongs to no project, to another one, or was revoked."""
        return cls("Invalid API key.")


class PaymentRequired(Refused):
    """An organization that may store nothing more until it pays, or until the next month.

    `billing_url` is where it pays; empty where that is unknown, or does not help.
    """

    status = 402

    def __init__(self, message: str, loss: str, billing_url: str = "") -> None:
        super().__init__(message)
        self.loss = loss
        self.billing_url = billing_url

    @classmethod
    def quota_reached(cls, quota: int) -> "PaymentRequired":
        """The month's events are used up."""
        return cls(
            f"The monthly quota of {quota} events is reached. Upgrade the plan to send more now;"
            " the next month (UTC) starts anew.",
            "quota",
        )

    @classmethod
    def invoice_unpaid(cls, billing_url: str) -> "PaymentRequired":
        """An invoice has failed and is not paid yet."""
        where = f" at {billing_url}" if billing_url else ""
        return cls(f"An invoice has failed. Pay it{where} to send again.", "billing", billing_url)


class Forbidden(Refused):
    """A known caller who may not do this."""

    status = 403


class AddressForbidden(Refused):
    """A caller from an address that the organization's allowlist does not hold."""

    status = 403
    loss = "ip"

    def __init__(self) -> None:
        super().__init__("API access is not allowed from this IP address.")


class BodyTooLarge(Refused):
    """A body beyond what one event may weigh."""

    status = 413
    loss = "too_large"


class Invalid(Refused):
    """Bad input. `errors` maps each bad field to its complaints."""

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


class RateLimited(Refused):
    """Too many requests. `retry_after` is in whole seconds, at least 1."""

    status = 429
    loss = "rate_limited"

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many requests.")
        self.retry_after = retry_after


class ServiceUnavailable(Refused):
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


class CounterMovedError(ConflictError):
    """Another legacy error took the number. `last_id` is the counter's value, None if unknown."""

    def __init__(self, last_id: int | None) -> None:
        super().__init__(f"The counter is at {last_id}.")
        self.last_id = last_id


class PermanentError(StoreError):
    """AWS refuses the request for what it is, such as an item that is too large."""


class NotFound(ErrataError):
    """An operator named something that does not exist."""
