"""Put events on the account's default event bus (EventBridge)."""

from errata.errors import PermanentError, UnavailableError
from errata.store import clients

SOURCE = "errata"


def put(detail_type: str, detail: str) -> None:
    """Put one event on the bus. `detail` is JSON.

    Raises:
        UnavailableError: EventBridge cannot accept it now.
        PermanentError: EventBridge will never accept it.
    """
    entry = {"Source": SOURCE, "DetailType": detail_type, "Detail": detail}
    response = clients.events().put_events(Entries=[entry])
    if response["FailedEntryCount"]:
        code = response["Entries"][0].get("ErrorCode", "")
        passing = code in ("ThrottlingException", "InternalFailure", "InternalException", "")
        raise (UnavailableError if passing else PermanentError)(f"EventBridge: {code}", code)
