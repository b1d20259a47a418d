"""Make botocore's clients. Their calls raise the errors of the store in place of botocore's.

Importing botocore takes long, so `errata.store.clients` imports this module on first use.
"""

from functools import cache
from typing import Any

import botocore
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from errata.errors import StoreError
from errata.store.aws_errors import error_of_response, no_response
from errata.store.connections import CONNECT_S, READ_S
from errata.store.lean import ATTEMPTS


def _retries(attempts: int) -> Any:
    return {"mode": "standard", "total_max_attempts": attempts}


_QUICK = Config(
    connect_timeout=CONNECT_S,
    read_timeout=READ_S,
    retries=_retries(ATTEMPTS),
    # Our tests check the form of every request. Checking it here again would slow down each event.
    parameter_validation=False,
    # If this is not set, botocore builds its user agent again for every request.
    user_agent=f"errata botocore/{botocore.__version__}",
)
# API Gateway accepts only a few management calls per second, and their callers can wait.
_PATIENT = Config(
    connect_timeout=3,
    read_timeout=20,
    retries=_retries(6),
    # Use one host name per service for all accounts: a firewall of an operator may allow only that.
    account_id_endpoint_mode="disabled",
)
_CONFIGS = {
    "quick": _QUICK,
    "once": _QUICK.merge(Config(retries=_retries(1))),
    "patient": _PATIENT,
    # A user waits for the response, and Cognito's limits are shared by all users: each retry of a
    # throttled call would use up more of them.
    "patient_once": _PATIENT.merge(Config(retries=_retries(1))),
    # The function that sends mails counts losses, which must not wait for them.
    "brief": Config(connect_timeout=2, read_timeout=3, retries=_retries(1)),
}


@cache
def session() -> botocore.session.Session:
    """Return the session of all clients. Each session loads endpoints and service models again."""
    shared = botocore.session.get_session()
    shared.register("creating-client-class", _translate_errors)
    return shared


@cache
def client(service: str, patience: str) -> Any:
    """Return the client of a service in the default region."""
    return create(service, patience)


def create(service: str, patience: str, region: str | None = None) -> Any:
    """Make a client. `patience` names its time-outs and attempts."""
    return session().create_client(service, config=_CONFIGS[patience], region_name=region)


def clear_cache() -> None:
    """Drop the clients."""
    client.cache_clear()
    session.cache_clear()


def _translate_errors(**event: Any) -> None:
    # Clients of CloudFormation raise botocore's errors, which the command handles itself.
    if not event["event_name"].endswith(".cloudformation"):
        event["base_classes"].insert(0, TranslatesErrors)


class TranslatesErrors:
    """Mixin for botocore clients: each call raises a `StoreError` in place of botocore's errors."""

    def _make_api_call(self, operation_name: str, api_params: dict[str, Any]) -> Any:
        try:
            return super()._make_api_call(operation_name, api_params)  # type: ignore[misc]
        except ClientError as error:
            raise _translated(error) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise no_response(operation_name, error) from error


def _translated(error: ClientError) -> StoreError:
    response: Any = error.response
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    code = response.get("Error", {}).get("Code", "")
    return error_of_response(error.operation_name, status, code, str(error), response)
