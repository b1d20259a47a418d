"""The order of releases: by version if both have one, else by the time when first seen."""

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.release_order import SeenRelease, compare, newest, order
from tests.support.cpu import cpu_s
from tests.support.fuzz import bounded

SHA = "3f786850e387550fdab836ed7e6dc881de23001b"
OTHER_SHA = "89e6c98d92887913cadf06b2adb97f26cde4849b"

# (what, one, other): one is before other.
BEFORE = [
    ("a hotfix of an older line", "10.18.7", "10.24.0"),
    ("numbers are no text", "shop@1.9.0", "shop@1.10.0"),
    ("a bare version", "10.18.7", "10.18.8"),
    ("a bare version and one of a package", "10.18.7", "shop@10.24.0"),
    ("a package with an @", "@shop/web@2.0.0", "@shop/web@2.0.1"),
    ("four numbers", "app@6.0.0.1234", "app@6.0.0.1235"),
    ("four numbers and three", "6.0.0", "6.0.0.1"),
    ("one number", "build@998", "build@1000"),
    ("a v", "v1.2.3", "1.2.4"),
    ("a forged version is later, but only of its own name", "1.2.3", "999.9.9"),
    ("a pre-release", "2.0.0-rc.1", "2.0.0"),
    ("pre-releases", "2.0.0-rc.2", "2.0.0-rc.10"),
    ("pre-releases of words", "2.0.0-alpha", "2.0.0-beta.1"),
    ("a number before words (semver.org, 11.4.3)", "1.0.0-alpha.1", "1.0.0-alpha.beta"),
    ("fewer words first (semver.org, 11.4.4)", "1.0.0-alpha", "1.0.0-alpha.1"),
    ("a letter suffix", "1.4b2", "1.4"),
    ("letter suffixes", "1.4b2", "1.4rc1"),
    ("builds that are numbers", "com.shop@7.1.0+99", "com.shop@7.1.0+100"),
    ("a build and none", "7.1.0", "7.1.0+1"),
    ("CalVer", "2026.9.30", "2026.11.2"),
    ("a revision of a day", "shop@2026.11.26", "shop@2026.11.26-2"),
    ("revisions of a day", "2026.11.26-2", "2026.11.26-10"),
    ("CalVer can have pre-releases", "2026.11.26-rc1", "2026.11.26"),
    ("dates of all digits", "20261126", "20261201"),
    ("dates of twelve digits are no commits", "202611261159", "202611261200"),
    ("dates with dashes", "2026-09-30", "2026-11-02"),
    ("dates with a letter", "20261126a", "20261126b"),
]
EQUAL = [
    ("v1.2", "1.2.0.0"),
    ("shop@1.2.3", "1.2.3"),
    ("1.0.0-RC1", "1.0.0-rc1"),
    (SHA, SHA),
]
BY_TIME = [
    ("another package", "shop@1.0.0", "shop-worker@2.0.0"),
    ("commits", SHA, OTHER_SHA),
    ("a short commit that begins with a digit", "9f00123", "10f00123"),
    ("a version and a commit: the scheme flips", "1.2.3", SHA),
    ("a commit of a package", f"shop@{SHA}", "shop@1.0.0"),
    ("words", "blue", "green"),
    ("five numbers", "1.2.3.4.5", "1.2.3.4.6"),
    ("something around a version", "release-1.2.3", "release-1.2.4"),
    ("versions of different commits", "1.2.3+3f78685", "1.2.3+89e6c98"),
    ("nothing after the @", "shop@", "shop@1.0"),
    ("digits of other scripts", "\u0661.\u0662", "1.3"),
    ("a name that is too long", "1." + "0" * 250, "2.0"),
]


@pytest.mark.parametrize(
    ("one", "other"), [each[1:] for each in BEFORE], ids=[e[0] for e in BEFORE]
)
def test_a_version_is_before_another(one: str, other: str) -> None:
    assert (compare(one, other), compare(other, one)) == (-1, 1)
    # When they were seen does not matter.
    assert order(SeenRelease(one, 9), SeenRelease(other, 1)) == -1


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_versions_may_be_equal(one: str, other: str) -> None:
    assert compare(one, other) == compare(other, one) == 0
    assert order(SeenRelease(one, 1), SeenRelease(other, 9)) == 0


