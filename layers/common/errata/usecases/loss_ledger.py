"""The loss ledger: add up the log lines that tell of lost events, and show them by day."""

from datetime import UTC, datetime, timedelta

from errata.models.ids import now_ms
from errata.protocol import losses as protocol
from errata.store import loss_counts as store
from errata.usecases import issues


def count(data: str) -> None:
    """Count a batch of log lines as CloudWatch Logs sends it, once however often it comes."""
    name, lost = protocol.batch(data)
    if lost:
        store.add(name, lost, now_ms() // 1000)


def by_day(project_id: str, days: int) -> dict[str, tuple[int, dict[str, int]]]:
    """What was accepted, and what was lost for which reason, on each of the last days, UTC."""
    today = datetime.fromtimestamp(now_ms() / 1000, UTC)
    wanted = [f"{today - timedelta(days=n):%Y-%m-%d}" for n in reversed(range(days))]
    accepted = issues.list_days(project_id, wanted[0])
    lost = store.of_days(project_id, wanted)
    return {day: (accepted.get(day, 0), lost.get(day, {})) for day in wanted}
