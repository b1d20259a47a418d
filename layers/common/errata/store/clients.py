"""The AWS clients, made once per process, on first use. Making them does not contact AWS."""

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore
import botocore.session
from botocore.config import Config

from errata.store.aws_errors import TranslatesErrors

if TYPE_CHECKING:
    from mypy_boto3_apigateway.client import APIGatewayClient
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_ssm.client import SSMClient

# DynamoDB answers in milliseconds or is in trouble: fail while there is time left to try again.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    # Our own tests hold the shape of every request; checking it again costs each event.
    parameter_validation=False,
    # botocore otherwise composes and cleans its own for every request: a third of all calls that a
    # warm ingest makes.
    user_agent=f"errata botocore/{botocore.__version__}",
)
_ONCE = _CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
# API Gateway takes a few management calls a second, and whoever manages can wait.
_PATIENT = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 6},
    # One host name of a service for all accounts, which whoever guards an operator's way out knows.
    account_id_endpoint_mode="disabled",
)


@cache
def _session() -> botocore.session.Session:
    # One for all clients: each session reads the endpoints and the models of services again.
    session = botocore.session.get_session()
    session.register("creating-client-class", _translate_errors)
    return session


def _translate_errors(**event: Any) -> None:
    event["base_classes"].insert(0, TranslatesErrors)


@cache
def _client(service: str, config: Config = _CONFIG) -> Any:
    return _session().create_client(service, config=config)


def dynamodb() -> "DynamoDBClient":
    """The DynamoDB client."""
    client: DynamoDBClient = _client("dynamodb")
    return client


def dynamodb_once() -> "DynamoDBClient":
    """The DynamoDB client without retries, for requests that must not be sent twice."""
    client: DynamoDBClient = _client("dynamodb", _ONCE)
    return client


def sqs() -> "SQSClient":
    """The SQS client."""
    client: SQSClient = _client("sqs")
    return client


def ssm() -> "SSMClient":
    """The client of SSM, whose parameters hold secrets."""
    client: SSMClient = _client("ssm")
    return client


def cognito_idp() -> "CognitoIdentityProviderClient":
    """The client of the Cognito user pool that knows who may sign in."""
    client: CognitoIdentityProviderClient = _client("cognito-idp", _PATIENT)
    return client


def apigateway() -> "APIGatewayClient":
    """The client of API Gateway's management: the keys that it meters by."""
    client: APIGatewayClient = _client("apigateway", _PATIENT)
    return client


def dynamodbstreams() -> Any:
    """The client of DynamoDB's streams; for operators, the layer leaves its model out."""
    return _client("dynamodbstreams", _PATIENT)


def clear_cache() -> None:
    """Drop the clients, for a process that changes its account, region or endpoint."""
    _client.cache_clear()
    _session.cache_clear()
