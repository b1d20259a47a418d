"""docs/access-patterns.md and the store cite the same numbers: a pattern has one function."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "access-patterns.md"
STORE = ROOT / "layers" / "common" / "errata" / "store"

_ROW = re.compile(r"^\| ([A-Z]\d+) \|", re.MULTILINE)
# "Access pattern E1." or "Access patterns E5 and E6."
_CITATION = re.compile(r"\bAccess patterns? ([A-Z]\d+(?:(?:, | and )[A-Z]\d+)*)\.")
_NEARLY = re.compile(r"\b(?i:patterns?)\b|\b[A-Z]\d{1,2}\b")


def documented() -> Counter[str]:
    """Count the numbers of the document's rows."""
    return Counter(_ROW.findall(DOCUMENT.read_text()))


def docstrings() -> dict[str, str]:
    """Return the docstring of each function of the store."""
    return {
        f"{file.name}:{node.name}": ast.get_docstring(node) or ""
        for file in sorted(STORE.glob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def cited() -> Counter[str]:
    """Count the functions that cite each number."""
    return Counter(
        number
        for text in docstrings().values()
        for group in _CITATION.findall(" ".join(text.split()))
        for number in re.findall(r"[A-Z]\d+", group)
    )


def test_every_pattern_is_numbered_once() -> None:
    assert documented()
    assert set(documented().values()) == {1}


def test_the_numbers_of_a_table_have_no_gaps() -> None:
    letters = {number[0] for number in documented()}
    for letter in letters:
        found = sorted(int(number[1:]) for number in documented() if number[0] == letter)
        assert found == list(range(1, len(found) + 1))


def test_every_pattern_is_cited_by_exactly_the_function_that_serves_it() -> None:
    assert cited() == documented()


def test_citations_have_one_form() -> None:
    for name, text in docstrings().items():
        rest = _CITATION.sub("", " ".join(text.split()))
        assert not _NEARLY.search(rest), f"{name}: {text}"


def test_every_function_that_calls_dynamodb_cites_a_pattern() -> None:
    silent = []
    for file in sorted(STORE.glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                calls = ast.unparse(node)
                asks = "clients.dynamodb()" in calls or re.search(
                    r"\b(query|query_some|query_count|query_pages|batch_get|batch_get_tables)\(",
                    calls,
                )
                if asks and not _CITATION.search(" ".join((ast.get_docstring(node) or "").split())):
                    silent.append(f"{file.name}:{node.name}")
    # The calls that patterns share: loops, and rows with the text of rules.
    assert silent == [
        "items.py:query",
        "items.py:query_some",
        "items.py:query_count",
        "items.py:query_pages",
        "items.py:batch_get",
        "items.py:batch_get_tables",
        "rule_texts.py:find",
        "rule_texts.py:save",
    ]
