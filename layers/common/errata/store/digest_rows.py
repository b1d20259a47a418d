"""Read the rows of IssuesTable that a batch of events changes: issues, releases and days."""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field

from errata.config import settings
from errata.models.issue import Closed, Day, Issue, Position, Release
from errata.models.visible import Watermark, issues_partition
from errata.store import known_releases, numbers, ranks, watermarks
from errata.store.closed_issues import closed_key, to_closed
from errata.store.day_counts import day_key, day_number
from errata.store.issue_items import is_issue, to_day, to_issue, to_position, to_release
from errata.store.items import (
    PlainItem,
    TypedItem,
    Values,
    batch_get,
    batch_get_tables,
    read_all,
    write_all,
)
from errata.store.known_releases import known_key


@dataclass(slots=True)
class Wanted:
    """The rows of one project to read: issues by id, releases by hash, days since the epoch."""

    issues: set[str] = field(default_factory=set)
    releases: set[str] = field(default_factory=set)
    days: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Rows:
    """The current rows of one project that a batch changes.

    Expired rows are left out, because their counts start again. DynamoDB may not have deleted them
    yet. `stored` has all rows as they are in the table, by sort key. Expired rows are included.
    `known` says when releases without a row were first seen, by hash, in milliseconds.
    """

    project_id: str
    watermark: Watermark
    issues: dict[str, Issue] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    days: dict[int, Day] = field(default_factory=dict)
    stored: dict[str, PlainItem] = field(default_factory=dict)
    wanted: Wanted = field(default_factory=Wanted)
    known: dict[str, int] = field(default_factory=dict)

    @property
    def pk(self) -> str:
        """The partition of these rows."""
        return issues_partition(self.project_id, self.watermark.generation)

    def position(self, sk: str) -> Position | None:
        """Return the position of a row, even if it has expired. None if there is no such row."""
        stored = self.stored.get(sk)
        return to_position(stored) if stored is not None else None

    @property
    def missing_releases(self) -> set[str]:
        """The hashes of wanted releases that have no row, or whose row has expired."""
        return self.wanted.releases - self.releases.keys()

    def first_seen(self, name: str) -> int:
        """Return when a release was first seen, by its hash, in milliseconds. 0 if it was not."""
        release = self.releases.get(name)
        return release.since if release else self.known.get(name, 0)

    def replace(self, sk: str, values: Values) -> None:
        """Note that a release or a day was stored with these values, without its key."""
        _add(self, read_all(write_all({"sk": sk, **values})), 0)

    @property
    def without_position(self) -> set[str]:
        """The sort keys of stored releases and days without a position."""
        totals = {sk: row for sk, row in self.stored.items() if not sk.startswith("issue#")}
        return {sk for sk, row in totals.items() if not to_position(row).sequence}

    def deleted_through(self, issue_id: str) -> str:
        """Return the event id up to which an issue was deleted, "" if it was never deleted.

        The issue may have been created again since then.
        """
        stored = self.stored.get(f"issue#{issue_id}")
        return str(stored.get("deleted_through", "")) if stored is not None else ""


def read(
    wanted: Mapping[str, Wanted], now_s: int, generations: MutableMapping[str, int]
) -> dict[str, Rows]:
    """Return these rows and the watermarks of their projects. Reads consistently.

    `generations` are the projects' generations from an earlier call. If they are still right, one
    call to DynamoDB reads everything. They are brought up to date. Access pattern I1.
    """
    guessed = {project_id: generations.get(project_id, 0) for project_id in wanted}
    found = _read(wanted, guessed, watermarks_of=wanted)
    rows = {
        project_id: Rows(project_id, Watermark(), wanted=of_project)
        for project_id, of_project in wanted.items()
    }
    for item in found[settings().events_table]:
        rows[item["pk"]["S"].removesuffix("#state")].watermark = watermarks.to_watermark(item)
    items = found[settings().issues_table]
    actual = {project_id: each.watermark.generation for project_id, each in rows.items()}
    moved = {each: wanted[each] for each in wanted if actual[each] != guessed[each]}
    for project_id in moved:
        generations[project_id] = actual[project_id]
    items += _read(moved, actual)[settings().issues_table]
    by_partition = {each.pk: each for each in rows.values()}
    for plain in map(read_all, items):
        if plain["pk"] in by_partition:
            _add(by_partition[plain["pk"]], plain, now_s)
    return rows


