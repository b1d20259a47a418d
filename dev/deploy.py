"""Deploy a stack to an AWS account and keep its settings: `make deploy SET="RetentionDays=90"`.

A setting is a parameter whose value somebody has chosen. Every other parameter gets the default of
the template, also if the default has changed since the last deployment. `deployments.json`, which
is not tracked, has the settings of each stack that was deployed from this checkout. If the stack
has other values than it got from here, somebody else has chosen them, and they are kept.
"""

import argparse
import difflib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dev.build import OUTPUT, SAM, artifacts
from dev.errors import LocalStackError, ToolError
from dev.process import BIN, ROOT
from dev.template import load

RECORDS = ROOT / "deployments.json"
# Every release's template starts its description with it, and has these outputs.
DESCRIPTION = "Errata, "
OUTPUTS = {"ApiId", "EventsTableName", "IssuesTableName", "ProjectsTableName"}
# SAM does not undo the escape of a backslash. In any value, it reads
# `ParameterKey=A,ParameterValue=B` as another parameter (samcli.cli.types).
_GARBLED = re.compile(r"\\|ParameterKey=")
CREDENTIALS = (
    "Put credentials for the AWS account into the environment: AWS_PROFILE, or AWS_ACCESS_KEY_ID"
    " and AWS_SECRET_ACCESS_KEY"
    " (https://docs.aws.amazon.com/cli/latest/userguide/cli-chap-configure.html)."
)