@pytest.mark.parametrize(("one", "other"), [e[1:] for e in BY_TIME], ids=[e[0] for e in BY_TIME])
def test_releases_without_comparable_versions_are_ordered_by_time(one: str, other: str) -> None:
    assert compare(one, other) is compare(other, one) is None
    assert order(SeenRelease(one, 1), SeenRelease(other, 9)) == -1
    assert order(SeenRelease(one, 9), SeenRelease(other, 1)) == 1
    assert order(SeenRelease(one, 1), SeenRelease(other, 0)) == -1, "not seen yet is later"


def test_a_commit_does_not_change_the_order_of_versions() -> None:
    assert newest([SeenRelease("1.10", 1), SeenRelease("1.9", 2)]) == SeenRelease("1.10", 1)
    # A commit that was seen later is newer, but 1.9 is not newer than 1.10 because of it.
    assert newest(
        [SeenRelease("1.10", 1), SeenRelease("1.9", 2), SeenRelease(SHA, 3)]
    ) == SeenRelease(SHA, 3)
    assert newest(
        [SeenRelease("1.10", 4), SeenRelease("1.9", 2), SeenRelease(SHA, 3)]
    ) == SeenRelease("1.10", 4)
    assert newest([]) is None


def test_bare_versions_count_among_the_releases_of_a_package() -> None:
    assert newest([SeenRelease("10.2", 1), SeenRelease("shop@10.1", 2)]) == SeenRelease("10.2", 1)
    assert newest(
        [SeenRelease("10.2", 1), SeenRelease("shop@10.1", 2), SeenRelease("api@3", 3)]
    ) == SeenRelease("api@3", 3)


numbers = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(
    lambda each: ".".join(map(str, each))
)
pres = st.sampled_from(
    ["", "-1", "-2.1", "-rc", "-rc.1", "-rc1", "-alpha.beta", "b2", "b10", "-a-b"]
)
builds = st.sampled_from(["", "+1", "+20"])
majors = st.sampled_from(["", "2026.", "v", "v2026."])
versions = st.tuples(majors, numbers.filter(lambda n: n.count(".") < 3), pres, builds).map("".join)
packages = st.sampled_from(["", "shop@", "@shop/web@"])
names = st.text(max_size=60) | versions | st.from_regex(r"\A[0-9a-f]{12}\Z")


@bounded(120)
@given(packages, st.lists(versions, min_size=3, max_size=3))
def test_versions_of_a_package_have_a_total_order(package: str, some: list[str]) -> None:
    for one, two, three in permutations([f"{package}{each}" for each in some]):
        first, second, whole = compare(one, two), compare(two, three), compare(one, three)
        assert None not in (first, second, whole), "total"
        assert first == -(compare(two, one) or 0), "antisymmetric"
        if first in (-1, 0) and second in (-1, 0):
            assert whole == min(first or 0, second or 0), "transitive"


@bounded(120)
@given(packages, names, packages, names, st.integers(0, 3), st.integers(0, 3))
def test_any_two_names_have_an_order(
    package: str, one: str, another: str, other: str, at: int, later: int
) -> None:
    first, second = SeenRelease(package + one, at), SeenRelease(another + other, later)
    assert order(first, second) == -order(second, first)
    assert order(first, first) == 0
    assert newest([first, second]) == newest([second, first])


@pytest.mark.parametrize("bit", ["1.", "1", "-", "a", "@", "+1", "1a", "-1", "\u0661", "."])
def test_a_long_name_takes_little_time(bit: str) -> None:
    for times in (100, 240, 10**6):
        name = f"1.2.3-{bit * times}"
        assert cpu_s(lambda name=name: compare(name, f"v{name}"), 0.05) < 0.05  # type: ignore[misc]


def test_consecutive_versions_of_a_line_are_in_order() -> None:
    line = ["2.0.0-alpha", "2.0.0-alpha.1", "2.0.0-rc.1", "2.0.0", "2.0.0+1", "2.0.0.1", "2.1"]
    assert all(compare(one, other) == -1 for one, other in pairwise(line))
