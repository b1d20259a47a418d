"""Find the stack that a command uses: the local one, or one in the caller's account.

`find` also sets the environment variables of this process from the stack's outputs, as the template
does for a Lambda function.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from errata.config import settings
from errata.errors import NotFoundError
from errata.models.gateway_key import Gateway
from errata.store import botocore_clients, clients

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.client import CloudFormationClient

DEFAULT_STACK = "errata"
LOCAL_FILE = Path(".errata") / "local.json"

# Maps an output of the template to an environment variable that errata.config reads.
SETTINGS = {
    "EventsTableName": "EVENTS_TABLE",
    "IssuesTableName": "ISSUES_TABLE",
    "ProjectsTableName": "PROJECTS_TABLE",
    "IdempotencyTableName": "IDEMPOTENCY_TABLE",
    "DeliveriesTableName": "DELIVERIES_TABLE",
    "DashboardUrl": "DASHBOARD_URL",
    "DigestDeadLetterUrl": "DIGEST_DEAD_LETTER_URL",
    "CleanupDeadLetterUrl": "CLEANUP_DEAD_LETTER_URL",
    "WebhookDeadLetterUrl": "WEBHOOK_DEAD_LETTER_URL",
    "LedgerDeadLetterUrl": "LEDGER_DEAD_LETTER_URL",
    "WebhookQueueUrl": "WEBHOOK_QUEUE_URL",
    "WebhookSecrets": "WEBHOOK_SECRETS",
    "WebhooksToLoopback": "WEBHOOKS_TO_LOOPBACK",
    "RetentionDays": "RETENTION_DAYS",
    "UserPoolId": "USER_POOL_ID",
}
# As above, but a stack without mail, or an older one, does not have them.
OPTIONAL = {
    "MailIdentityArn": "MAIL_IDENTITY",
    "AlertTopicArn": "ALERT_TOPIC",
    "ArtifactsTableName": "ARTIFACTS_TABLE",
    "MapsBucketName": "MAPS_BUCKET",
    "CompileMapsDeadLetterUrl": "COMPILE_MAPS_DEAD_LETTER_URL",
    "LogCaptureDeadLetterUrl": "LOG_CAPTURE_DEAD_LETTER_URL",
    "LogCaptureArn": "LOG_CAPTURE_ARN",
    "MonitorDeadLetterUrl": "MONITOR_DEAD_LETTER_URL",
    "MonitorQueueUrl": "MONITOR_QUEUE_URL",
}
CREDENTIALS = ("access_key_id", "secret_access_key")
OUTPUTS = (*SETTINGS, "ApiId", "ApiUrl", "StageName")


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployed stack: the base URL of its API, and the API Gateway that enforces rate limits.

    `sdk_url` is the base URL of the SDK endpoint, which DSNs name. `web_url` is that of the web
    API, which tokens name. `options` select the stack in another command: "--local", "--stack
    NAME", or "" if it is the default.
    """

    api_url: str
    gateway: Gateway
    sdk_url: str
    options: str = ""
    web_url: str = ""

    def command(self, words: str) -> str:
        """Return a command that acts on this stack."""
        return f"errata {words} {self.options}".rstrip()


def find(local: bool, stack: str) -> DeployedStack:
    """Find the stack that a command uses, and load its settings into this process.

    Raises:
        NotFoundError: there is no such stack, it is not Errata, or no local stack is running.
        BotoCoreError, ClientError: the call to AWS failed.
    """
    here = _local() if local else {}
    if here:
        _leave_aws(here)
    elif "AWS_DEFAULT_REGION" not in os.environ and "AWS_REGION" in os.environ:
        # botocore only reads AWS_DEFAULT_REGION. Other tools set AWS_REGION.
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]
    default = os.environ.get("ERRATA_STACK") or DEFAULT_STACK
    name = here.get("stack") or stack or default
    stack_name, outputs = _outputs(name, local)
    os.environ.update({setting: outputs[output] for output, setting in SETTINGS.items()})
    os.environ.update({setting: outputs.get(output, "") for output, setting in OPTIONAL.items()})
    settings.cache_clear()
    gateway = Gateway(stack_name, outputs["ApiId"], outputs["StageName"], may_list=True)
    options = "--local" if local else "" if stack_name == default else f"--stack {stack_name}"
    api_url = here.get("api_url") or outputs["ApiUrl"]
    # A stack of an older release has no other URLs.
    sdk_url = here.get("sdk_url") or outputs.get("SdkUrl") or api_url
    web_url = here.get("web_url") or outputs.get("WebUrl") or api_url
    return DeployedStack(api_url, gateway, sdk_url.rstrip("/"), options, web_url.rstrip("/"))


def _local() -> Mapping[str, str]:
    """Return what `make run` wrote, in this folder or the nearest parent with such a file.

    Raises:
        NotFoundError: there is no such file, or it is invalid.
    """
    for folder in (Path.cwd(), *Path.cwd().parents):
        file = folder / LOCAL_FILE
        if file.is_file():
            try:
                found: dict[str, Any] = json.loads(file.read_text())
                names = ("api_url", "region", "aws_endpoint_url", "stack")
                credentials = found["aws_credentials"]
                return {
                    **{name: str(found[name]) for name in names},
                    **{name: str(found.get(name, "")) for name in ("sdk_url", "web_url")},
                    **{name: str(credentials[name]) for name in CREDENTIALS},
                }
            except (OSError, ValueError, KeyError, TypeError):
                raise NotFoundError(
                    f"{file} is invalid. Run `make run` again to replace it."
                ) from None
    raise NotFoundError("No local stack found. Start one with `make run`.")


def _leave_aws(local: Mapping[str, str]) -> None:
    """Replace the caller's AWS settings, so that every call goes to the local stack."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_ENDPOINT_URL=local["aws_endpoint_url"],
        AWS_DEFAULT_REGION=local["region"],
        AWS_ACCESS_KEY_ID=local["access_key_id"],
        AWS_SECRET_ACCESS_KEY=local["secret_access_key"],
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        no_proxy="*",
    )
    clients.clear_cache()


def _cloudformation(local: bool) -> Any:
    # Do not retry on the local stack: it responds at once, or it is not running.
    tries: Any = {"mode": "standard", "total_max_attempts": 1 if local else 3}
    config = Config(connect_timeout=3, read_timeout=20, retries=tries)
    return botocore_clients.session().create_client("cloudformation", config=config)


def _outputs(stack: str, local: bool) -> tuple[str, dict[str, str]]:
    """Return the stack's name and outputs.

    Raises:
        NotFoundError: the stack does not exist, or is not a complete deployment of Errata.
    """
    try:
        client: CloudFormationClient = _cloudformation(local)
    except ValueError as error:  # an endpoint that is not a URL
        raise NotFoundError(f"{error}.") from error
    where = os.environ["AWS_ENDPOINT_URL"] if local else client.meta.region_name
    try:
        (found,) = client.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        advice = (
            "Start it with `make run`."
            if local
            else "Set your stack with --stack or ERRATA_STACK, deploy one with `make deploy`,"
            " or use --local."
        )
        raise NotFoundError(f"There is no stack {stack} in {where}. {advice}") from error
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    missing = [name for name in OUTPUTS if name not in outputs]
    if missing:
        raise NotFoundError(
            f"The stack {stack} in {where} ({found['StackStatus']}) has no output"
            f" {', '.join(missing)}. It is not an Errata stack, or its deployment is not complete."
        )
    return found["StackName"], outputs
