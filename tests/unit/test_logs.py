"""Failures in log lines of Lambda and of other programs: tests/fixtures/logs."""

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from errata.logs import batch, failure, invocation
from errata.logs.batch import LogBatch, LogLine
from errata.logs.console import CONTEXT, console_url, url_of_event
from errata.logs.invocation import LoggedLine
from errata.logs.to_event import event_id, to_event
from errata.models.capture import PATTERN, project_of
from errata.protocol.sentry.event import to_fields
from tests.support import fuzz
from tests.support.steps import MOST_STEPS, steps

CORPUS = Path(__file__).parents[1] / "fixtures" / "logs"
CASES = {file.stem: json.loads(file.read_text()) for file in sorted(CORPUS.glob("*.json"))}
RID = "b8f7a3c2-6a41-4f0e-9d0c-5c1d2e3f4a5b"
START = f"START RequestId: {RID} Version: 7"
END = f"END RequestId: {RID}"
REPORT = (
    f"REPORT RequestId: {RID}\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\t"
    "Max Memory Used: 40 MB\t"
)
EXITED = f"RequestId: {RID} Error: Runtime exited with error: exit status 129\nRuntime.ExitError\n"
TIMED_OUT = f"2026-11-30T16:45:24.277Z {RID} Task timed out after 3.00 seconds\n\n"
PYTHON = CASES["python-text-raises"]["lines"][1]


def summary(text: str) -> dict[str, Any] | None:
    found = failure.read(text).failure
    if found is None:
        return None
    frames = (
        found.exceptions[-1].get("stacktrace", {}).get("frames", []) if found.exceptions else []
    )
    reporter = "Lambda" if found.by_lambda else "the program" if found.handled else "the runtime"
    shown = {
        "kind": found.kind,
        "value": found.value.split("\n")[0][:80],
        "platform": found.platform,
        "request_id": found.request_id,
        "told by": reporter,
        "exceptions": [each["type"] for each in found.exceptions],
    }
    if found.logged:
        shown["logged"] = found.logged[:60]
    in_app = [
        f"{each['filename']}:{each.get('lineno', '')} "
        f"{each['module'] + '.' if 'module' in each else ''}{each.get('function', '')}".strip()
        for each in frames
        if each["in_app"]
    ]
    return shown | ({"in app": in_app[-3:]} if in_app else {})


@pytest.mark.parametrize("name", CASES)
def test_each_line_of_the_corpus_gives_its_expected_failure(name: str) -> None:
    case = CASES[name]
    assert case["source"]
    assert [summary(text) for text in case["lines"]] == case["failures"]


def test_the_corpus_has_all_languages_in_both_formats() -> None:
    kinds = {tuple(name.split("-")[:2]) for name in CASES}
    languages = ("python", "node", "ruby", "java", "dotnet", "lambda")
    assert {(each, form) for each in languages for form in ("text", "json")} <= kinds
    assert ("go", "text") in kinds  # it logs the same JSON in both formats


def lines(*texts: str, start_ms: int = 1_000) -> tuple[LogLine, ...]:
    return tuple(LogLine(str(at), start_ms + at, text) for at, text in enumerate(texts))


def logged(*texts: str, start_ms: int = 1_000) -> list[LoggedLine]:
    return [LoggedLine(start_ms + at, text) for at, text in enumerate(texts)]


def kinds(found: invocation.Found) -> list[str]:
    return [each.failure.kind for each in found.captured]


def test_a_failure_that_several_lines_report_is_found_once() -> None:
    found = invocation.find(lines(START, PYTHON, END, REPORT, EXITED))
    assert kinds(found) == ["ZeroDivisionError"]
    assert found.repeated == 1
    assert found.captured[0].request_id == RID
    # The two lines may come in two batches. Then the lines around decide.
    around = logged(START, PYTHON, END, REPORT, EXITED)
    exited = invocation.find((LogLine("4", 1_004, EXITED),), around)
    assert (exited.captured, exited.repeated) == ((), 1)
    assert kinds(invocation.find((LogLine("4", 1_004, EXITED),))) == ["Runtime.ExitError"]


