"""The names in an issue's row: counted, and bounded in bytes, because each event writes the row."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from errata.models.issue import MAX_NAME, MAX_NAMES, MAX_NAMES_BYTES, Issue, count_names, short_name


def new_issue() -> Issue:
    return Issue("a", "f", "client", "", "", "", "", 0, "")


def size(issue: Issue) -> int:
    parts = (issue.environments, issue.releases, issue.servers)
    return sum(len(name.encode()) for part in parts for name in part)


def named(name: str) -> dict[str, str]:
    return {"environment": name, "release": name, "server_name": name}


names = st.text(max_size=5) | st.text(min_size=200, max_size=300)
fields = st.fixed_dictionaries(
    {}, optional={name: st.none() | names for name in ("environment", "release", "server_name")}
)


@given(st.lists(st.lists(fields, max_size=40), max_size=3))
def test_the_names_of_any_events_are_bounded_in_bytes(batches: list[list[dict[str, Any]]]) -> None:
    issue = new_issue()
    for batch in batches:
        count_names(issue, batch)
        assert size(issue) <= MAX_NAMES_BYTES
        assert max(map(len, (issue.environments, issue.releases, issue.servers))) <= MAX_NAMES


def test_usual_names_are_all_kept() -> None:
    issue = new_issue()
    release = "shop@4f2a9c0b1d3e5f60718293a4b5c6d7e8f9{:04}"
    for n in range(MAX_NAMES):
        count_names(issue, [{"environment": f"pr-{n}", "release": release.format(n)}])
        count_names(issue, [{"server_name": f"ip-10-0-12-{n}.eu-west-1.compute.internal"}])
    parts = (issue.environments, issue.releases, issue.servers)
    assert [len(part) for part in parts] == [MAX_NAMES] * 3


def test_long_names_drop_the_rarest_but_not_the_newest() -> None:
    issue = new_issue()
    count_names(issue, [named("production")] * 3)
    for n in range(45):
        name = f"{n:02}" + "\U0001f600" * 200
        count_names(issue, [named(name)])
        assert short_name(name) in issue.releases
        assert size(issue) <= MAX_NAMES_BYTES
    assert issue.environments["production"] == issue.servers["production"] == 3
    assert "00" not in {name[:2] for name in issue.releases}


def test_a_row_that_is_too_large_becomes_smaller_with_the_next_event() -> None:
    issue = new_issue()
    issue.servers = {f"{n}" + "\U0001f600" * 199: 9 for n in range(MAX_NAMES)}
    count_names(issue, [{"environment": "production"}])
    assert size(issue) <= MAX_NAMES_BYTES
    assert issue.environments == {"production": 1}


@given(st.text(max_size=300))
def test_a_short_name_is_the_start_of_a_name(name: str) -> None:
    short = short_name(name)
    assert name.startswith(short)
    assert len(short.encode()) <= MAX_NAME < len(short.encode()) + 4 or short == name


def test_a_lone_surrogate_in_a_name_becomes_a_question_mark() -> None:
    assert short_name("a\ud800") == "a?"
