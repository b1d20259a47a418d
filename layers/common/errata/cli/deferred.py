"""Import what a command works with when it is used, and not before.

The help of a command and the errors in its options need no use case. Without this, each start of
`errata` would import all use cases, botocore and rich: most of its time
(docs/decisions/0058-deferred-imports.md).
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

# A module of these is executed at the first use of one of its names. So the modules of commands
# import it whole: `from errata.usecases import projects`, not `… .projects import find`.
PARTS = ("errata.usecases.", "errata.store.", "errata.cli.checks.")
MODULES = {"errata.cli.aws_failures", "errata.cli.stack", "errata.cli.web"}


class _Finder:
    """Finds the modules that are deferred."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to import a module of `PARTS` or `MODULES` later; None for any other."""
        if not (name.startswith(PARTS) or name in MODULES):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def imports() -> Iterator[None]:
    """Defer imports within this context. What is imported later is imported at once."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