@pytest.mark.parametrize("case", ["lambda-text-timeout", "lambda-text-killed"])
def test_the_report_line_does_not_add_a_second_failure(case: str) -> None:
    texts = CASES[case]["lines"]
    found = invocation.find(lines(*texts))
    assert len(found.captured) == 1
    assert found.captured[0].failure.report is None
    assert found.captured[0].report is not None  # its figures
    assert found.repeated == 1


def test_an_exception_that_is_logged_and_then_raised_is_one_failure() -> None:
    logged_line = CASES["python-text-logged"]["lines"][0]
    raised = "[ERROR] ZeroDivisionError: division by zero\nTraceback (most recent call last):\n"
    found = invocation.find(lines(START, logged_line, raised))
    assert [each.failure.handled for each in found.captured] == [False]
    other = raised.replace("by zero", "by nothing")
    assert len(invocation.find(lines(START, logged_line, other)).captured) == 2


def test_a_timeout_after_a_logged_exception_is_a_failure_of_its_own() -> None:
    logged_line = CASES["python-text-logged"]["lines"][0]
    found = invocation.find(lines(START, logged_line, TIMED_OUT))
    assert kinds(found) == ["ZeroDivisionError", "Sandbox.Timedout"]


def test_thousands_of_failures_without_an_invocation_take_few_steps() -> None:
    sent = tuple(LogLine(str(number), number, f"{PYTHON}{number}") for number in range(300))
    alone = steps(lambda: [failure.read(line.text) for line in sent])
    assert steps(lambda: invocation.find(sent)) < 1.5 * alone


def test_lambdas_retry_with_the_same_request_id_is_another_failure() -> None:
    first = lines(START, PYTHON, EXITED)
    again = lines(START, EXITED, start_ms=1_000 + invocation.WITHIN_MS)
    assert kinds(invocation.find(first + again)) == ["ZeroDivisionError", "Runtime.ExitError"]


def test_lines_without_a_request_id_belong_to_the_request_that_runs() -> None:
    other = "276ff3b9-1609-4ee7-a288-db3752630767"
    texts = (START, "first", END, REPORT, START.replace(RID, other), "stock is low", PYTHON)
    (found,) = invocation.find(lines(*texts)).captured
    assert found.request_id == other
    assert found.version == "7"
    assert [line.text for line in found.before] == ["stock is low"]
    assert found.cold_start is False


@pytest.mark.parametrize(
    ("before", "report", "cold"),
    [
        (["INIT_START Runtime Version: python:3.13.v10"], REPORT, True),
        ([], REPORT + "Init Duration: 150.10 ms\t", True),
        ([], REPORT, False),
        ([], END, None),
    ],
)
def test_a_cold_start_is_detected_from_lambda_s_own_lines(
    before: list[str], report: str, cold: bool | None
) -> None:
    (found,) = invocation.find(lines(*before, START, PYTHON, END, report)).captured
    assert found.cold_start is cold


def batch_of(*texts: str, group: str = "/aws/lambda/shop") -> LogBatch:
    stream = "2026/11/30/[7]0f3c"
    return LogBatch("123456789012", group, stream, ("errata-project-1",), lines(*texts))


def event_of(*texts: str, group: str = "/aws/lambda/shop") -> dict[str, Any]:
    sent = batch_of(*texts, group=group)
    return to_event(sent, invocation.find(sent.lines).captured[0], "eu-central-1")


def test_an_event_has_lambda_s_figures_as_tags() -> None:
    event = event_of(START, "stock is low", PYTHON, END, REPORT + "Init Duration: 150.10 ms\t")
    assert event["tags"] == {
        "function": "shop",
        "function_version": "7",
        "request_id": RID,
        "region": "eu-central-1",
        "account": "123456789012",
        "log_group": "/aws/lambda/shop",
        "cold_start": "yes",
        "memory_mb": "128",
        "memory_used_mb": "40",
        "duration_ms": "12.5",
        "init_ms": "150.1",
    }
    (crumb,) = event["breadcrumbs"]["values"]
    assert crumb["message"] == "stock is low"
    assert event["exception"]["values"][-1]["mechanism"] == {"type": "log line", "handled": False}
    assert event["timestamp"] == "1970-01-01T00:00:01.002Z"
    assert event["contexts"][CONTEXT]["log_stream"] == "2026/11/30/[7]0f3c"
    assert "fingerprint" not in event
    link = url_of_event(event["contexts"])
    assert link == console_url("eu-central-1", "/aws/lambda/shop", "2026/11/30/[7]0f3c", 1_002)


