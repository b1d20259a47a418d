"""Translate AWS's error responses into the errors of the store, whichever client got them."""

from collections.abc import Mapping
from typing import Any

from errata.errors import (
    ConditionFailedError,
    ConflictError,
    PermanentError,
    StoreError,
    ThrottledError,
    UnavailableError,
)

# A retry cannot fix these: the item is too large or not valid.
_PERMANENT = {"ItemCollectionSizeLimitExceeded", "ValidationError", "ValidationException"}
# There is no capacity, for the request or for an action of a transaction.
_THROTTLED = {
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
}
# Reasons of a transaction that failed only because of other writers.
_CONFLICT_REASONS = {"None", "ConditionalCheckFailed", "TransactionConflict"}


def error_of_response(
    operation: str, status: int, code: str, message: str, details: Mapping[str, Any]
) -> StoreError:
    """Return the store's error for an error response of AWS.

    `details` may have an error's own fields: `Item`, `CancellationReasons`. If a transaction failed
    because of both capacity and a conflict, this is a `ThrottledError`. Only the first paragraph
    of the message is kept: with a wrong signature, the rest contains the request's session token.
    """
    reasons: list[dict[str, Any]] = details.get("CancellationReasons", [])
    if code != "TransactionCanceledException":
        reasons = []
    codes = {reason["Code"] for reason in reasons}
    kind: type[StoreError] = UnavailableError
    if not _PERMANENT.isdisjoint({code, *codes}):
        kind = PermanentError
    elif code == "ConditionalCheckFailedException":
        kind = ConditionFailedError
    elif not _THROTTLED.isdisjoint({code, *codes}):
        kind = ThrottledError
    elif code == "TransactionConflictException" or (codes and codes <= _CONFLICT_REASONS):
        kind = ConflictError
    return kind(
        message.partition("\n\n")[0],
        code,
        operation,
        reasons=tuple(reasons),
        item=details.get("Item"),
        maybe_applied=status >= 500,
    )


def no_response(operation: str, error: Exception) -> UnavailableError:
    """Return the store's error for a call without a usable response. It may have taken effect."""
    message = f"AWS gave no usable response to {operation}: {error}"
    return UnavailableError(message, operation=operation, maybe_applied=True)