def _read(
    wanted: Mapping[str, Wanted],
    generations: Mapping[str, int],
    watermarks_of: Iterable[str] = (),
) -> dict[str, list[TypedItem]]:
    keys = []
    for project_id, each in wanted.items():
        pk = issues_partition(project_id, generations[project_id])
        names = [f"issue#{issue_id}" for issue_id in each.issues]
        names += [f"release#{release}" for release in each.releases]
        names += [day_key(day) for day in each.days]
        keys += [write_all({"pk": pk, "sk": name}) for name in names]
    watermark_keys = [watermarks.watermark_key(project_id) for project_id in watermarks_of]
    return batch_get_tables(
        {settings().events_table: watermark_keys, settings().issues_table: keys}
    )


def _add(rows: Rows, item: PlainItem, now_s: int) -> None:
    rows.stored[item["sk"]] = item
    kind, _, name = item["sk"].partition("#")
    if kind == "issue":
        if is_issue(item) and (issue := to_issue(item)).expires_at > now_s:
            rows.issues[name] = issue
    elif item["ttl"] > now_s:
        if kind == "release":
            rows.releases[name] = to_release(item)
        else:
            rows.days[day_number(name)] = to_day(item)


def before_opening(
    rows: Rows, issue_ids: Iterable[str], now_s: int
) -> tuple[int, dict[str, Closed]]:
    """Return the last number of a project's issues, and how these issues were closed, by id.

    Leaves out issues that were never resolved or ignored. The others may have expired since. Also
    sets when the releases without a row were first seen (`Rows.known`). Access pattern I14.
    """
    keys = [write_all({"pk": rows.pk, "sk": closed_key(issue_id)}) for issue_id in issue_ids]
    if keys:
        keys.append(numbers.counter_key(rows.project_id))
    missing = rows.missing_releases - rows.known.keys()
    keys += [write_all({"pk": rows.pk, "sk": known_key(each)}) for each in missing]
    last, found = 0, {}
    known: list[PlainItem] = []
    for typed in batch_get(settings().issues_table, keys):
        item = read_all(typed)
        if item["sk"] == numbers.COUNTER:
            last = item["last"]
        elif item["sk"].startswith(known_key("")):
            known.append(item)
        elif item["ttl"] > now_s:
            found[item["sk"].partition("#")[2]] = to_closed(item)
    rows.known |= known_releases.seen_in(known, now_s)
    return last, found


def read_issues(rows: Rows, issue_ids: Iterable[str], now_s: int) -> None:
    """Add issues to `rows` that have no events in the batch: heads and members.

    Does not read those again that are in `rows`. Access pattern I45.
    """
    names = {f"issue#{each}" for each in issue_ids} - rows.stored.keys()
    keys = [write_all({"pk": rows.pk, "sk": name}) for name in sorted(names)]
    for item in batch_get(settings().issues_table, keys):
        _add(rows, read_all(item), now_s)


def read_text(rows: Rows, issue: Issue) -> str | None:
    """Return the words by which people find an issue, from its number row.

    Access pattern I47.
    """
    key = write_all({"pk": rows.pk, "sk": next(iter(ranks.number_rows(issue)))})
    found = batch_get(settings().issues_table, [key])
    return found[0].get("text", {}).get("S") if found else None


def read_known(rows: Rows, hashes: Iterable[str], now_s: int) -> None:
    """Set when these releases were first seen (`Rows.known`). Access pattern I35."""
    keys = known_releases.keys(rows.pk, hashes)
    items = map(read_all, batch_get(settings().issues_table, keys))
    rows.known |= known_releases.seen_in(items, now_s)
