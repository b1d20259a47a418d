"""The price list as a table, in README."""

from collections.abc import Sequence

from bench.artifact import ROOT
from bench.cases import BOUNDS, Price

README = ROOT / "README.md"
BEGIN = "<!-- Made by `python -m bench --record`. -->\n"
END = "<!-- The end of what is made. -->\n"
WHAT = {
    "burst-4k": "an SDK's event of 4 KB, in bursts of 100 over ten issues",
    "steady": "the same, a million spread over a month",
    "loop": "an SDK's event of 16 KB in an error loop, the same again and again",
    "cold": "an SDK's event of 4 KB for which every function starts",
    "symbolicated": "an SDK's event of 4 KB of minified code whose source map is there, in bursts",
    "captured": "a failure in a log, with the lines before it, in batches of one",
    "otlp-alone": "an exception of a span of OpenTelemetry, in requests of one",
    "otlp-50": "the same, in requests of 50",
    "attached": "an SDK's event of 4 KB with a file of 100 KB, in bursts",
    "check-in": "a check-in of a cron job, two of each run, with the look after its margin",
    "check-in-long": "the same, of a job that takes longer than its margin",
    "feedback": "a feedback that somebody writes about an event",
    "gateway-4k": "an event of 4 KB at `/api/ingest` with a key, in bursts",
}
_COLUMNS = {
    "API Gateway": ("gateway",),
    "EventsTable": ("EventsTable", "look-ups and rates"),
    "IssuesTable": ("IssuesTable",),
    "Lambda": ("endpoint", "authorizer", "digest", "starts", "end of files", "worker"),
    "storage": ("storage",),
    "rest": ("logs", "queues", "stream", "files", "monitors", "schedules"),
}


def table(prices: Sequence[Price]) -> str:
    """Return the price list of a million events as Markdown."""
    rows = [
        f"| a million times | {' | '.join(_COLUMNS)} | $ |",
        f"|---|{'---|' * len(_COLUMNS)}---|",
    ]
    for price in prices:
        if price.case in WHAT:
            columns = [
                sum(price.parts.get(part, 0) for part in parts) for parts in _COLUMNS.values()
            ]
            named = set().union(*_COLUMNS.values())
            assert price.parts.keys() <= named, price.parts.keys() - named
            cells = [f"{dollars:.2f}" if dollars else "" for dollars in columns]
            rows.append(f"| {WHAT[price.case]} | {' | '.join(cells)} | **{price.dollars:.2f}** |")
    for price in prices:
        if price.case == "stored-map":
            rows.append("")
            rows.append(
                f"A thousand source maps of 1 MB, kept for 90 days: **${price.dollars:.2f}**."
            )
    return "\n".join(rows) + "\n"


def shown() -> str:
    """Return the table in README."""
    return README.read_text().partition(BEGIN)[2].partition(END)[0]


def write(prices: Sequence[Price]) -> None:
    """Replace the table in README."""
    before, begin, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    README.write_text(f"{before}{begin}{table(prices)}{end}{after}")


assert BOUNDS.keys() >= WHAT.keys()
