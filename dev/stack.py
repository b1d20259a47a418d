"""A local stack to use: `with LocalStack() as stack: requests.get(f"{stack.api_url}/api.php")`."""

import contextlib
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from dev import gateway
from dev.build import SAM, artifacts, build_folder, output, sha256_of
from dev.emulated_gateway import PINNED
from dev.ministack import HOST, Emulator, choose_ports, emulator
from dev.process import (
    REGION,
    ROOT,
    AwsCredentials,
    local_aws,
    new_credentials,
    run_tool,
    tool_environment,
)

# The id of the API is set by a tag, because its URL is a parameter of the template and must be
# known before. Eight hexadecimal digits, like MiniStack's own.
API_ID = "e44a7a00"
STAGE = "v1"
# The outputs of the template with the functions' own URLs. They are served at the ports after the
# first one, in this order.
WEB, SDK = FUNCTION_URLS = ("WebFunctionUrl", "SdkFunctionUrl")


def say_nothing(line: str) -> None:
    """Ignore a step."""


class LocalStack:
    """The template, deployed on this machine during a `with` block.

    `port` is the first of three; 0 takes free ones. With a `state_dir`, data is kept there between
    runs. `parameters` are the template's, by name. `say` is called with each step. `log` is the
    file that MiniStack writes to. `source` is another folder to deploy; `update` then deploys this
    checkout over it. `keeps` are file descriptors of locks to hold until every process of the stack
    has ended. `api_id` has eight hexadecimal digits.

    Raises:
        LocalStackError: the stack did not start. Nothing is left running.
    """

    region = REGION

    def __init__(
        self,
        *,
        port: int = 0,
        state_dir: Path | None = None,
        parameters: Mapping[str, str] | None = None,
        stack_name: str = "errata-local",
        say: Callable[[str], object] = say_nothing,
        log: Path | None = None,
        source: Path = ROOT,
        keeps: Sequence[int] = (),
        api_id: str = API_ID,
    ) -> None:
        self._api_id = api_id
        self._source = source
        self.stack_name = stack_name
        # The address of every AWS service, and the credentials of its root user.
        self.endpoint_url = ""
        self.credentials = new_credentials()
        self.outputs: dict[str, str] = {}
        self._port = port
        # The port of each function's URL, by the output that has the URL.
        self._ports: dict[str, int] = {}
        self._state_dir = state_dir
        self._keeps = keeps
        self._parameters = {
            "Architecture": architecture(platform.machine()),
            # Receivers of webhooks run on this machine, too.
            "WebhooksToLoopback": "on",
            "DigestWindow": "1",
            **(parameters or {}),
        }
        self._say = say
        self.log = log
        self._cleanup = contextlib.ExitStack()

    @classmethod
    def running(cls, endpoint_url: str, credentials: AwsCredentials, *, log: Path) -> Self:
        """Return the stack that another process has deployed at `endpoint_url` and will stop."""
        stack = cls(log=log)
        stack.endpoint_url = endpoint_url
        stack.credentials = credentials
        stack.outputs = stack._read_outputs()
        return stack

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as cleanup:
            self.emulator = self._start(cleanup)
            self.endpoint_url = self.emulator.endpoint_url
            self.credentials = self.emulator.credentials
            if self._source == ROOT:
                self.update()
            else:
                self._deploy(self._source, build_folder(self._source))
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    def beside(self, stack_name: str, api_id: str) -> "LocalStack":
        """Deploy another stack into the same local account. It stops together with this one."""
        # The ports are this stack's, so SDKs and tools use the API of the other one.
        other = LocalStack(
            stack_name=stack_name,
            api_id=api_id,
            log=self.log,
            parameters={"SdkEndpoint": "gateway", "WebApiUrl": "off"},
        )
        other.emulator = self.emulator
        other.endpoint_url = self.endpoint_url
        other.credentials = self.credentials
        other.update()
        return other

    def update(self, parameters: Mapping[str, str] | None = None) -> None:
        """Deploy this checkout over the deployed stack. Stored data stays.

        `parameters` are those to change.
        """
        self._parameters |= parameters or {}
        with artifacts(self._say) as fingerprint:
            self._deploy(ROOT, fingerprint)

    @property
    def api_url(self) -> str:
        """The base of every route, before `/api/ingest` and `/api.php`."""
        # The form of the URL that needs no name resolution.
        return f"{self.endpoint_url}/_aws/execute-api/{self._api_id}/{STAGE}"

    @property
    def sdk_url(self) -> str:
        """The base URL of the SDK endpoint, as DSNs name it."""
        return self.outputs["SdkUrl"] if SDK in self.outputs else self.api_url

    @property
    def web_url(self) -> str:
        """The base URL of the web API, as tokens name it."""
        return self.outputs["WebUrl"] if WEB in self.outputs else self.api_url

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send AWS calls to this stack."""
        return local_aws(self.endpoint_url, self.credentials)

    @property
    def dashboard_url(self) -> str:
        """The URL of the sign-in page."""
        return f"{self.api_url}/dashboard"

    def client(self, service: str, *, config: Config | None = None) -> Any:
        """Return a boto3 client of the local AWS, independent of the caller's own AWS settings."""
        session = _session(self.credentials)
        # boto3-stubs know a client only by the literal name of its service.
        return session.client(service, endpoint_url=self.endpoint_url, config=config)  # type: ignore[call-overload]

    def put_value(self, name: str, value: str) -> None:
        """Store a value in the emulator. It is kept or lost together with the data."""
        self.client("ssm").put_parameter(
            Name=self._parameter_name(name), Value=value, Type="String", Overwrite=True
        )

    def get_value(self, name: str) -> str | None:
        """Return the value that `put_value` stored, or None."""
        try:
            response = self.client("ssm").get_parameter(Name=self._parameter_name(name))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterNotFound":
                raise
            return None
        value: str = response["Parameter"]["Value"]
        return value

    def _parameter_name(self, name: str) -> str:
        return f"/errata/{self.stack_name}/{name}"

    def _start(self, cleanup: contextlib.ExitStack) -> Emulator:
        port, *others = choose_ports(self._port, 1 + len(FUNCTION_URLS))
        self._ports = dict(zip(FUNCTION_URLS, others, strict=True))
        self._say(f"Starting local AWS on port {port} ...")
        return cleanup.enter_context(
            emulator(
                port,
                state_dir=self._state_dir,
                log=self.log,
                keeps=self._keeps,
                functions={at: (self.stack_name, url) for url, at in self._ports.items()},
            )
        )

    def _deploy(self, source: Path, fingerprint: str) -> None:
        self.emulator.wait_until_ready()
        self._parameters.setdefault("DashboardUrl", self.dashboard_url)
        if SDK in self._ports:
            self._parameters.setdefault("SdkUrl", f"http://{HOST}:{self._ports[SDK]}")
            self._parameters.setdefault("WebUrl", f"http://{HOST}:{self._ports[WEB]}")
        adjustments = sha256_of([Path(gateway.__file__)])
        build = f"{fingerprint} {adjustments} {sorted(self._parameters.items())}"
        if self.get_value("build") != build:
            self._say("Deploying the template to the local AWS ...")
            environment = tool_environment(os.environ) | self.environment
            # SAM polls every five seconds by default, which would be most of the time of a
            # deployment.
            environment["SAM_CLI_POLL_DELAY"] = "0.5"
            run_tool("sam deploy", self._deploy_command(source), environment, say=self._say)
            self.outputs = self._read_outputs()
            self._complete()
            self.put_value("build", build)
        self.outputs = self._read_outputs()

    def _deploy_command(self, source: Path) -> list[str]:
        # The config environment ignores the operator's own settings in samconfig.toml.
        command = [SAM, "deploy", "--config-env", "local", "--template"]
        command += [f"{output(source)}/template.yaml"]
        command += ["--stack-name", self.stack_name, "--resolve-s3", "--no-confirm-changeset"]
        command += ["--tags", f"{PINNED}={self._api_id}"]
        command += ["--no-fail-on-empty-changeset"]
        command += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        overrides = [f"{name}={value}" for name, value in self._parameters.items()]
        return [*command, "--parameter-overrides", *overrides]

    def _read_outputs(self) -> dict[str, str]:
        stacks = self.client("cloudformation").describe_stacks(StackName=self.stack_name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}

    def _complete(self) -> None:
        """Make the settings of the template that MiniStack has left out."""
        template = self.client("cloudformation").get_template(
            StackName=self.stack_name, TemplateStage="Processed"
        )["TemplateBody"]
        gateway.complete(
            self.client("apigateway", config=Config(parameter_validation=False)),
            self.outputs["ApiId"],
            STAGE,
            template["Resources"]["Api"]["Properties"]["Body"],
        )
        dynamodb = self.client("dynamodb")
        for name, resource in template["Resources"].items():
            if resource["Type"] != "AWS::DynamoDB::Table":
                continue
            table, properties = self._physical(name), resource["Properties"]
            if expiry := properties.get("TimeToLiveSpecification"):
                dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
            if recovery := properties.get("PointInTimeRecoverySpecification"):
                enabled = recovery["PointInTimeRecoveryEnabled"]
                if not isinstance(enabled, bool):  # a condition on the parameter
                    enabled = self._parameters.get("PointInTimeRecovery") == "all"
                dynamodb.update_continuous_backups(
                    TableName=table,
                    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
                )

    def _physical(self, name: str) -> str:
        """Return the name that AWS gave a resource of the stack."""
        found = self.client("cloudformation").describe_stack_resource(
            StackName=self.stack_name, LogicalResourceId=name
        )
        physical: str = found["StackResourceDetail"]["PhysicalResourceId"]
        return physical


# Each value is (name in the settings file, environment variable, default, conversion). Without a
# name and a variable, botocore always uses the default.
NO_OWN_SETTINGS: dict[str, Any] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


def architecture(machine: str) -> str:
    """Return Lambda's name of this machine's processor."""
    return "arm64" if machine.lower() in {"arm64", "aarch64"} else "x86_64"


@cache
def _session(credentials: AwsCredentials) -> boto3.session.Session:
    """Return the session of all clients. Each session loads endpoints and service models again."""
    return boto3.session.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        region_name=REGION,
        botocore_session=botocore.session.Session(session_vars=NO_OWN_SETTINGS),
    )
