"""`make deploy`: which settings a deployment keeps, and what it refuses before it starts."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from dev.deploy import (
    DESCRIPTION,
    OUTPUTS,
    DeployError,
    Record,
    command,
    default,
    describe,
    main,
    plan,
    read_records,
    read_settings,
    stack_parameters,
    where,
    write_records,
)
from dev.process import ROOT
from dev.template import load
from tests.support import moto_calls
from tests.support.calls import Call, watched

PARAMETERS: dict[str, Any] = {
    "RetentionDays": {"Type": "Number", "Default": 30, "MinValue": 1, "MaxValue": 3650},
    "DomainName": {"Type": "String", "Default": ""},
    "LegacyApi": {"Type": "String", "Default": "on", "AllowedValues": ["on", "off"]},
    "Secret": {"Type": "String", "Default": "", "AllowedPattern": "^(/[a-z]+)*$"},
}
DEFAULTS = {name: default(each) for name, each in PARAMETERS.items()}
DEPLOYMENT = ("123456789012", "eu-central-1", "errata")


# ------------------------------------------------------------------ settings


def test_settings_are_words_with_an_equals_sign() -> None:
    text = "RetentionDays=90 DomainName='errors.example.com' LegacyApi="
    assert read_settings(text, PARAMETERS) == {
        "RetentionDays": "90",
        "DomainName": "errors.example.com",
        "LegacyApi": "",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("RetentionDay=90", "no such parameter. Did you mean RetentionDays?"),
        ("retentiondays=90", "Did you mean RetentionDays?"),
        ("Colour=blue", "no such parameter."),
        ("RetentionDays", "write RetentionDays=value"),
        ("RetentionDays=0", "a number from 1 to 3650"),
        ("RetentionDays=3651", "a number from 1 to 3650"),
        ("RetentionDays=many", "must be a number"),
        ("RetentionDays=1_000", "must be a number"),
        ("LegacyApi=yes", "must be one of on, off"),
        ("Secret=stripe", "must match ^(/[a-z]+)*$"),
        ("Secret='/stripe\n'", "must match ^(/[a-z]+)*$"),
        ("RetentionDays=1 RetentionDays=2", "given twice"),
    ],
)
def test_a_setting_that_the_template_would_refuse_is_named(text: str, complaint: str) -> None:
    with pytest.raises(DeployError, match=r"^\w+: ") as refused:
        read_settings(text, PARAMETERS)
    assert complaint in str(refused.value)


def test_a_quotation_mark_that_is_not_closed_is_named() -> None:
    with pytest.raises(DeployError, match="quotation mark is not closed"):
        read_settings("DomainName='errors.example.com", PARAMETERS)


def test_every_wrong_setting_is_named_at_once() -> None:
    with pytest.raises(DeployError) as refused:
        read_settings("RetentionDays=0 LegacyApi=yes", PARAMETERS)
    assert len(str(refused.value).splitlines()) == 2


def test_every_parameter_of_the_template_has_a_default() -> None:
    assert all("Default" in each for each in load()["Parameters"].values())


# ------------------------------------------------------------------ plan


def test_a_new_stack_gets_the_defaults_and_the_settings() -> None:
    found = plan(PARAMETERS, None, None, {"RetentionDays": "90"})
    assert found.values == {**DEFAULTS, "RetentionDays": "90"}
    assert found.settings == {"RetentionDays": "90"}
    assert "RetentionDays = 90" in describe(found, first=True)


def test_the_next_deployment_keeps_the_settings() -> None:
    first = plan(PARAMETERS, None, None, {"DomainName": "errors.example.com"})
    record = Record(first.settings, first.values)
    again = plan(PARAMETERS, first.values, record, {"RetentionDays": "90"})
    assert again.settings == {"DomainName": "errors.example.com", "RetentionDays": "90"}
    assert again.changes == [("RetentionDays", "30", "90")]
    assert describe(again, first=False).splitlines()[1:] == ["  RetentionDays: 30 → 90"]


def test_a_new_default_applies_to_parameters_without_a_setting() -> None:
    first = plan(PARAMETERS, None, None, {"DomainName": "errors.example.com"})
    today = {**PARAMETERS, "RetentionDays": {**PARAMETERS["RetentionDays"], "Default": 60}}
    again = plan(today, first.values, Record(first.settings, first.values), {})
    assert again.values["RetentionDays"] == "60"
    assert again.settings == {"DomainName": "errors.example.com"}


@pytest.mark.parametrize("record", [None, Record({}, DEFAULTS)])
def test_a_value_that_was_set_elsewhere_is_kept(record: Record | None) -> None:
    # From another checkout, or in the console.
    current = {**DEFAULTS, "DomainName": "errors.example.com"}
    found = plan(PARAMETERS, current, record, {})
    assert found.adopted == {"DomainName": "errors.example.com"}
    assert found.values == current
    assert found.changes == []
    assert "DomainName = errors.example.com" in describe(found, first=False)


def test_a_value_that_was_reset_elsewhere_stays_reset() -> None:
    record = Record({"RetentionDays": "90"}, {**DEFAULTS, "RetentionDays": "90"})
    found = plan(PARAMETERS, DEFAULTS, record, {})
    assert (found.settings, found.values) == ({}, DEFAULTS)


def test_an_empty_value_sets_the_default_again() -> None:
    record = Record({"RetentionDays": "90"}, {**DEFAULTS, "RetentionDays": "90"})
    found = plan(PARAMETERS, record.deployed, record, {"RetentionDays": ""})
    assert (found.settings, found.values) == ({}, DEFAULTS)
    assert found.changes == [("RetentionDays", "90", "30")]


@pytest.mark.parametrize("value", ["a\\b", "ParameterKey=LegacyApi,ParameterValue=off"])
def test_a_value_that_sam_would_change_is_named(value: str) -> None:
    for current, new in (({**DEFAULTS, "DomainName": value}, {}), (None, {"DomainName": value})):
        with pytest.raises(DeployError, match=r'^DomainName: SAM .* SET="DomainName=value"'):
            plan(PARAMETERS, current, None, new)


def test_a_parameter_that_the_template_has_lost_is_dropped() -> None:
    record = Record({"Old": "1"}, {**DEFAULTS, "Old": "1"})
    found = plan(PARAMETERS, {**DEFAULTS, "Old": "1"}, record, {})
    assert (found.settings, found.values, found.changes) == ({}, DEFAULTS, [])


def test_a_new_parameter_of_the_template_is_shown_as_new() -> None:
    current = {name: value for name, value in DEFAULTS.items() if name != "LegacyApi"}
    found = plan(PARAMETERS, current, Record({}, current), {})
    assert found.changes == [("LegacyApi", None, "on")]
    assert "LegacyApi: (new) → on" in describe(found, first=False)


# ------------------------------------------------------------------ records


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "deployments.json"
    assert read_records(path) == {}
    records = {" ".join(DEPLOYMENT): Record({"DomainName": "a.example"}, DEFAULTS)}
    write_records(path, records)
    assert read_records(path) == records
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"a": {"b": 1}}',
        '{"a": 1}',
        '{"a": {"settings": [], "deployed": {}}}',
        '{"a": {"settings": {}, "deployed": null}}',
        '{"a": {"settings": {"RetentionDays": 90}, "deployed": {}}}',
    ],
)
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path, text: str) -> None:
    path = tmp_path / "deployments.json"
    path.write_text(text)
    with pytest.raises(DeployError, match=r"deployments\.json is damaged .* Delete it"):
        read_records(path)


# ------------------------------------------------------------------ the account


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    # Results that a test of another account has read.
    moto_calls.read.clear()
    with mock_aws():
        yield boto3.session.Session()


def test_the_stack_s_own_parameters_are_read(account: Any) -> None:
    assert where(account, "errata") == DEPLOYMENT
    assert stack_parameters(account, "errata") is None
    template = {
        "Description": load()["Description"],
        "Parameters": PARAMETERS,
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    }
    account.client("cloudformation").create_stack(
        StackName="errata",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": "RetentionDays", "ParameterValue": "7"}],
    )
    assert stack_parameters(account, "errata") == {**DEFAULTS, "RetentionDays": "7"}


def test_a_stack_without_a_description_is_recognized_by_its_outputs(account: Any) -> None:
    outputs = {name: {"Value": "x"} for name in OUTPUTS}
    template = {
        "Parameters": PARAMETERS,
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": outputs,
    }
    account.client("cloudformation").create_stack(
        StackName="errata", TemplateBody=json.dumps(template)
    )
    assert stack_parameters(account, "errata") == DEFAULTS
    assert set(load()["Outputs"]) >= OUTPUTS


@pytest.mark.parametrize("described", [{}, {"Description": "The payroll."}])
def test_a_stack_of_another_application_is_refused(account: Any, described: dict[str, str]) -> None:
    template = {**described, "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    account.client("cloudformation").create_stack(
        StackName="errata", TemplateBody=json.dumps(template)
    )
    with pytest.raises(DeployError, match=r"errata is not a stack of Errata.* STACK=NAME"):
        stack_parameters(account, "errata")


def test_templates_of_every_release_have_errata_s_description() -> None:
    releases = (ROOT / "tests/upgrades").glob("*/template.yaml")
    texts = [path.read_text() for path in (ROOT / "template.yaml", *releases)]
    assert len(texts) > 1
    assert all(f"\nDescription: {DESCRIPTION}" in text for text in texts)


# ------------------------------------------------------------------ the order


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return what a deployment does, in order: calls of AWS, builds, and programs, which fail."""
    done: list[str] = []

    def watch(call: Call) -> Any:
        done.append(call.operation)
        return call.send()

    def built(_: object) -> AbstractContextManager[str]:
        done.append("build")
        return nullcontext("")

    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        done.append(" ".join([Path(words[0]).name, words[1]]))
        return subprocess.CompletedProcess(words, 1)

    monkeypatch.setattr("dev.deploy.artifacts", built)
    monkeypatch.setattr("dev.deploy.subprocess.run", run)
    with watched(watch):
        yield done


