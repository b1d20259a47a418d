"""Numbers of events of a project."""

from errata.errors import InvalidInputError
from errata.models.ids import DAY_MS
from errata.store.day_counts import day_number, recent_days
from errata.usecases import loss_ledger
from functions.web_api.context import Context
from functions.web_api.request import ApiResponse

_HOUR_S, _DAY_S = 3_600, 86_400
_MAX_DAYS = 90
_MAX_HOURS = 24 * 15


def of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Return how many events a project had: [time in seconds, number] by hour or day.

    `stat=received`: the events that were stored. `stat=rejected`: those that were lost, by day.
    """
    found = context.project(organization, project)
    visible = context.visible(found)
    stat = context.query.get("stat", "received")
    resolution = context.query.get("resolution", "1h")
    if stat not in ("received", "rejected"):
        raise InvalidInputError({"stat": ["The stat must be received or rejected."]})
    if resolution not in ("1h", "1d") or (stat == "rejected" and resolution == "1h"):
        raise InvalidInputError(
            {"resolution": ["The resolution must be 1h or 1d; of rejected, 1d."]}
        )
    unit_s = _HOUR_S if resolution == "1h" else _DAY_S
    until_s = _seconds(context, "until", context.now_ms // 1000)
    since_s = _seconds(context, "since", until_s - _DAY_S)
    times = range(since_s // unit_s, until_s // unit_s + 1)
    if not 0 < len(times) <= (_MAX_HOURS if unit_s == _HOUR_S else _MAX_DAYS):
        raise InvalidInputError({"since": ["The time is too long, or ends before it begins."]})
    counts: dict[int, int] = {}
    if stat == "rejected":
        days = context.now_ms // DAY_MS - times[0] + 1
        lost = loss_ledger.by_day(visible, max(1, min(days, _MAX_DAYS)))
        counts = {day_number(day): sum(of.values()) for day, (_, of) in lost.items()}
    else:
        found_days = recent_days([visible.partition], since_s // _DAY_S, visible.now_s)
        for day, each in found_days[visible.partition].items():
            if unit_s == _DAY_S:
                counts[day] = each.count
            else:
                counts |= {day * 24 + hour: number for hour, number in each.hours.items()}
    return ApiResponse([[at * unit_s, counts.get(at, 0)] for at in times])


def _seconds(context: Context, name: str, default: int) -> int:
    text = context.query.get(name, "")
    if not text:
        return default
    number = text.partition(".")[0]
    if not (number.isascii() and number.isdecimal() and len(number) < 11):
        raise InvalidInputError({name: [f"{name} must be a time in seconds."]})
    return int(number)
