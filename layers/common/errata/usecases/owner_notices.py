"""Mail the owners of an organization about lost events and its quota.

- The first loss of a project in a day. Events that SDKs themselves have dropped do not count.
- The first hour of a day in which a project has far more events than usual: at least 10,000, and
  ten times the mean of the hours of the week before.
- 80 % and 100 % of the monthly quota.

If sending a notice was interrupted, it is sent again with the next loss, so it may arrive twice. If
AWS does not respond, the other notices of the batch wait for the next loss, too, because the
function has only seconds.
"""

import logging

from errata.caches import BoundedDict
from errata.config import settings
from errata.errors import StoreError
from errata.models import temporary
from errata.models.ids import DAY_MS
from errata.models.loss import REASONS
from errata.models.organization import UNCLAIMED
from errata.models.visible import issues_partition
from errata.protocol.losses import LossBatch, day_of
from errata.store import mail, notices
from errata.store.day_counts import count_days
from errata.store.members import list_members
from errata.store.projects import find_project
from errata.store.watermarks import find_watermark
from errata.usecases.quota import month_of

logger = logging.getLogger("errata")

# A trimmed event is stored.
_REPORTED = frozenset(REASONS) - {"trimmed"}
# A project has far more events than usual if it has this many times the mean of its hours.
FAR_ABOVE = 10
_USUAL_DAYS = 7
_FOOTER = (
    "\nYou get this because you {why}: at most one a day for each project about losses, one about"
    " its number of events, and two a month about the quota.\n"
)
# Notices that must not be sent again.
_done = BoundedDict[str, bool](max_entries=10_000)


def send_notices(batch: LossBatch, at_ms: int) -> None:
    """Send the notices for a batch of losses. If that fails, log it: the batch must not fail."""
    if not mail.configured():
        return
    try:
        _send_all(batch, at_ms)
    except StoreError:
        logger.warning("notices not sent", exc_info=True)


def _send_all(batch: LossBatch, at_ms: int) -> None:
    today = day_of(at_ms)
    # Do not send notices about old losses, which a redrive counts days later.
    if batch.last_day not in (today, day_of(at_ms - DAY_MS)):
        return
    lost: dict[str, dict[str, int]] = {}
    for (project_id, day, reason), number in sorted(batch.lost.items()):
        # `errata doctor` loses events of its own project on purpose.
        if reason in _REPORTED and day == batch.last_day and not temporary.is_id(project_id):
            lost.setdefault(project_id, {})[reason] = number
    # Notices about quotas come first, because their log line comes only once a month.
    for organization_id, month in sorted(batch.low_quotas):
        if month == month_of(at_ms):
            _send(
                f"quota80#{organization_id}#{month}", organization_id, *_low(organization_id), at_ms
            )
    for project_id, number in sorted(batch.busy.items()):
        if not temporary.is_id(project_id):
            _send_flood_notice(project_id, number, at_ms)
    for project_id, reasons in lost.items():
        _send_loss_notice(project_id, batch.last_day, reasons, at_ms)


def clear_cache() -> None:
    """Clear the record of which notices were sent, as if the process had ended."""
    _done.clear()


def _send_loss_notice(project_id: str, day: str, reasons: dict[str, int], at_ms: int) -> None:
    name = f"loss#{project_id}#{day}"
    if name in _done and "quota" not in reasons:
        return
    project = find_project(project_id)
    if project is None or project.organization == UNCLAIMED:
        _done[name] = True
        return
    organization_id = project.organization
    numbers = ", ".join(
        f"{number} {reason.replace('_', ' ')}" for reason, number in reasons.items()
    )
    text = (
        f"Project {project.name} ({project_id}) loses events."
        f" First losses of {day} (UTC): {numbers}.\n"
        f"How many, and why: {settings().dashboard_url}/projects/{project_id}/stats\n"
        "What to do about each reason: docs/operations.md, “What was lost”.\n"
    )
    _send(name, organization_id, f"Errata: project {project_id} loses events", text, at_ms)
    month = day[:7]
    if "quota" in reasons and month == month_of(at_ms):
        text = (
            f"Organization {organization_id} has used its quota of {month}. Its projects get no"
            f" more events until the month ends.\n{_where(organization_id)}"
        )
        subject = f"Errata: the quota of organization {organization_id} is used up"
        _send(f"quota100#{organization_id}#{month}", organization_id, subject, text, at_ms)


def _send_flood_notice(project_id: str, number: int, at_ms: int) -> None:
    name = f"flood#{project_id}#{day_of(at_ms)}"
    project = find_project(project_id) if name not in _done else None
    if project is None or project.organization == UNCLAIMED:
        return
    usual = _usual_hour(project_id, at_ms)
    if number < FAR_ABOVE * usual:
        return
    text = (
        f"Project {project.name} ({project_id}) has had {number:,} events within an hour. The mean"
        f" of the week before is {usual:,.0f} an hour.\n"
        "No event was lost for this. Errata keeps a few events of an error loop in full, and counts"
        " all, up to IssueCap events of an issue in an hour.\n"
        f"Which errors: {settings().dashboard_url}/projects/{project_id}/issues\n"
        "How to limit it: docs/limits.md.\n"
    )
    subject = f"Errata: project {project_id} has far more events than usual"
    _send(name, project.organization, subject, text, at_ms)


def _usual_hour(project_id: str, at_ms: int) -> float:
    """Return a project's mean number of events in an hour, over the seven days before today."""
    generation = find_watermark(project_id).generation
    pk = issues_partition(project_id, generation)
    days = [day_of(at_ms - n * DAY_MS) for n in range(1, _USUAL_DAYS + 1)]
    return count_days([pk], days, at_ms // 1000).get(pk, 0) / (24 * _USUAL_DAYS)


def _low(organization_id: str) -> tuple[str, str]:
    return (
        f"Errata: organization {organization_id} has used 80 % of its quota",
        f"Organization {organization_id} has used 80 % of this month's quota. No event was lost"
        f" yet. Beyond the quota, events are refused.\n{_where(organization_id)}",
    )


def _where(organization_id: str) -> str:
    return (
        f"Change the quota, or see who uses it: {settings().dashboard_url}/orgs/{organization_id}\n"
    )


def _send(name: str, organization_id: str, subject: str, text: str, at_ms: int) -> None:
    if name in _done:
        return
    owners = [each.email for each in list_members(organization_id) if each.role == "owner"]
    if not owners:
        return
    begun = notices.begin(name, at_ms // 1000)
    why = "own the organization" if settings().mail_identity else "subscribe to the alarms"
    if begun and not mail.send(owners, subject, text + _FOOTER.format(why=why)):
        return  # the next loss, a minute later or more, tries again
    if begun:
        notices.finish(name)
    if begun is not None:
        _done[name] = True
