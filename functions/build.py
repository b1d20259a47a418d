"""Build one function's artifact: `build.py LegacyApi DIR` copies legacy_api/ and compiles it."""

import compileall
import re
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

TASK_ROOT = "/var/task"


def build(logical_name: str, artifacts: Path) -> None:
    """Copy `functions/<snake_case name>` into the artifact, keeping its import path."""
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", logical_name).lower()
    package = artifacts / "functions" / folder
    shutil.copytree(folder, package, ignore=shutil.ignore_patterns("__pycache__"))
    compiled = compileall.compile_dir(
        artifacts,
        quiet=1,
        stripdir=str(artifacts),
        prependdir=TASK_ROOT,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        sys.exit(f"{folder}: not every file compiles")


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
