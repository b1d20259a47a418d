"""Soak the deployed local stack for some minutes, then check that every count is exact.

`python -m bench.soak --minutes 10` sends events of SDKs to the SDK endpoint's URL, as fast as the
local stack responds. Copies of envelopes are sent at once and later, connections are closed in the
middle, processes of functions are killed, and events are refused. An event must be counted exactly
once if any request with it got a 200, and not at all if each of its requests was refused. Whose
response was lost is sent again until it gets one. Exit code 1 if a count differs.
"""

import argparse
import http.client
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

from bench.soak_clients import PROJECTS, TIMEOUT_S, UNKNOWN, Seen, Sender
from bench.soak_counts import dead_letters, differences, visible_in, wrong_rows
from dev.stack import LocalStack
from errata.usecases import issues, projects

# A stack of its own, with four environments for each function: more threads would only wait.
_SENDERS = 6
_KILLED = ("DigestFunction", "SentryIngestFunction")
_TABLES = ("Events", "Issues", "Projects", "Idempotency", "Deliveries", "Artifacts")
_SETTLE_S = 180
# MiniStack's line about a batch that a function could not finish.
_INTERRUPTED = "failed processing DynamoDB stream batch"


def kill(stack: LocalStack, seen: Seen, seed: str, until: float) -> None:
    """Kill processes of the stack's functions, one every few seconds, until a monotonic time."""
    choose = random.Random(seed)
    cloudformation = stack.client("cloudformation")
    names = {}
    for logical in _KILLED:
        found = cloudformation.describe_stack_resource(
            StackName=stack.stack_name, LogicalResourceId=logical
        )
        names[logical] = found["StackResourceDetail"]["PhysicalResourceId"]
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, choose.uniform(1, 4)))
        logical = choose.choice(_KILLED)
        if workers := _busy(names[logical]):
            with suppress(ProcessLookupError):
                os.kill(choose.choice(workers), signal.SIGKILL)
                seen.kills[logical] += 1


def _busy(function: str) -> list[int]:
    """Return the processes of a function that compute now, all of them if none soon does."""
    for _ in range(20):
        found = _workers(function)
        if busy := [process for process, state in found if state.startswith("R")]:
            return busy
    return [process for process, _ in found]