def test_timeouts_of_two_functions_are_two_issues() -> None:
    one, other = event_of(TIMED_OUT), event_of(TIMED_OUT, group="/aws/lambda/mail")
    assert one["level"] == "fatal"
    assert one["fingerprint"] == ["aws lambda", "shop", "Sandbox.Timedout"]
    assert one["fingerprint"] != other["fingerprint"]


@pytest.mark.parametrize("name", CASES)
def test_an_event_is_a_valid_event_of_an_sdk(name: str) -> None:
    sent = batch_of(*CASES[name]["lines"])
    for captured in invocation.find(sent.lines).captured:
        fields, _ = to_fields(to_event(sent, captured, "eu-central-1"), 2_000, None, "")
        assert "problems" not in fields
        assert fields["exception_class"] == captured.failure.kind


def test_the_event_id_depends_only_on_the_line() -> None:
    one, other = batch_of(PYTHON, TIMED_OUT), batch_of(PYTHON)
    assert event_id(one, one.lines[0]) == event_id(other, other.lines[0])
    assert event_id(one, one.lines[0]) != event_id(one, one.lines[1])


def test_the_link_opens_the_log_line_and_only_on_aws() -> None:
    url = console_url("eu-central-1", "/aws/lambda/shop", "2026/11/30/[$LATEST]0f", 1_000)
    assert url == (
        "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:"
        "log-groups/log-group/$252Faws$252Flambda$252Fshop/log-events/"
        "2026$252F11$252F30$252F$255B$2524LATEST$255D0f$3Fstart$3D1000"
    )
    assert console_url("evil.example/?", "g", "s", 1) == ""
    assert console_url("cn-north-1", "g", "s", 1).startswith("https://console.amazonaws.cn/")


@pytest.mark.parametrize(
    "contexts",
    [
        None,
        [],
        {CONTEXT: "x"},
        {CONTEXT: {"region": "eu-central-1"}},
        {CONTEXT: {"region": "x.example/", "log_group": "g", "log_stream": "s", "at": 1}},
        {CONTEXT: {"region": "eu-central-1", "log_group": "g", "log_stream": "s", "at": "1"}},
    ],
)
def test_a_forged_context_has_no_link(contexts: Any) -> None:
    assert url_of_event(contexts) == ""


def delivered(content: Any) -> dict[str, Any]:
    data = base64.b64encode(gzip.compress(json.dumps(content).encode())).decode()
    return {"awslogs": {"data": data}}


CONTENT = {
    "messageType": "DATA_MESSAGE",
    "owner": "123456789012",
    "logGroup": "g",
    "logStream": "s",
    "subscriptionFilters": ["f"],
    "logEvents": [{"id": "1", "timestamp": 5, "message": "text"}],
}


def test_bad_lines_of_a_batch_are_skipped_and_counted() -> None:
    bad = [{"id": 1}, "text", None, {"id": "2", "timestamp": "x", "message": "y"}]
    found = batch.read_batch(delivered({**CONTENT, "logEvents": [*CONTENT["logEvents"], *bad]}))
    assert found == LogBatch("123456789012", "g", "s", ("f",), (LogLine("1", 5, "text"),), 4)


def test_a_control_message_has_no_lines() -> None:
    assert batch.read_batch(delivered({**CONTENT, "messageType": "CONTROL_MESSAGE"})) is None


