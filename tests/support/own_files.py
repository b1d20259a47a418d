"""List the files of the repository, without environments, builds and packages."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NOT_OURS = {".git", ".aws-sam", ".errata", "node_modules", ".pytest_cache", ".hypothesis"}


def own(pattern: str) -> Iterator[Path]:
    """Yield the files with this name, without environments, builds and packages."""
    for file in sorted(ROOT.rglob(pattern)):
        parts = file.relative_to(ROOT).parts
        if not _NOT_OURS & set(parts) and not parts[0].startswith(".venv"):
            yield file
