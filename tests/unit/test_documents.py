"""The documents: decisions have one structure, and links have existing targets."""

import re
from pathlib import Path

import pytest

from tests.support.own_files import ROOT, own

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
HEADINGS = ["Status", "Context", "Decision", "Consequences", "Alternatives rejected"]
_STATUS = re.compile(
    r"(Accepted|Superseded by \[decision \d+\]\(\d{4}-[a-z0-9-]+\.md\)), \d{4}-\d{2}-\d{2}"
)
# `[text](target)` and `![text](target)`; the text may run over lines.
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")


def prose(file: Path) -> str:
    """A document without its code blocks."""
    return _FENCED.sub("", file.read_text())


def anchors(file: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(file), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def title(decision: Path) -> str:
    """A decision's title, without its number."""
    found = re.match(r"# \d+\. (.+)\n", decision.read_text())
    assert found, decision.name
    return found[1]


def status(decision: Path) -> str:
    """Return the text of a decision under "Status"."""
    found = re.search(r"^## Status\n\n(.+)\n\n", decision.read_text(), re.MULTILINE)
    assert found, decision.name
    return found[1]


# ------------------------------------------------------------------ decisions


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(file.name[:4]) for file in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda file: file.name[:4])
def test_a_decision_has_its_number_its_headings_and_a_status(decision: Path) -> None:
    text = decision.read_text()
    assert text.startswith(f"# {int(decision.name[:4])}. ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert _STATUS.fullmatch(status(decision))


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda file: file.name[:4])
def test_no_section_of_a_decision_is_empty(decision: Path) -> None:
    sections = re.split(r"^## .+$", decision.read_text(), flags=re.MULTILINE)[1:]
    assert all(section.strip() for section in sections)


def test_the_index_lists_every_decision_by_its_title_and_status() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    rows = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| (.+) \| (\w+) \|$", index, re.MULTILINE)
    assert rows == [
        (str(int(file.name[:4])), file.name, title(file), status(file).split()[0].rstrip(","))
        for file in DECISIONS
    ]


def test_code_names_only_decisions_that_exist() -> None:
    known = {file.name for file in DECISIONS}
    for pattern in ("*.py", "*.yaml", "*.in"):
        for file in own(pattern):
            for name in re.findall(r"docs/decisions/(\d{4}[a-z0-9.-]*)", file.read_text()):
                name = name.rstrip(".")
                assert any(each == name or each.startswith(f"{name}-") for each in known), file


# ------------------------------------------------------------------ links


DOCUMENTS = list(own("*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_relative_links_have_existing_targets(document: Path) -> None:
    text = _CODE.sub("", prose(document))
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(linked), target
