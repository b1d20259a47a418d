"""A page's module is imported with the first request for one of its paths."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from functions.dashboard import pages
from functions.dashboard.routing import _ROUTES

_ROUTE = re.compile(r'^@(?:open_)?(?:get|post)\(\s*"([^"]*)"', re.MULTILINE)
# These register a page and its forms.
_BOTH = re.compile(r'^(settings|organization)_routes\(\s*"([^"]*)"', re.MULTILINE)
_BELOW = {
    "settings": "projects/<project:project_id>",
    "organization": "orgs/<organization:organization_id>",
}


def paths_in(code: str) -> list[str]:
    """Return the paths that a module registers, one for each method."""
    both = [f"{_BELOW[of]}/{path}" for of, path in _BOTH.findall(code)]
    return [*_ROUTE.findall(code), *both, *both]


def test_the_paths_of_a_module_are_those_of_its_routes() -> None:
    declared = {
        file.stem: paths_in(file.read_text())
        for file in Path(pages.__file__).parent.glob("*.py")
        if file.stem != "__init__"
    }
    pages.load_all()
    rules = [rule.rule.removeprefix("/") for rule in _ROUTES.iter_rules()]
    # test_dashboard_http adds its own.
    rules = [rule for rule in rules if not rule.startswith("tested/")]
    assert sorted(rules) == sorted(path for paths in declared.values() for path in paths)
    assert {name: set(paths) for name, paths in pages.PATHS.items()} == {
        name: {re.sub(r"[^/]*<[^/]*", "*", path) for path in paths}
        for name, paths in declared.items()
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", {"home"}),
        ("/projects/12/issues", {"issues", "search"}),
        ("/projects/12/issues/SHOP-42.md", {"assign", "issue"}),
        ("/static/abc/x.css", {"files"}),
        ("/projects/12/nothing", set()),
    ],
)
def test_a_request_imports_the_modules_of_its_path(path: str, expected: set[str]) -> None:
    code = f"""
import sys
from functions.dashboard import pages, routing
pages.load({path!r})
print(*(name.split(".")[3] for name in sys.modules if name.startswith(pages.__name__ + ".")))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == expected
