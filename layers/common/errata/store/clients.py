"""The AWS clients, made once per process, on first use. Making them does not contact AWS.

DynamoDB has two clients with the same methods. `DYNAMODB_CLIENT=lean`, which the template sets for
all functions, selects the small one (`errata.store.lean`). Otherwise, as in the operator's command,
it is botocore's, which also knows profiles and single sign-on. botocore takes long to import, so
this module imports it only when one of its clients is needed.
"""

import logging
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from errata.store.lean import LeanClient

if TYPE_CHECKING:
    from mypy_boto3_apigateway.client import APIGatewayClient
    from mypy_boto3_cognito_idp.client import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_ssm.client import SSMClient

    from errata.store.lean_s3 import LeanS3
    from errata.store.lean_sqs import LeanSqs

# At DEBUG, these log whole requests and responses, with passwords, tokens and secrets in them.
for _name in ("botocore", "urllib3"):
    logging.getLogger(_name).setLevel(logging.INFO)


def _client(service: str, patience: str = "quick") -> Any:
    from errata.store import botocore_clients

    return botocore_clients.client(service, patience)


@cache
def _lean() -> LeanClient | None:
    """Return the small client of DynamoDB, None if botocore's is selected."""
    if os.environ.get("DYNAMODB_CLIENT") == "lean":
        return LeanClient.of_environment()
    return None


@cache
def _lean_once() -> LeanClient | None:
    client = _lean()
    return client and client.once()


def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    either: Any = _lean() or _client("dynamodb")
    client: DynamoDBClient = either
    return client


def dynamodb_once() -> "DynamoDBClient":
    """Return the DynamoDB client without retries, for requests that must not be sent twice."""
    either: Any = _lean_once() or _client("dynamodb", "once")
    client: DynamoDBClient = either
    return client


def dynamodb_patient() -> "DynamoDBClient":
    """Return the DynamoDB client for large pages, which take long. Only for operators."""
    client: DynamoDBClient = _client("dynamodb", "patient")
    return client


def region() -> str:
    """Return the region of the clients."""
    return dynamodb_patient().meta.region_name


def sqs() -> "SQSClient":
    """Return the SQS client."""
    client: SQSClient = _client("sqs")
    return client


@cache
def lean_sqs() -> "LeanSqs | None":
    """Return the small client of SQS, None if botocore's is selected."""
    if os.environ.get("DYNAMODB_CLIENT") != "lean":
        return None
    from errata.store.lean_sqs import LeanSqs  # few requests have check-ins

    return LeanSqs.of_environment()


def scheduler() -> Any:
    """Return the client of EventBridge Scheduler, for cron monitors."""
    return _client("scheduler")


def ssm() -> "SSMClient":
    """Return the SSM client. SSM parameters contain secrets."""
    client: SSMClient = _client("ssm")
    return client


def cognito_idp() -> "CognitoIdentityProviderClient":
    """Return the client of Cognito. Its user pool contains the accounts of members."""
    client: CognitoIdentityProviderClient = _client("cognito-idp", "patient")
    return client


def cognito_idp_once() -> "CognitoIdentityProviderClient":
    """Return the client of Cognito without retries, for sign-in."""
    client: CognitoIdentityProviderClient = _client("cognito-idp", "patient_once")
    return client


def apigateway() -> "APIGatewayClient":
    """Return the client of API Gateway's management API, for gateway keys and usage plans."""
    client: APIGatewayClient = _client("apigateway", "patient")
    return client


def apigateway_once() -> "APIGatewayClient":
    """Return the client of API Gateway's management API without retries."""
    client: APIGatewayClient = _client("apigateway", "patient_once")
    return client


def sesv2(region: str) -> Any:
    """Return a client of SES in a region, for mails to members. They are few."""
    from errata.store import botocore_clients

    return botocore_clients.create("sesv2", "brief", region)


def sns() -> Any:
    """Return the client of SNS, for the topic of the alarms."""
    return _client("sns", "brief")


def events() -> Any:
    """Return the client of EventBridge, for alerts."""
    return _client("events", "brief")


def logs() -> Any:
    """Return the client of CloudWatch Logs."""
    return _client("logs", "brief")


def logs_patient() -> Any:
    """Return the client of CloudWatch Logs for operators, who can wait."""
    return _client("logs", "patient")


def s3() -> Any:
    """Return the client for the bucket of source maps and, for operators, for those of backups."""
    return _client("s3", "patient")


@cache
def lean_s3() -> "LeanS3 | None":
    """Return the small client for the bucket of source maps, None if botocore's is selected."""
    if os.environ.get("DYNAMODB_CLIENT") != "lean":
        return None
    from errata.store.lean_s3 import LeanS3  # most projects have no source maps

    return LeanS3.of_environment(os.environ["MAPS_BUCKET"])


def dynamodbstreams() -> Any:
    """Return the client of DynamoDB's streams.

    Only for operators: botocore's model of this service is not in the layer.
    """
    return _client("dynamodbstreams", "patient")


def sts() -> Any:
    """Return the client of AWS's Security Token Service. It tells operators who they are."""
    return _client("sts", "patient")


def clear_cache() -> None:
    """Drop the clients, for a process that changes its account, region or endpoint."""
    if _lean.cache_info().currsize and (client := _lean()):
        client.close()
    if lean_s3.cache_info().currsize and (of_s3 := lean_s3()):
        of_s3.close()
    if lean_sqs.cache_info().currsize and (of_sqs := lean_sqs()):
        of_sqs.close()
    _lean.cache_clear()
    _lean_once.cache_clear()
    lean_s3.cache_clear()
    lean_sqs.cache_clear()
    if module := sys.modules.get("errata.store.botocore_clients"):
        module.clear_cache()