def _workers(function: str) -> list[tuple[int, str]]:
    """Return the processes of a function of this process's stack, with what `ps` says they do."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,stat=,args="], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split(maxsplit=3) for line in listed.splitlines()]
    # The stack is a child of this process, and functions are children of the stack.
    stacks = {row[0] for row in rows if row[1] == str(os.getpid())}
    name_part = f"ministack-lambda-{function}-"
    return [(int(row[0]), row[2]) for row in rows if row[1] in stacks and name_part in row[-1]]


# ------------------------------------------------------------------ running


def soak(stack: LocalStack, minutes: float, seed: str, say: Callable[[str], None]) -> bool:
    """Send for some minutes, and print what was sent and counted. Return whether all holds."""
    labels, keys = _create()
    seen = Seen()
    started = time.monotonic()
    until = started + minutes * 60
    senders = [Sender(stack.sdk_url, keys, seen, f"{seed}/{n}") for n in range(_SENDERS)]
    with ThreadPoolExecutor(_SENDERS + 1) as threads:
        running = [threads.submit(each.run, until) for each in senders]
        running.append(threads.submit(kill, stack, seen, f"{seed}/kills", until))
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(30, left))
            stack.emulator.check()
            say(f"{time.monotonic() - started:4.0f} s  {_progress(seen)}")
        for each in running:
            each.result()
        seconds = time.monotonic() - started
        list(threads.map(lambda each: each.settle(time.monotonic() + _SETTLE_S), senders))
    say("Waiting until everything is counted ...")
    wrong = _waited(stack, seen, labels)
    wrong += [*wrong_rows(seen, labels), *dead_letters(stack)]
    say(_summary(seen, labels, seconds))
    batches = stack.emulator.log.read_text(errors="replace").count(_INTERRUPTED)
    say(f"interrupted   {batches} batches of streams, {seen.statuses[502]} requests")
    say(f"differences   {len(wrong)}" + "".join(f"\n  {line}" for line in wrong[:100]))
    return not wrong


def _create() -> tuple[dict[str, str], dict[str, str]]:
    """Create the projects. Return the name and the public key of each, by its id."""
    labels, keys = {}, {}
    for name, (rate_limit, _) in PROJECTS.items():
        created = projects.create(name)
        assert created
        projects.change(created.project.id, rate_limit, None)
        labels[created.project.id], keys[created.project.id] = name, created.public
    return labels, keys


def _waited(stack: LocalStack, seen: Seen, labels: Mapping[str, str]) -> list[str]:
    """Return what differs when nothing differs for some seconds, or at the end of the patience."""
    until = time.monotonic() + _SETTLE_S
    good = 0
    while True:
        _flush_logs(stack)
        wrong = differences(seen, labels)
        good = 0 if wrong else good + 1
        # What was counted twice would show soon after it was counted once.
        if good == 5 or time.monotonic() > until:
            return wrong
        time.sleep(2)


def _flush_logs(stack: LocalStack) -> None:
    """Let each environment write its last log lines: they come with the next request."""

    def ask(_: int) -> None:
        at = urlsplit(stack.sdk_url)
        with suppress(OSError):
            connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=TIMEOUT_S)
            connection.request("POST", "/none")
            connection.getresponse().read()
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(16)))


def _progress(seen: Seen) -> str:
    with seen.lock:
        accepted = sum(bool(each.accepted_ms) for each in seen.events.values())
        return f"{seen.requests:,} requests, {accepted:,} events accepted"


def _summary(seen: Seen, labels: Mapping[str, str], seconds: float) -> str:
    events = seen.events.values()
    accepted = sum(bool(each.accepted_ms) for each in events)
    refused = Counter(each.refused for each in events if not each.accepted_ms and not each.open)
    unknown = sum(each.open and not each.accepted_ms for each in events)
    names = {**labels, UNKNOWN: "unknown key"}
    refusals = {f"{names[p]}: {reason}": n for (p, reason), n in sorted(seen.refusals.items())}
    tallies = kept = 0
    for project in labels:
        for issue in issues.list_issues(visible_in(project)):
            tallies, kept = tallies + issue.tallies, kept + issue.kept
    rows = {
        "sent": f"{len(events):,} events in {seen.requests:,} requests, {seconds:.0f} s",
        "accepted": f"{accepted:,} events; {kept:,} kept in full, {tallies:,} tallies",
        "rate": f"{accepted / seconds:.1f} events/s, {seen.requests / seconds:.1f} requests/s",
        "duplicates": f"{seen.duplicates:,} envelopes sent again on purpose",
        "hang-ups": f"{seen.hang_ups:,}; {sum(seen.lost.values()):,} responses lost in all",
        "refused": f"{sum(refused.values()):,} events {dict(refused)}",
        "refusals": f"{sum(refusals.values()):,} responses {refusals}",
        "unanswered": f"{unknown} events",
        "statuses": f"{dict(sorted(seen.statuses.items()))}",
        "kills": f"{seen.kills.total()} {dict(seen.kills)}",
    }
    return "\n".join(f"{name:13} {text}" for name, text in rows.items())


def main() -> int:
    """Deploy the stack, soak it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long to send; default 10")
    parser.add_argument("--seed", default="errata", help="of what is sent, and of the kills")
    options = parser.parse_args()

    def say(line: str) -> None:
        print(line, flush=True)

    with LocalStack(say=say) as stack:
        os.environ.update(
            stack.environment,
            RETENTION_DAYS=stack.outputs["RetentionDays"],
            **{f"{name.upper()}_TABLE": stack.outputs[f"{name}TableName"] for name in _TABLES},
        )
        return 0 if soak(stack, options.minutes, options.seed, say) else 1


if __name__ == "__main__":
    sys.exit(main())
