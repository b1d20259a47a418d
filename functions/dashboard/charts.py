"""Charts, as inline SVG without scripts."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


def sparkline(counts: Sequence[int]) -> Markup:
    """Draw a bar for each day, the last one for today: 84 by 20, as thick lines of one path."""
    most = max(counts, default=0) or 1
    step = 84 // max(1, len(counts))
    path = "".join(
        f"M{x * step + 2} 20v-{max(2, round(18 * count / most))}"
        for x, count in enumerate(counts)
        if count
    )
    label = f"{sum(counts)} events in {len(counts)} days"
    return Markup(
        '<svg class="spark" viewBox="0 0 84 20" role="img" aria-label="{}"><path d="{}"/></svg>'
    ).format(label, path)


# Heights of the bars of runs: failed and missed ones are tall, missed and unfinished ones hollow.
_SOLID, _HOLLOW = {"ok": 8, "error": 16, "timeout": 16}, {"in_progress": 8, "missed": 16}


def runs_strip(statuses: Sequence[str], label: str) -> Markup:
    """Draw the runs of a monitor, the newest last, each 4 wide and up to 16 high."""
    paths = {"": "", "failed": "", "open": "", "missed": ""}
    for number, status in enumerate(statuses):
        x = 6 * number
        if status in _SOLID:
            kind = "failed" if _SOLID[status] == 16 else ""
            paths[kind] += f"M{x} 16h4v-{_SOLID[status]}h-4z"
        else:
            kind = "missed" if _HOLLOW[status] == 16 else "open"
            paths[kind] += f"M{x}.5 15.5h3v-{_HOLLOW[status] - 1}h-3z"
    drawn = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(kind, path)
        for kind, path in paths.items()
        if path
    )
    return Markup(
        '<svg class="runs" viewBox="0 0 {} 16" width="{}" height="16" role="img" aria-label="{}">{}'
        "</svg>"
    ).format(6 * len(statuses), 6 * len(statuses), label, drawn)


def chart(days: Sequence[tuple[str, int]], height: int = 96) -> Markup:
    """Draw bars, one per day, with date and count on hover; 720 wide."""
    most = max((count for _, count in days), default=0) or 1
    step = 720 / max(1, len(days))
    bars = Markup("").join(
        Markup(
            '<g><title>{}: {}</title><rect class="hit" x="{}" y="0" width="{}" height="{}"/>'
            '<rect class="b" x="{}" y="{}" width="{}" height="{}"/></g>'
        ).format(
            day,
            f"{count:,}",
            f"{n * step:.1f}",
            f"{step:.1f}",
            height,
            f"{n * step + 1:.1f}",
            height - bar,
            f"{step - 2:.1f}",
            bar,
        )
        for n, (day, count) in enumerate(days)
        for bar in [max(2, round((height - 8) * count / most)) if count else 0]
    )
    total = sum(count for _, count in days)
    return Markup(
        '<svg class="chart of-days" viewBox="0 0 720 {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{} events in {} days, at most {} a day">{}</svg>'
    ).format(height, total, len(days), most if total else 0, bars)


# Pixels from the top of the issue's chart: the highest bar below one line of release names, the
# same below two lines, the axis, and the line of texts.
_TOP, _LOWER_TOP, _AXIS, _BELOW = 16, 30, 104, 121
# Widths in per cent of the chart, on a screen with two columns: a character, and the text at the
# top left (usual and peak). The text is left out if the name of a release would cover it.
_CHARACTER, _CAPTION = 1.0, 30
_TEXT = Markup('<text x="{}%" y="{}" text-anchor="{}" data-bar="{}">{}</text>')
_NOW = Markup('<text x="100%" y="{}" text-anchor="end">now, {}</text>')


@dataclass(frozen=True, slots=True)
class Bars:
    """What the chart of an issue shows.

    Attributes:
        kind: the name of the chart, for the style sheet.
        label: the whole chart in a sentence, for screen readers.
        bars: a name and a count for each bar, the oldest first.
        unit: what a bar stands for, such as `an hour`.
        usual: the usual count of a bar, 0 if it is not known.
        hot: a bar with at least this count is drawn as unusually high. None: no bar is.
        marks: releases, each with its place from 0 to 1.
        first_hour: if bars are hours, the first one, since the epoch.
        zone: the time zone of the names of the bars.
        shown: the number of the bar with the event that the page shows. None: it has no mark.
    """

    kind: str
    label: str
    bars: Sequence[tuple[str, int]]
    unit: str
    usual: float = 0
    hot: float | None = None
    marks: Sequence[tuple[str, float]] = ()
    first_hour: int | None = None
    zone: str = "UTC"
    shown: int | None = None


def issue_chart(shown: Bars) -> Markup:
    """Draw bars with an axis. `x` is in per cent, `y` in pixels: texts keep their size.

    Each release is a line. The first and the last one have their names. dashboard.js shows hours in
    the browser's time zone, if the reader has not chosen one.
    """
    step = 100 / len(shown.bars)
    peak = max(count for _, count in shown.bars)
    parts = [Markup('<line x1="0" x2="100%" y1="104.5" y2="104.5"/>')]
    named = {shown.marks[0], shown.marks[-1]} if shown.marks else set()
    top = _LOWER_TOP if len(named) > 1 else _TOP
    parts += [_bar(n * step, step, each, peak, shown, top) for n, each in enumerate(shown.bars)]
    for mark in shown.marks:
        name, x = mark[0] if mark in named else "", round(100 * mark[1], 1)
        begin, end = (4, _AXIS) if name else (_AXIS + 1, _AXIS + 6)
        parts.append(
            Markup('<line class="mark" x1="{0}%" x2="{0}%" y1="{1}" y2="{2}"/>').format(
                x, begin, end
            )
        )
        if name:
            side = Markup('dx="-5" text-anchor="end"') if x > 50 else Markup('dx="5"')
            parts.append(
                Markup('<text class="flag" x="{}%" {} y="{}">{}</text>').format(
                    x, side, 11 if mark == shown.marks[-1] else 25, name
                )
            )
    if shown.shown is not None:
        x = (shown.shown + 0.5) * step
        parts.append(
            Markup(
                '<line class="here" x1="{0:.1f}%" x2="{0:.1f}%" y1="105" y2="110">'
                "<title>This event</title></line>"
            ).format(x)
        )
    caption = f"peak {peak:,} {shown.unit}" if peak else ""
    if shown.usual >= 1 and peak:
        y = round(_AXIS - (_AXIS - top) * min(1, shown.usual / peak)) + 0.5
        parts.append(Markup('<line class="usual" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(y))
        caption = f"usual {shown.usual:,.0f}, {caption}"
    if caption and all(_begin(*mark) > _CAPTION for mark in named):
        parts.append(Markup('<text class="caption" x="0" y="11">{}</text>').format(caption))
    for n in (0, 1, 2, 3):
        at = len(shown.bars) * n // 4
        anchor, x = ("middle", (at + 0.5) * step) if n else ("start", 0.0)
        parts.append(_TEXT.format(f"{x:.1f}", _BELOW, anchor, at, shown.bars[at][0]))
    zone = Markup('<tspan class="{}">{}</tspan>').format(
        "zone" if shown.first_hour is not None else "", shown.zone
    )
    parts.append(_NOW.format(_BELOW, zone))
    hours = Markup("")
    if shown.first_hour is not None:
        hours = Markup(' data-first-hour="{}"').format(shown.first_hour)
    return Markup(
        '<svg class="chart {0}" id="{0}-chart"{1} role="img" aria-label="{2}">{3}</svg>'
    ).format(shown.kind, hours, shown.label, Markup("").join(parts))


def _begin(name: str, place: float) -> float:
    """Return where the name of a release begins, in per cent. In the right half it ends there."""
    return 100 * place - (_CHARACTER * len(name) if place > 0.5 else 0)


def _bar(x: float, step: float, bar: tuple[str, int], peak: int, shown: Bars, top: int) -> Markup:
    name, count = bar
    drawn = ""
    if count:
        kind = "hot" if shown.hot is not None and count >= shown.hot else "b"
        height = max(2, round((_AXIS - top) * count / peak))
        drawn = (
            f'<rect class="{kind}" x="{x + step * 0.12:.1f}%" y="{_AXIS - height}"'
            f' width="{step * 0.76:.1f}%" height="{height}"/>'
        )
    # A page has 54 bars. Markup.format takes ten times as long.
    return Markup(  # noqa: S704 - numbers, and an escaped name
        f'<g><title>{escape(name)}: {count:,}</title><rect class="hit" x="{x:.1f}%" y="8"'
        f' width="{step:.1f}%" height="96"/>{drawn}</g>'
    )
