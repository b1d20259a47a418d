"""Translate botocore's errors into the three errors of the store.

Every client raises the translated errors (`errata.store.clients`), so nothing outside this module
needs to know botocore's errors.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from errata.errors import (
    ConditionFailedError,
    ConflictError,
    PermanentError,
    StoreError,
    UnavailableError,
)

# A retry cannot fix these: the item is too large or not valid.
_PERMANENT = {"ItemCollectionSizeLimitExceeded", "ValidationError", "ValidationException"}
# Reasons of a transaction that failed only because of other writers.
_CONFLICT_REASONS = {"None", "ConditionalCheckFailed", "TransactionConflict"}


class TranslatesErrors:
    """Mixin for botocore clients: each call raises a `StoreError` in place of botocore's errors."""

    def _make_api_call(self, operation_name: str, api_params: dict[str, Any]) -> Any:
        try:
            return super()._make_api_call(operation_name, api_params)  # type: ignore[misc]
        except ClientError as error:
            raise store_error(error) from error
        except (BotoCoreError, ResponseParserError) as error:
            message = f"AWS gave no usable response to {operation_name}: {error}"
            raise UnavailableError(message, operation=operation_name, maybe_applied=True) from error


def store_error(error: ClientError) -> StoreError:
    """Return the store's error for an error response of AWS.

    If a transaction failed because of both capacity and a conflict, this is an `UnavailableError`.
    """
    details = error.response.get("Error", {})
    code = details.get("Code", "")
    reasons: list[dict[str, Any]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    if code != "TransactionCanceledException":
        reasons = []
    codes = {reason["Code"] for reason in reasons}
    kind: type[StoreError] = UnavailableError
    if not _PERMANENT.isdisjoint({code, *codes}):
        kind = PermanentError
    elif code == "ConditionalCheckFailedException":
        kind = ConditionFailedError
    elif code == "TransactionConflictException" or (codes and codes <= _CONFLICT_REASONS):
        kind = ConflictError
    status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return kind(
        str(error),
        code,
        error.operation_name,
        reasons=tuple(reasons),
        item=error.response.get("Item"),  # type: ignore[arg-type]
        maybe_applied=status >= 500,
    )