@pytest.mark.usefixtures("account")
def test_aws_is_asked_before_the_build_and_a_failed_deployment_saves_no_settings(
    steps: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = tmp_path / "deployments.json"
    assert main(["--yes", "--set", "RetentionDays=90", "--records", str(records)]) == 1
    assert steps == ["GetCallerIdentity", "DescribeStacks", "build", "sam deploy"]
    assert "The settings were not saved" in capsys.readouterr().err
    assert not records.exists()


@pytest.mark.parametrize(
    ("missing", "remedy", "asked"),
    [
        ("AWS_REGION", "AWS_REGION=eu-central-1 make deploy", []),
        (
            "AWS_ACCESS_KEY_ID",
            "Put credentials for the AWS account into the environment",
            ["GetCallerIdentity"],
        ),
    ],
)
def test_a_missing_region_or_credentials_are_reported_before_anything_is_built(
    missing: str,
    remedy: str,
    asked: list[str],
    steps: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    nowhere = str(tmp_path / "none")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    given = {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    for name in (*given, "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    assert main([]) == 1
    assert remedy in capsys.readouterr().err
    assert steps == asked


@pytest.mark.usefixtures("account")
def test_a_wrong_setting_is_reported_before_aws_is_asked_or_anything_is_built(
    steps: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--yes", "--set", "RetentionDay=90"]) == 1
    assert "Did you mean RetentionDays?" in capsys.readouterr().err
    assert steps == []


# ------------------------------------------------------------------ the command


def test_the_command_has_every_parameter_and_a_prefix_of_its_own() -> None:
    words = command(
        DEPLOYMENT, {"RetentionDays": "90", "Secret": 'a "b"', "DomainName": ""}, ask=True
    )
    overrides = words[words.index("--parameter-overrides") + 1 :]
    assert overrides == ['RetentionDays="90"', r'Secret="a \"b\""', 'DomainName=""']
    assert words[words.index("--s3-prefix") + 1] == "errata"
    assert "--confirm-changeset" in words
    assert "--no-confirm-changeset" in command(DEPLOYMENT, {}, ask=False)
