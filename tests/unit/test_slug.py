"""Slugs of projects from any name, and the short ids that begin with them."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from errata.models.slug import MAX_SLUG, is_slug, numbered, parse_short_id, short_id, slugify


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("shop", "shop"),
        ("  My Shop!  ", "my-shop"),
        ("shop/api.v2", "shop-api-v2"),
        ("Große Bücher", "grosse-bucher"),
        ("\uff26\uff55\uff4c\uff4c width", "full-width"),
        ("①②", "project-12"),
        ("2024", "project-2024"),
        ("12-34", "12-34"),
        ("本", "project"),
        ("本 shop", "shop"),
        ("", "project"),
        ("---", "project"),
        ("🔥", "project"),
        ("Straßenbahn—Köln", "strassenbahn-koln"),
        ("x" * 200, "x" * 40),
        ("1" * 200, "project-" + "1" * 32),
        ("1" * 39 + " shop", "project-" + "1" * 32),
        ("a" * 39 + " shop", "a" * 39),
        ("../../etc/passwd", "etc-passwd"),
        ("org#3#slugs", "org-3-slugs"),
    ],
)
def test_a_name_is_converted_to_a_slug(name: str, slug: str) -> None:
    assert slugify(name) == slug


@given(st.text(max_size=200))
@example("\u0130\u212a\u017f\u00b2")
@example("\ud800")
@example("1" * 45 + "\u0301-")
def test_any_name_is_converted_to_a_valid_slug(name: str) -> None:
    slug = slugify(name)
    assert is_slug(slug)
    assert slugify(slug) == slug


@given(st.text(max_size=200), st.from_regex(r"[0-9]{1,18}|[0-9a-f]{8}", fullmatch=True))
def test_a_slug_with_a_suffix_is_a_slug(name: str, suffix: str) -> None:
    slug = numbered(slugify(name), suffix)
    assert is_slug(slug)
    assert slug.endswith(f"-{suffix}")


@pytest.mark.parametrize("slug", ["a", "shop", "shop-2", "2-shop", "a--b", "x" * 40, "0x"])
def test_a_valid_slug_is_accepted(slug: str) -> None:
    assert is_slug(slug)


@pytest.mark.parametrize(
    "text",
    ["", "42", "Shop", "-a", "a-", "-", "a_b", "a b", "a\n", "1\n", "x" * 41, "\u017fhop", "²"],
)
def test_an_invalid_slug_is_refused(text: str) -> None:
    assert not is_slug(text)


def test_a_short_id_is_the_slug_and_the_number() -> None:
    assert short_id("shop-api", 42) == "SHOP-API-42"
    assert short_id("shop", 0) is None
    assert short_id("", 42) is None


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("SHOP-42", ("shop", 42)),
        ("Shop-API-7", ("shop-api", 7)),
        ("shop-2-42", ("shop-2", 42)),
        ("42", ("", 42)),
        ("0042", ("", 42)),
        ("9999999999", ("", 9_999_999_999)),
        ("10000000000", None),
        ("0" * 32, None),
        ("0f343b0931126a20f133d67c2b018a3b", None),
        ("SHOP", None),
        ("SHOP-", None),
        ("-42", None),
        ("SHOP-42\n", None),
        ("SHOP-٤٢", None),
        ("\u017fhop-1", None),
        ("a/b-1", None),
        ("", None),
    ],
)
def test_short_ids_and_numbers_are_read_in_any_case(
    text: str, parsed: tuple[str, int] | None
) -> None:
    assert parse_short_id(text) == parsed


@given(st.text(max_size=60), st.integers(1, 10**10 - 1))
def test_every_short_id_is_parsed_into_its_slug_and_number(name: str, number: int) -> None:
    slug = slugify(name)
    made = short_id(slug, number)
    assert made
    assert re.fullmatch(r"[A-Z0-9-]{1,51}", made)
    assert parse_short_id(made) == (slug, number)
    assert len(slug) <= MAX_SLUG
