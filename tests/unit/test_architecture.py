"""The arrows: functions → usecases → models, protocol, grouping, logs, store, outbound."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ERRATA = ROOT / "layers" / "common" / "errata"
FUNCTIONS = ROOT / "functions"

# What each part of errata may import of errata, beside itself.
ARROWS = {
    "errors": set[str](),
    "config": set[str](),
    "models": {"errors"},
    "caches": {"models"},
    "grouping": {"models", "caches"},
    "scrubbing": {"models"},
    "sourcemaps": {"models", "errors"},
    "protocol": {"models", "errors", "sourcemaps"},
    "logs": {"models", "errors", "protocol"},
    "outbound": {"models", "errors", "config"},
    "store": {"models", "errors", "config"},
    "usecases": {
        "models",
        "protocol",
        "grouping",
        "scrubbing",
        "sourcemaps",
        "logs",
        "store",
        "outbound",
        "caches",
        "errors",
        "config",
    },
    "gateway": {"models", "errors"},
    "cli": {"usecases", "models", "protocol", "store", "errors", "config"},
}
# Handlers translate: they may name everything below them, but not the operator's command.
FROM_FUNCTIONS = set(ARROWS) - {"cli"}
NO_IO = ("models", "protocol", "grouping", "scrubbing", "sourcemaps", "logs")
IO = {
    "asyncio",
    "boto3",
    "botocore",
    "ftplib",
    "http.client",
    "http.server",
    "httpx",
    "logging",
    "multiprocessing",
    "pathlib",
    "requests",
    "shutil",
    "smtplib",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "urllib.request",
    "urllib3",
}
ONLY_IN_THE_COMMAND = {"boto3", "rich", "typer"}
# What costs too much at the start of a hot function: docs/decisions/0023-powertools-and-pydantic.md
SLOW_TO_IMPORT = {
    "aws_lambda_powertools": "aws-lambda-powertools",
    "pydantic": "pydantic",
    "werkzeug": "werkzeug",
}
HOT = ("authorizer", "ingest", "sentry_ingest", "legacy_api", "read_events", "digest")


def files(folder: Path) -> list[Path]:
    """Every module under a folder."""
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


@cache
def imported(file: Path) -> tuple[tuple[str, str | None], ...]:
    """The dotted name of everything that a module imports, wherever in it, and its alias."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{file}: a relative import"
            assert node.level == 0, f"{file}: a relative import"
            found += [(f"{node.module}.{alias.name}", alias.asname) for alias in node.names]
    return tuple(found)


def imports(file: Path) -> Iterator[str]:
    """The dotted name of everything that a module imports, wherever in it."""
    return (name for name, _ in imported(file))


def named(file: Path, forbidden: set[str]) -> set[str]:
    """Which of these modules a module imports."""
    return {
        each
        for name in imports(file)
        for each in forbidden
        if name == each or name.startswith(f"{each}.")
    }


def parts_of_errata(file: Path) -> set[str]:
    """The parts of errata that a module imports."""
    names = [name.split(".") for name in imports(file)]
    return {name[1] for name in names if name[0] == "errata" and len(name) > 1}


def part(file: Path) -> str:
    """The part of errata that a module is in."""
    return file.relative_to(ERRATA).parts[0].removesuffix(".py")


def test_every_part_of_errata_has_its_arrows() -> None:
    assert {part(file) for file in files(ERRATA)} - {"__init__"} <= set(ARROWS)


@pytest.mark.parametrize("file", files(ERRATA), ids=lambda file: str(file.relative_to(ERRATA)))
def test_arrows_point_one_way(file: Path) -> None:
    here = part(file)
    allowed = ARROWS.get(here, set()) | {here}
    assert parts_of_errata(file) <= allowed
    assert not named(file, {"functions", "tests", "dev", "bench"})


@pytest.mark.parametrize(
    "file", files(FUNCTIONS), ids=lambda file: str(file.relative_to(FUNCTIONS))
)
def test_a_function_imports_no_other_function_and_no_tests_or_tools(file: Path) -> None:
    assert parts_of_errata(file) <= FROM_FUNCTIONS
    ours = {folder.name for folder in FUNCTIONS.iterdir() if folder.is_dir()}
    own = file.relative_to(FUNCTIONS).parts[0]
    others = {f"functions.{name}" for name in ours - {own}}
    assert not named(file, others | {"tests", "dev", "bench"})


