"""What a reader sees, for tests that read."""

from collections import Counter

from errata.config import settings
from errata.models.ids import now_ms
from errata.models.issue import Issue
from errata.models.visible import Visible, Watermark
from errata.store import projects as projects_store
from errata.store import watermarks
from errata.store.issue_items import is_issue, to_issue
from errata.store.items import query, read_all, write_all
from errata.usecases import loss_ledger, projects
from errata.usecases.visible import make_visible


def visible_in(project_id: str, at_ms: int | None = None) -> Visible:
    """Return what an operator sees of a project. If it is not registered, events never expire."""
    watermark = watermarks.find_watermark(project_id)
    at_ms = now_ms() if at_ms is None else at_ms
    project = projects_store.find_project(project_id)
    if project is None:
        return Visible(project_id, watermark, 0, at_ms).for_operator()
    return make_visible(projects.operator_access(project), watermark, at_ms).for_operator()


def visible_at(partition: str, now_s: int = 0, oldest_ms: int = 0) -> Visible:
    """Return what a reader sees at `now_s` (seconds), for a project or an issues partition."""
    project_id, _, generation = partition.partition("#")
    return Visible(project_id, Watermark(int(generation or 0)), oldest_ms, now_s * 1000)


def counted(project_id: str) -> tuple[int, dict[str, int]]:
    """Return how many events of a new project were accepted, and its losses by reason.

    Adds up yesterday and today: a test that runs in real time may cross midnight.
    """
    days = loss_ledger.by_day(visible_in(project_id), 2).values()
    lost = sum((Counter(reasons) for _, reasons in days), Counter[str]())
    return sum(accepted for accepted, _ in days), dict(lost)


def all_issues(visible: Visible) -> list[Issue]:
    """Return the issues that a reader sees, by their ids."""
    found = query(
        TableName=settings().issues_table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :issue)",
        ExpressionAttributeValues=write_all({":pk": visible.partition, ":issue": "issue#"}),
        ConsistentRead=True,
    )
    stored = [to_issue(read_all(item)) for item in found if is_issue(item)]
    return [each for each in stored if visible.covers(each.expires_at, each.last_seen)]
