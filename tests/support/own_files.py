"""List the files of the repository, without environments, builds and packages."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NOT_OURS = (
    ".git",
    ".aws-sam",
    ".errata",
    "node_modules",
    ".pytest_cache",
    ".hypothesis",
    ".venv*",
)


def own(pattern: str) -> Iterator[Path]:
    """Yield the files with this name, without environments, builds and packages."""
    return (file for file in _files() if fnmatchcase(file.name, pattern))


@cache
def _files() -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in ROOT.walk():
        # Those that are left out have many more files than all others.
        folders[:] = [
            each for each in folders if not any(fnmatchcase(each, name) for name in _NOT_OURS)
        ]
        found += [folder / name for name in names]
    return sorted(found)
