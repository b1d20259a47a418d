"""The local stack accepts calls of the developer and of its functions, not of web pages."""

import json
from dataclasses import replace
from urllib.parse import urlencode

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from dev.process import AwsCredentials, local_aws
from dev.stack import LocalStack
from tests.support.team import Team

PAGE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
# MiniStack accepts it as its root user's credential.
GUESSED = "?X-Amz-Credential=test%2F20261128%2Fus-east-1%2Fiam%2Faws4_request"


def test_a_web_page_creates_no_role_and_runs_no_code(stack: LocalStack) -> None:
    role = {"Action": "CreateRole", "RoleName": "evil", "Version": "2010-05-08"}
    body = urlencode({**role, "AssumeRolePolicyDocument": json.dumps(TRUST)})
    for url in (f"{stack.endpoint_url}/", f"{stack.endpoint_url}/{GUESSED}"):
        for headers in (PAGE, {"Host": "evil.example"}, {}):
            refused = requests.post(url, body, headers={**FORM, **headers}, timeout=30)
            assert refused.status_code == 403
            assert "Access-Control-Allow-Origin" not in refused.headers
    with pytest.raises(ClientError, match="NoSuchEntity"):
        stack.client("iam").get_role(RoleName="evil")
    name = stack.client("lambda").list_functions()["Functions"][0]["FunctionName"]
    path = f"/2015-03-31/functions/{name}/invocations{GUESSED}"
    assert (
        requests.post(stack.endpoint_url + path, "{}", headers=PAGE, timeout=30).status_code == 403
    )


@pytest.mark.parametrize(
    "path", ["reset", "config", "health", "ready", "sqs/messages", "ses/messages"]
)
def test_ministack_s_endpoints_are_closed(stack: LocalStack, path: str) -> None:
    for method in ("GET", "POST"):
        url = f"{stack.endpoint_url}/_ministack/{path}"
        assert requests.request(method, url, timeout=30).status_code == 403
    assert stack.outputs["ApiId"]
    assert stack.client("cloudformation").describe_stacks(StackName=stack.stack_name)["Stacks"]


def test_only_the_credentials_of_this_stack_are_accepted(stack: LocalStack) -> None:
    for wrong in (
        AwsCredentials("test", "test"),
        AwsCredentials("000000000000", "test"),
        replace(stack.credentials, secret_access_key="guessed"),
    ):
        variables = local_aws(stack.endpoint_url, wrong)
        for service, operation in (("dynamodb", "list_tables"), ("iam", "list_roles")):
            client = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=stack.endpoint_url,
                region_name=stack.region,
                aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            )
            with pytest.raises(ClientError, match=r"UnrecognizedClient|SignatureDoesNotMatch"):
                getattr(client, operation)()


def test_the_api_responds_to_a_preflight_but_refuses_a_foreign_host_name(stack: LocalStack) -> None:
    url = f"{stack.api_url}/api/ingest"
    preflight = {
        **PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    allowed = requests.options(url, headers=preflight, timeout=30)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == "*"
    # DNS rebinding: the page's own name now leads to this machine.
    rebound = requests.get(stack.dashboard_url, headers={"Host": "evil.example"}, timeout=30)
    assert rebound.status_code == 403


def test_cognito_accepts_unsigned_calls_only_where_aws_does(stack: LocalStack, team: Team) -> None:
    cognito = stack.client("cognito-idp", config=Config(signature_version=UNSIGNED))
    pool = stack.outputs["UserPoolId"]
    (client,) = stack.client("cognito-idp").list_user_pool_clients(UserPoolId=pool)[
        "UserPoolClients"
    ]
    # No mail leaves the local stack.
    cognito.forgot_password(ClientId=client["ClientId"], Username=team.email)
    with pytest.raises(ClientError, match="MissingAuthenticationToken"):
        cognito.list_user_pools(MaxResults=1)