@pytest.mark.parametrize("name", NO_IO)
def test_pure_parts_do_no_io(name: str) -> None:
    for file in files(ERRATA / name):
        assert not named(file, IO), file
        calls = [
            node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)
        ]
        called = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
        assert not called & {"open", "print", "input"}, file


def test_only_the_command_imports_boto3_rich_and_typer() -> None:
    for file in [*files(ERRATA), *files(FUNCTIONS)]:
        if not file.is_relative_to(ERRATA / "cli"):
            assert not named(file, ONLY_IN_THE_COMMAND), file


def test_nothing_imports_the_command() -> None:
    for file in [*files(ERRATA), *files(FUNCTIONS), *files(ROOT / "bench")]:
        if not file.is_relative_to(ERRATA / "cli"):
            assert not named(file, {"errata.cli"}), file


def test_only_one_module_besides_the_command_imports_botocore() -> None:
    importers = {
        file
        for file in [*files(ERRATA), *files(FUNCTIONS)]
        if not file.is_relative_to(ERRATA / "cli") and named(file, {"botocore"})
    }
    assert importers == {ERRATA / "store" / "botocore_clients.py"}


def test_modules_have_no_collections_that_grow() -> None:
    growing = {
        f"{file.stem}.{ast.unparse(target)}"
        for file in files(ERRATA)
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
        if ast.unparse(node.value) in ("{}", "[]", "dict()", "list()", "set()")
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    }
    # A lease is no cache: the units of one that is evicted would count as used.
    assert growing == {"quota._leases"}


def test_the_layer_needs_no_package_that_is_slow_to_import() -> None:
    for file in files(ERRATA):
        assert not named(file, set(SLOW_TO_IMPORT)), file
    locked = (ROOT / "layers" / "common" / "requirements.txt").read_text()
    for package in SLOW_TO_IMPORT.values():
        assert f"\n{package}==" not in f"\n{locked}"


def test_a_function_with_a_slow_package_requires_it_and_is_not_hot() -> None:
    users = set()
    for file in files(FUNCTIONS):
        folder = FUNCTIONS / file.relative_to(FUNCTIONS).parts[0]
        for module in named(file, set(SLOW_TO_IMPORT)):
            locked = (folder / "requirements.txt").read_text()
            assert f"\n{SLOW_TO_IMPORT[module]}==" in f"\n{locked}", file
            users.add(folder.name)
    assert users
    assert users.isdisjoint(HOT)


def test_each_import_alias_has_one_meaning() -> None:
    """`store` and `protocol` are the modules of a use case's own name, `usecase` a command's."""
    folders = {"store": "usecases", "protocol": "usecases", "usecase": "cli"}
    for file in files(ERRATA):
        for name, alias in imported(file):
            if alias in folders:
                assert part(file) == folders[alias], file
                assert alias == "usecase" or file.stem in name.split("."), file


# The web API's document has this name, and grouping v2 is frozen.
_TWICE = {"Grouping"}


def test_class_names_are_unique() -> None:
    """Somebody who reads `Request` or `Result` should not have to ask which one it is."""
    defined = Counter(
        name
        for file in [*files(ERRATA), *files(FUNCTIONS)]
        for node in ast.parse(file.read_text()).body
        if (name := _name_of_type(node))
    )
    assert {name for name, times in defined.items() if times > 1} == _TWICE


def _name_of_type(node: ast.stmt) -> str | None:
    """Return the name of a class or of a public alias."""
    match node:
        case ast.ClassDef(name=name):
            return name
        case ast.TypeAlias(name=ast.Name(id=name)) if not name.startswith("_"):
            return name
    return None


def test_no_module_has_more_than_400_lines() -> None:
    for file in [*files(ERRATA), *files(FUNCTIONS)]:
        assert len(file.read_text().splitlines()) <= 400, file
