"""The loss ledger: count losses from log lines, and return them by day."""

from datetime import UTC, datetime, timedelta

from errata.models.ids import now_ms
from errata.models.visible import Visible
from errata.protocol import losses
from errata.store import loss_counts
from errata.usecases import issues, owner_notices


def count(data: str) -> None:
    """Count the losses in a batch of log lines, and send the notices to owners that it asks for.

    A batch that is delivered again counts once.
    """
    batch, at_ms = losses.batch(data), now_ms()
    if batch.lost:
        loss_counts.add(batch.name, batch.lost, at_ms // 1000)
    owner_notices.send_notices(batch, at_ms)


def by_day(visible: Visible, days: int) -> dict[str, tuple[int, dict[str, int]]]:
    """Return (accepted events, losses by reason) for each of the last `days` days (UTC)."""
    today = datetime.fromtimestamp(visible.now_ms / 1000, UTC)
    wanted = [f"{today - timedelta(days=n):%Y-%m-%d}" for n in reversed(range(days))]
    accepted = issues.list_days(visible, wanted[0])
    lost = loss_counts.of_days([visible.project_id], wanted)[visible.project_id]
    return {day: (accepted.get(day, 0), lost.get(day, {})) for day in wanted}
