"""Compute which counts the soak must find, and read those that the stack has."""

from collections import Counter
from collections.abc import Iterator, Mapping

from bench.soak_clients import UNKNOWN, Seen
from dev.stack import LocalStack
from errata.config import settings
from errata.models.buckets import HOUR_MS
from errata.models.ids import DAY_MS, day_name, now_ms
from errata.models.loss import REASONS
from errata.models.visible import Visible
from errata.store import day_counts, watermarks
from errata.store.items import query, read_all, write_all
from errata.usecases import issues, loss_ledger, projects
from errata.usecases.visible import make_visible

# By name: the least and the greatest value of a count.
type Bounds = dict[str, tuple[int, int]]


def expect(counts: Bounds, name: str, certain: int, more: int = 0) -> None:
    """Note that a count must be at least `certain`, and at most `more` above it."""
    least, most = counts.get(name, (0, 0))
    counts[name] = (least + certain, most + certain + more)


def expected(seen: Seen, labels: Mapping[str, str]) -> Bounds:
    """Return the least and the greatest value of every count. They are equal, but for two cases.

    An event that was sent shortly before a full hour may be counted in either. A refusal whose
    response was lost may be in the ledger.
    """
    counts: Bounds = {}
    for event in seen.events.values():
        if event.project == UNKNOWN or not (event.accepted_ms or event.open):
            continue
        sure = bool(event.accepted_ms)
        project = labels[event.project]
        issue = f"{project} {event.issue}"
        for name in (
            f"{project} events",
            f"{project} days",
            f"{project} release {event.release}",
            f"{issue} events",
            f"{issue} days",
            f"{issue} release {event.release}",
            f"{issue} environment {event.environment}",
        ):
            expect(counts, name, int(sure), int(not sure))
        hours = {*event.hours} if sure else {now_ms() // HOUR_MS, event.hours[0]}
        for hour in hours:
            exact = sure and len(hours) == 1
            for name in (project, issue):
                expect(counts, f"{name} hour {hour % 24}", int(exact), int(not exact))
    for project, label in labels.items():
        for reason in REASONS:
            number = seen.refusals[project, reason]
            expect(counts, f"{label} lost: {reason}", number, seen.lost[project])
    return counts


def stored(labels: Mapping[str, str]) -> dict[str, int]:
    """Return every count as the stack has it."""
    found: Counter[str] = Counter()
    for project, label in labels.items():
        visible = visible_in(project)
        for issue in issues.list_issues(visible):
            name = f"{label} {issue.exception_class}"
            found[f"{label} events"] += issue.count
            found[f"{name} events"] += issue.count
            found[f"{name} days"] += sum(issue.buckets.days.values())
            for hour, number in issue.buckets.hours.items():
                found[f"{name} hour {hour % 24}"] += number
            for release, number in issue.releases.items():
                found[f"{name} release {release}"] += number
            for environment, number in issue.environments.items():
                found[f"{name} environment {environment}"] += number
        for each in issues.list_releases(visible):
            found[f"{label} release {each.release}"] += each.events
        first = now_ms() // DAY_MS - 1
        found[f"{label} days"] += sum(issues.list_days(visible, day_name(first)).values())
        days = day_counts.recent_days([visible.partition], first, visible.now_s)
        for day in days[visible.partition].values():
            for hour, number in day.hours.items():
                found[f"{label} hour {hour % 24}"] += number
        for _, lost in loss_ledger.by_day(visible, 2).values():
            for reason, number in lost.items():
                found[f"{label} lost: {reason}"] += number
    return found


def visible_in(project: str) -> Visible:
    """Return what an operator sees of a project."""
    access = projects.operator_access(projects.find(project))
    return make_visible(access, watermarks.find_watermark(project), now_ms()).for_operator()


def _ids(project: str) -> list[str]:
    """Return the SDK event ids of the stored events and tallies of a project."""
    rows = query(
        TableName=settings().events_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=write_all({":pk": project}),
        ConsistentRead=True,
    )
    items = [read_all(row) for row in rows if "payload" in row]
    return [
        bytes(each["sdk_id"]).hex() if "sdk_id" in each else each["release"].rpartition("#")[2]
        for each in items
    ]


def wrong_rows(seen: Seen, labels: Mapping[str, str]) -> Iterator[str]:
    """Yield which events are missing in the table of events, too many, or stored twice."""
    for project, label in labels.items():
        rows = Counter(_ids(project))
        mine = [each for each in seen.events.values() if each.project == project]
        needed = {each.id for each in mine if each.accepted_ms}
        allowed = needed | {each.id for each in mine if each.open}
        yield from (f"{label}: {each} is not stored" for each in needed - rows.keys())
        yield from (f"{label}: {each} was refused, and is stored" for each in rows.keys() - allowed)
        yield from (f"{label}: {each} is stored {n} times" for each, n in rows.items() if n > 1)


def differences(seen: Seen, labels: Mapping[str, str]) -> list[str]:
    """Return a line for each count that is not as it must be."""
    wanted, found = expected(seen, labels), stored(labels)
    lines = []
    for name in sorted({*wanted, *found}):
        (least, most), number = wanted.get(name, (0, 0)), found.get(name, 0)
        if not least <= number <= most:
            must = str(least) if least == most else f"{least} to {most}"
            lines.append(f"{name}: {number:,} instead of {must}")
    return lines


def dead_letters(stack: LocalStack) -> list[str]:
    """Return a line for each dead-letter queue that has messages."""
    sqs = stack.client("sqs")
    lines = []
    for output, url in stack.outputs.items():
        if output.endswith("DeadLetterUrl"):
            name = "ApproximateNumberOfMessages"
            got = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
            if number := int(got["Attributes"][name]):
                lines.append(f"{output}: {number} messages")
    return lines