@pytest.mark.parametrize(
    "sent",
    [
        {},
        None,
        {"awslogs": {"data": "x"}},
        {"awslogs": {"data": base64.b64encode(b"no gzip").decode()}},
        delivered([]),
        delivered({"messageType": "DATA_MESSAGE"}),
        delivered({**CONTENT, "logEvents": {}}),
    ],
)
def test_an_invalid_batch_is_refused(sent: Any) -> None:
    with pytest.raises(ValueError, match="no batch"):
        batch.read_batch(sent)


def test_a_batch_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_BYTES", 1_000)
    data = gzip.compress(bytes(batch.MAX_BYTES + 1))
    with pytest.raises(ValueError, match="no batch"):
        batch.read_batch({"awslogs": {"data": base64.b64encode(data).decode()}})


PIECES = st.sampled_from(
    [text for case in CASES.values() for text in case["lines"]]
    + ["{", '{"errorType":', "RequestId: ", "REPORT ", "\t", "\n", "\xa0", "[ERROR] ", RID]
)


@fuzz.bounded(50)
@given(st.lists(st.one_of(PIECES, st.text(max_size=50)), max_size=5))
def test_no_line_raises(pieces: list[str]) -> None:
    text = "".join(pieces)[:5_000]
    sent = batch_of(START, text)
    for captured in invocation.find(sent.lines).captured:
        to_event(sent, captured, "eu-central-1")


NAMES = ["type", "record", "errorType", "errorMessage", "stackTrace", "message", "level", "stack"]
VALUES = st.none() | st.integers() | st.text(max_size=9)
INNER = st.lists(VALUES, max_size=2) | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3)


@fuzz.bounded(50)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES | INNER, max_size=6))
def test_no_json_raises(sent: dict[str, Any]) -> None:
    read = batch_of(START, json.dumps(sent))
    for captured in invocation.find(read.lines).captured:
        to_event(read, captured, "eu-central-1")


def test_the_documented_template_has_the_pattern_and_a_valid_name() -> None:
    text = (Path(__file__).parents[2] / "docs" / "log-capture.md").read_text()
    snippet = re.findall(r"```yaml\n(.+?)```", text, re.DOTALL)[0]
    parsed = yaml.safe_load(snippet.replace("!Ref ", ""))
    made = parsed["Resources"]["ShopFailures"]["Properties"]
    assert made["FilterPattern"] == PATTERN
    assert len(PATTERN) < 1_024
    assert project_of(made["FilterName"]) == "1"


def matches(text: str) -> bool:
    """Return whether CloudWatch Logs would send a line. Python accepts all its expressions."""
    return re.search(PATTERN.strip("%"), text) is not None


@pytest.mark.parametrize("name", CASES)
def test_the_pattern_finds_every_line_that_reports_a_failure(name: str) -> None:
    for text in CASES[name]["lines"]:
        assert matches(text) or failure.read(text).failure is None, text


def test_the_pattern_skips_ordinary_log_lines() -> None:
    for text in (START, END, REPORT, "GET /errors 200", '{"level":"INFO","message":"ok"}'):
        assert not matches(text), text


def test_the_pattern_has_only_syntax_that_cloudwatch_allows() -> None:
    # CloudWatch Logs, "Supported regular expressions": no parentheses, few symbols.
    assert re.fullmatch(r"%[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+.]+%", PATTERN)


@pytest.mark.parametrize(
    "text",
    [
        "a.b: " * 13_000,
        '{"a":' * 13_000,
        '{"errorType":"E","stackTrace":[' + '"  at a (b:1:2)",' * 3_600 + '"x"]}',
        "    at x (y:1:2)\n" * 3_800,
        "[ERROR] E: m\nTraceback (most recent call last):\n"
        + '  File "/a", line 1, in f\n' * 2_500,
        "x: a.b.c\n" * 7_000,
        "REPORT RequestId: " + "Duration: 1 ms\t" * 4_000,
        "from a:1:in `b'\n" * 4_000,
    ],
    ids=["dots", "objects", "json", "javascript", "python", "java", "report", "ruby"],
)
def test_a_hostile_line_takes_few_steps(text: str) -> None:
    assert len(text) > 60_000
    assert steps(lambda: failure.read(text[: batch.MAX_LINE])) < MOST_STEPS
