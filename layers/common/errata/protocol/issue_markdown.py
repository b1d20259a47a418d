"""An issue as Markdown, with one of its events, for an agent or a ticket.

As in `errata.protocol.markdown`, all texts that a sender or a member may choose stand in code
blocks or code spans.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from errata.models.event import Stored, received_ms
from errata.models.issue import Activity, Issue, kept_note, trend, why_all_grouped
from errata.models.settled import how, still_to_come
from errata.models.sketch import estimate
from errata.models.texts import cut
from errata.models.verdict import Verdict
from errata.protocol.markdown import UNTRUSTED, block, details, listed, span
from errata.protocol.read import iso

_MOST_NAMES = 5
_MOST_ENTRIES = 10
_MAX_COMMENT = 600


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of an issue besides its row.

    Attributes:
        name: its short id, or its id.
        project: the name of its project.
        assigned: who works on it, "" if nobody.
        verdict: what it is doing.
        activity: its latest activity, latest first.
        event: its newest event, or None.
        event_number: the number of that event, or None.
        url: where the issue is shown, "" if unknown.
    """

    name: str
    project: str
    assigned: str
    verdict: Verdict
    activity: Sequence[Activity]
    event: Stored | None
    event_number: int | None
    url: str = ""


def heading(name: str, issue: Issue) -> list[str]:
    """Return the first lines of an issue: what it is called, and where it happens."""
    place = ["", f"in {span(issue.culprit)}"] if issue.culprit else []
    return [f"# {name}: {span(issue.title)}", *place]


def to_markdown(issue: Issue, around: Around, now_ms: int) -> str:
    """Return an issue with its newest event and its latest activity."""
    parts = [*heading(around.name, issue), "", UNTRUSTED, ""]
    parts += listed(dict(_known(issue, around, now_ms)))
    if around.url:
        parts.append(f"- page: <{around.url}>")
    if around.event:
        number = f", {around.event_number:,} of {issue.kept:,}" if around.event_number else ""
        number += " kept in full" if number and issue.tallies else ""
        received = iso(received_ms(around.event.id, around.event.fields))
        beside = {"event": around.event.id, "received": received}
        parts += ["", f"## Newest event{number}", "", *details(around.event.fields, beside)]
    if entries := list(_entries(around.activity[:_MOST_ENTRIES])):
        parts += ["", "## Activity, latest first", "", block("\n".join(entries))]
    return "\n".join(parts) + "\n"


def row(name: str, project: str, issue: Issue, now_ms: int) -> str:
    """Return an issue as an item of a list, in two lines."""
    users = estimate(issue.users)
    details = (
        issue.status,
        issue.level,
        count_in_words(issue.count, "event"),
        kept_note(issue.count, issue.kept),
        f"\N{ALMOST EQUAL TO} {count_in_words(users, 'user')}" if users else "",
        f"{issue.buckets.last_day(now_ms):,} in 24 hours",
        f"last seen {iso(issue.last_seen)}",
        *trend(issue, now_ms),
    )
    place = f" of {span(project)}" if project else ""
    where = f" in {span(issue.culprit)}" if issue.culprit else ""
    first = f"- **{name}**{place}: {span(issue.title)}{where}"
    return f"{first}\n  {span(', '.join(filter(None, details)))}"


def count_in_words(number: int, what: str) -> str:
    """Return a number of things in words: `1 event`, `1,200 events`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _known(issue: Issue, around: Around, now_ms: int) -> Iterator[tuple[str, str]]:
    settled = ", ".join(filter(None, (how(issue), still_to_come(issue))))
    users = estimate(issue.users)
    recent = f"{issue.buckets.last_hour(now_ms):,} in the last hour"
    day = f"{issue.buckets.last_day(now_ms):,} in 24 hours"
    yield "project", around.project
    yield "id", issue.id
    yield "status", f"{issue.status} {settled}".strip()
    yield "verdict", ". ".join(filter(None, (around.verdict.sentence, around.verdict.detail)))
    yield "level", issue.level
    kept = kept_note(issue.count, issue.kept)
    yield "events", ", ".join(filter(None, (f"{issue.count:,}", kept, recent, day)))
    yield "users", f"\N{ALMOST EQUAL TO} {users:,}" if users else ""
    for name, at_ms, release in (
        ("first seen", issue.first_seen, issue.first_release),
        ("last seen", issue.last_seen, issue.last_release),
    ):
        yield name, f"{iso(at_ms)}{f' in {release}' if release else ''}"
    for name, counts in (
        ("releases", issue.releases),
        ("environments", issue.environments),
        ("servers", issue.servers),
    ):
        yield name, _often(counts)
    yield "grouped by", why_all_grouped(issue)
    yield "assigned to", around.assigned
    yield "ticket", issue.tracker_url


def _often(counts: dict[str, int]) -> str:
    names = sorted(counts, key=lambda each: (-counts[each], each))
    shown = [f"{name} ({counts[name]:,})" for name in names[:_MOST_NAMES]]
    left = len(names) - _MOST_NAMES
    return ", ".join([*shown, *([f"{left} more"] if left > 0 else [])])


def _entries(activity: Sequence[Activity]) -> Iterator[str]:
    for each in activity:
        parts = (each.what, each.detail, f"by {each.by}" if each.by else "")
        yield f"{iso(each.at)} {' '.join(filter(None, parts))}"
        text = cut(each.text, _MAX_COMMENT)
        if text != each.text:
            text += "…"
        yield from (f"  {line}" for line in text.split("\n") if text)
