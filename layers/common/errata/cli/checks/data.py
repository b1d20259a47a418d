"""Queues and tables: what waits in them, whether rows expire, and whether they can be restored."""

from collections.abc import Iterator

from errata.cli.checks.base import Deployment, Finding, finding, note
from errata.config import settings
from errata.models.ids import day_name, now_ms
from errata.store import loss_counts, tables
from errata.usecases import projects
from errata.usecases import unclaimed as limits
from errata.usecases.redrive import queue_urls


def unclaimed(deployment: Deployment) -> Iterator[Finding]:
    """Check whether api.php may still create projects."""
    number, most = len(projects.list_unclaimed()), limits.MAX_UNCLAIMED
    errata = deployment.stack.command
    yield finding(
        number < most * 0.9,
        f"{number} of at most {most}",
        f"{number} of at most {most} unclaimed projects exist. Soon api.php cannot create more.",
        f"{errata('projects list --unclaimed')}, then {errata('projects adopt ID --org ORG')}, or"
        f" {errata('projects delete --unclaimed')}",
    )


def ceilings(deployment: Deployment) -> Iterator[Finding]:
    """Check whether events were refused because a project or an issue has reached its ceiling."""
    now_s = now_ms() // 1000
    days = [day_name(now_s // 86_400 - n) for n in range(2)]
    lost = loss_counts.of_days([each.id for each in projects.list_projects()], days)
    cap = int(deployment.parameters.get("IssueCap", "0"))
    for project_id, by_day in lost.items():
        for reason, remedy in (
            ("throttled", "Send fewer events, or split the project: docs/limits.md."),
            ("issue_cap", f"Fix the error, or raise IssueCap ({cap:,} an hour)."),
        ):
            if number := sum(of_day.get(reason, 0) for of_day in by_day.values()):
                what = "the project's partition" if reason == "throttled" else "one issue"
                yield note(
                    f"Project {project_id} had {number:,} events refused since {days[-1]}: more"
                    f" than {what} takes.",
                    remedy,
                )
    yield Finding(
        "a project takes about 500 events of 4 KB a second, 220 of 16 KB, or 1,000 of an error loop"
    )


def dead_letters(deployment: Deployment) -> Iterator[Finding]:
    """Check whether the dead-letter queues are empty."""
    client = deployment.client("sqs")
    for name, url in queue_urls().items():
        attribute = "ApproximateNumberOfMessages"
        found = client.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])
        number = int(found["Attributes"][attribute])
        yield finding(
            number == 0,
            "",
            f"The dead-letter queue of {name} has {number} messages.",
            "Fix the cause (docs/operations.md), then run: "
            + deployment.stack.command(f"redrive {name}"),
        )
    yield Finding("no dead letters")


def expiry(deployment: Deployment) -> Iterator[Finding]:
    """Check whether DynamoDB deletes rows that have expired."""
    client = deployment.client("dynamodb")
    for name, table in (
        ("events", settings().events_table),
        ("issues", settings().issues_table),
        ("idempotency records", settings().idempotency_table),
        ("deliveries", settings().deliveries_table),
    ):
        found = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        yield finding(
            found["TimeToLiveStatus"] in ("ENABLED", "ENABLING"),
            "",
            f"The table of {name} does not expire its rows: they stay and cost money.",
            f"aws dynamodb update-time-to-live --table-name {table}"
            " --time-to-live-specification Enabled=true,AttributeName=ttl",
        )
    yield Finding("rows expire")


def recovery(deployment: Deployment) -> Iterator[Finding]:
    """Check whether the tables that the parameter names can be recovered."""
    wanted = {"projects and keys": settings().projects_table}
    if deployment.parameters.get("PointInTimeRecovery") == "all":
        wanted |= {"events": settings().events_table, "issues": settings().issues_table}
    for name, table in wanted.items():
        found = deployment.client("dynamodb").describe_continuous_backups(TableName=table)
        state = found["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        yield finding(
            state.get("PointInTimeRecoveryStatus") == "ENABLED",
            f"{name} can be recovered to any second of the last 35 days",
            f"The table of {name} has no point-in-time recovery.",
            f"aws dynamodb update-continuous-backups --table-name {table}"
            " --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true",
        )


def restore(_deployment: Deployment) -> Iterator[Finding]:
    """Check whether a restore into the stack has ended."""
    yield finding(
        tables.find_restore() is None,
        "no unfinished restore",
        "A restore into this stack has begun and is not finished.",
        "Run the same `errata restore` again.",
    )
