"""The AWS clients, made once per process, on first use. Making them does not contact AWS."""

import logging
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

# At DEBUG, these log whole requests and responses, with passwords, tokens and secrets in them.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)

# DynamoDB usually responds within milliseconds. Fail early, to have time for a retry.
_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    # Our tests check the form of every request. Checking it here again would slow down each event.
    parameter_validation=False,
    # Without this, botocore builds and cleans its user agent for every request. That is a third of
    # all function calls in a warm ingest.
    user_agent=f"errata botocore/{botocore.__version__}",
)
_ONCE = _CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
# API Gateway accepts only a few management calls per second, and their callers can wait.
_PATIENT = Config(
    connect_timeout=3,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 6},
    # Use one host name per service for all accounts: a firewall of an operator may allow only that.
    account_id_endpoint_mode="disabled",
)
# The function that sends mails counts losses, which must not wait for them.
_BRIEF = Config(
    connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1}
)
# A user waits for the response, and Cognito's limits are shared by all users: each retry of a
# throttled call would use up more of them.
_PATIENT_ONCE = _PATIENT.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))


@cache
def _session() -> botocore.session.Session:
    # One for all clients, because each session loads the endpoints and service models again.
    session = botocore.session.get_session()
    session.register("creating-client-class", _translate_errors)
    return session


def _translate_errors(**event: Any) -> None:
    event["base_classes"].insert(0, TranslatesErrors)


@cache
def _client(service: str, config: Config = _CONFIG) -> Any:
    return _session().create_client(service, config=config)


def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    client: DynamoDBClient = _client("dynamodb")
    return client


def dynamodb_once() -> "DynamoDBClient":
    """Return the DynamoDB client without retries, for requests that must not be sent twice."""
    client: DynamoDBClient = _client("dynamodb", _ONCE)
    return client


def dynamodb_patient() -> "DynamoDBClient":
    """Return the DynamoDB client for large pages, which take long. Only for operators."""
    client: DynamoDBClient = _client("dynamodb", _PATIENT)
    return client


def region() -> str:
    """Return the region of the clients."""
    return dynamodb_patient().meta.region_name


def sqs() -> "SQSClient":
    """Return the SQS client."""
    client: SQSClient = _client("sqs")
    return client


def ssm() -> "SSMClient":
    """Return the SSM client. SSM parameters contain secrets."""
    client: SSMClient = _client("ssm")
    return client


def cognito_idp() -> "CognitoIdentityProviderClient":
    """Return the client of Cognito. Its user pool contains the accounts of members."""
    client: CognitoIdentityProviderClient = _client("cognito-idp", _PATIENT)
    return client


def cognito_idp_once() -> "CognitoIdentityProviderClient":
    """Return the client of Cognito without retries, for sign-in."""
    client: CognitoIdentityProviderClient = _client("cognito-idp", _PATIENT_ONCE)
    return client


def apigateway() -> "APIGatewayClient":
    """Return the client of API Gateway's management API, for gateway keys and usage plans."""
    client: APIGatewayClient = _client("apigateway", _PATIENT)
    return client


def apigateway_once() -> "APIGatewayClient":
    """Return the client of API Gateway's management API without retries."""
    client: APIGatewayClient = _client("apigateway", _PATIENT_ONCE)
    return client


def sesv2(region: str) -> Any:
    """Return a client of SES in a region, for mails to members. They are few."""
    return _session().create_client("sesv2", config=_BRIEF, region_name=region)


def sns() -> Any:
    """Return the client of SNS, for the topic of the alarms."""
    return _client("sns", _BRIEF)


def s3() -> Any:
    """Return the client for buckets, where backups may be.

    Only for operators: botocore's model of this service is not in the layer.
    """
    return _client("s3", _PATIENT)


def dynamodbstreams() -> Any:
    """Return the client of DynamoDB's streams.

    Only for operators: botocore's model of this service is not in the layer.
    """
    return _client("dynamodbstreams", _PATIENT)


def sts() -> Any:
    """Return the client of AWS's security tokens, for operators: it tells who they are."""
    return _client("sts", _PATIENT)


def clear_cache() -> None:
    """Drop the clients, for a process that changes its account, region or endpoint."""
    _client.cache_clear()
    _session.cache_clear()