class DeployError(LocalStackError):
    """The deployment or its check failed. The text is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was deployed from this checkout: the settings, and the values of all parameters."""

    settings: dict[str, str]
    deployed: dict[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment: the settings to keep, and the values of all parameters.

    `adopted` are settings that the stack has and this checkout did not know. `changes` has (name,
    value before, value after); the value before is None for a new parameter.
    """

    settings: dict[str, str]
    values: dict[str, str]
    adopted: dict[str, str]
    changes: list[tuple[str, str | None, str]]


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        _deploy(options)
    except LocalStackError as error:
        if isinstance(error, ToolError):
            print(error.output, file=sys.stderr)
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("--set", default="", help='settings: "Name=value Name=value"')
    parser.add_argument("--stack", default="errata", help="name of the stack")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--read-only", action="store_true", help="check it without requests")
    parser.add_argument("--records", type=Path, default=RECORDS, help="file of the settings")
    return parser


def _deploy(options: argparse.Namespace) -> None:
    parameters = load()["Parameters"]
    new = read_settings(options.set, parameters)
    # Unlike AWS's other tools, boto3 reads AWS_DEFAULT_REGION alone.
    session = boto3.session.Session(region_name=os.environ.get("AWS_REGION"))
    place = where(session, options.stack)
    print(f"Stack {place[2]} in account {place[0]}, region {place[1]}.")
    records = read_records(options.records)
    name = " ".join(place)
    current = stack_parameters(session, options.stack)
    found = plan(parameters, current, records.get(name), new)
    print(describe(found, first=current is None))
    with artifacts(print):
        deployed = subprocess.run(
            command(place, found.values, ask=not options.yes and sys.stdin.isatty()),
            env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
            cwd=ROOT,
            check=False,
        )
    if deployed.returncode:
        raise DeployError(
            "sam deploy failed: see its output above. The settings were not saved: give them again."
        )
    # Declining the change set ends SAM without an error.
    if stack_parameters(session, options.stack) != found.values:
        return
    records[name] = Record(found.settings, found.values)
    write_records(options.records, records)
    _check(options)


def _check(options: argparse.Namespace) -> None:
    """Check the deployment with `errata doctor`.

    Raises:
        DeployError: a check failed.
    """
    print("Checking the deployment: errata doctor", flush=True)
    command = [BIN / "errata", "doctor", "--stack", options.stack]
    command += ["--read-only"] if options.read_only else []
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise DeployError(
            "The stack is deployed and its settings are recorded, but errata doctor found a"
            " problem: see its output above. Then run it again:"
            f" errata doctor --stack {options.stack}"
        )


# ------------------------------------------------------------------ settings


def read_settings(text: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings in `Name=value Name=value`. An empty value means the default.

    Raises:
        DeployError: names every setting that the template would refuse.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise DeployError(f"{text}: a quotation mark is not closed ({error}).") from None
    wrong: list[str] = []
    settings: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name not in parameters:
            wrong.append(f"{name}: the template has no such parameter.{_similar(name, parameters)}")
        elif not equals:
            wrong.append(f"{name}: write {name}=value; {name}= sets the default again.")
        elif name in settings:
            wrong.append(f"{name}: is given twice.")
        elif value and (problem := _refused(value, parameters[name])):
            wrong.append(f"{name}: {problem}")
        else:
            settings[name] = value
    if wrong:
        raise DeployError("\n".join(wrong))
    return settings


def _similar(name: str, parameters: Iterable[str]) -> str:
    by_lower = {each.lower(): each for each in parameters}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f" Did you mean {by_lower[close[0]]}?" if close else ""


def _refused(value: str, parameter: Mapping[str, Any]) -> str:
    """Return why CloudFormation would refuse a value, "" if it would not."""
    if allowed := parameter.get("AllowedValues"):
        texts = [str(each) for each in allowed]
        return "" if value in texts else f"must be one of {', '.join(texts)}."
    if parameter["Type"] == "Number":
        least, most = parameter.get("MinValue"), parameter.get("MaxValue")
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):  # `float` accepts more, such as 1_000
            return "must be a number."
        number = float(value)
        if not (least is None or number >= least) or not (most is None or number <= most):
            return f"must be a number from {least} to {most}."
    pattern = parameter.get("AllowedPattern", "")
    # Not `search`: there, a `$` also matches before a newline at the end.
    return "" if not pattern or re.fullmatch(pattern, value) else f"must match {pattern}"


def default(parameter: Mapping[str, Any]) -> str:
    """Return the default of a parameter as CloudFormation writes it."""
    return str(parameter["Default"])


# ------------------------------------------------------------------ plan


def plan(
    parameters: Mapping[str, Any],
    current: Mapping[str, str] | None,
    record: Record | None,
    new: Mapping[str, str],
) -> Plan:
    """Return what to deploy.

    Args:
        parameters: the template's.
        current: the values of the stack that exists; None if there is none.
        record: what was last deployed from this checkout; None if nothing was.
        new: the settings to change. "" means the default.

    Raises:
        DeployError: SAM would change a value, or read another parameter from it.
    """
    defaults = {name: default(parameter) for name, parameter in parameters.items()}
    # What this checkout expects to find in the stack: what it deployed, or else the defaults.
    expected = record.deployed if record else defaults
    adopted = {
        name: value
        for name, value in (current or {}).items()
        if name in defaults and value != expected.get(name, defaults[name]) and name not in new
    }
    chosen = {**(record.settings if record else {}), **adopted, **new}
    settings = {
        name: value
        for name, value in chosen.items()
        if name in defaults and value not in ("", defaults[name])
    }
    values = {**defaults, **settings}
    if garbled := [name for name, value in values.items() if _GARBLED.search(value)]:
        raise DeployError(
            f"{', '.join(garbled)}: SAM cannot pass a value with a backslash or with ParameterKey=."
            f' Choose another one: SET="{garbled[0]}=value".'
        )
    before = current or {}
    changes = [
        (name, before.get(name), value)
        for name, value in values.items()
        if before.get(name) != value
    ]
    return Plan(settings, values, adopted, changes)


def describe(found: Plan, *, first: bool) -> str:
    """Return what the person at the terminal reads before the deployment."""
    lines = []
    if found.adopted:
        lines.append("Set in the stack, and kept:")
        lines += [f"  {name} = {value or '(empty)'}" for name, value in found.adopted.items()]
    if first:
        lines.append("A new stack, with these settings:")
        lines += [f"  {name} = {value}" for name, value in found.settings.items()]
        lines += [] if found.settings else ["  none; every parameter has its default"]
    elif found.changes:
        lines.append("Parameters that change:")
        lines += [
            f"  {name}: {'(new)' if before is None else before or '(empty)'} → {after or '(empty)'}"
            for name, before, after in found.changes
        ]
    else:
        lines.append("No parameter changes.")
    return "\n".join(lines)


# ------------------------------------------------------------------ the account


def where(session: boto3.session.Session, stack: str) -> tuple[str, str, str]:
    """Return (account, region, stack).

    Raises:
        DeployError: there are no credentials, AWS refuses them, or no region is set.
    """
    if not session.region_name:
        raise DeployError("Choose a region: AWS_REGION=eu-central-1 make deploy")
    try:
        account = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise DeployError(f"AWS does not accept the credentials: {error}\n{CREDENTIALS}") from None
    return account, session.region_name, stack


def stack_parameters(session: boto3.session.Session, stack: str) -> dict[str, str] | None:
    """Return the values of a stack's parameters, None if there is no such stack.

    Raises:
        DeployError: it is not a stack of Errata, an operation is under way, or the stack was never
            created completely.
    """
    try:
        (found,) = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise DeployError(f"AWS refuses to describe the stack: {error}") from None
    status = found["StackStatus"]
    # REVIEW_IN_PROGRESS: it has no template yet.
    if status != "REVIEW_IN_PROGRESS" and not _is_errata(found):
        raise DeployError(
            f"Stack {stack} is not a stack of Errata. A deployment would delete all that it has."
            " Choose another name: make deploy STACK=NAME"
        )
    if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        raise DeployError(f"The stack is {status}. Wait until that has ended.")
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"):
        raise DeployError(
            f"The stack is {status}: its first deployment failed. Read why in the CloudFormation"
            f" console, delete it (sam delete --stack-name {stack}), and deploy again."
        )
    if status in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE"):
        return None
    return {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}


def _is_errata(stack: Mapping[str, Any]) -> bool:
    """Return whether a stack was deployed from a template of Errata, of any release.

    A stack that was never created completely has no outputs. MiniStack returns no description.
    """
    outputs = {each["OutputKey"] for each in stack.get("Outputs", [])}
    return stack.get("Description", "").startswith(DESCRIPTION) or outputs >= OUTPUTS


def command(place: tuple[str, str, str], values: Mapping[str, str], *, ask: bool) -> list[str]:
    """Return the `sam deploy` command for (account, region, stack) and all parameters."""
    _, region, stack = place
    return [
        *(SAM, "deploy", "--config-env", "none", "--template-file", f"{OUTPUT}/template.yaml"),
        *("--region", region, "--stack-name", stack),
        # A prefix per stack: `sam delete` removes all that has it.
        *("--resolve-s3", "--s3-prefix", stack),
        *("--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"),
        *(
            "--confirm-changeset" if ask else "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
        ),
        "--parameter-overrides",
        *(f"{name}={_quoted(value)}" for name, value in values.items()),
    ]


def _quoted(value: str) -> str:
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'


# ------------------------------------------------------------------ records


def read_records(path: Path) -> dict[str, Record]:
    """Return the records by "account region stack".

    Raises:
        DeployError: the file cannot be read.
    """
    if not path.exists():
        return {}
    try:
        records = {name: Record(**each) for name, each in json.loads(path.read_text()).items()}
        for record in records.values():
            for values in (record.settings, record.deployed):
                if not all(isinstance(value, str) for value in values.values()):
                    raise TypeError("a value is not a text")
        return records
    except (ValueError, TypeError, AttributeError) as error:
        raise DeployError(
            f"{path.name} is damaged ({error}). Delete it: the settings are read from the stack."
        ) from None


def write_records(path: Path, records: Mapping[str, Record]) -> None:
    """Write the records, all or nothing."""
    content = {
        name: {"settings": each.settings, "deployed": each.deployed}
        for name, each in records.items()
    }
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
