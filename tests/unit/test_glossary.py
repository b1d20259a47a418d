"""docs/glossary.md: each term has one line, and each rejected word stands for one term."""

import re

from tests.support.own_files import ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text()
# Term, meaning, and the words not to use for it.
TERMS: list[tuple[str, str, str]] = re.findall(
    r"^\| \*\*(.+?)\*\* \| (.+?) \| (.*?) ?\|$", TEXT, re.MULTILINE
)


def test_a_term_has_one_line_and_a_meaning() -> None:
    names = [name for name, _, _ in TERMS]
    assert len(names) == TEXT.count("\n| **") > 50
    assert len(set(names)) == len(names)


def test_a_rejected_word_stands_for_one_term_and_is_no_term_itself() -> None:
    rejected = [word for *_, words in TERMS for word in words.split(", ") if word]
    assert len(set(rejected)) == len(rejected)
    assert not set(rejected) & {name for name, _, _ in TERMS}
