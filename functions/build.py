"""Build one function's artifact: `build.py LegacyApi DIR` copies legacy_api/ and compiles it."""

import compileall
import re
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

TASK_ROOT = "/var/task"


def build(logical_name: str, artifacts: Path) -> None:
    """Copy `functions/<snake_case name>` into the artifact, keeping its import path.

    What its requirements.txt pins goes beside it, where there is one.
    """
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", logical_name).lower()
    package = artifacts / "functions" / folder
    shutil.copytree(folder, package, ignore=shutil.ignore_patterns("__pycache__"))
    if (Path(folder) / "requirements.txt").exists():
        install(Path(folder) / "requirements.txt", artifacts)
    compiled = compileall.compile_dir(
        artifacts,
        quiet=1,
        stripdir=str(artifacts),
        prependdir=TASK_ROOT,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        sys.exit(f"{folder}: not every file compiles")


def install(requirements: Path, target: Path) -> None:
    """Install locked requirements; hashes checked, and only wheels that run on any processor."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-compile", "--require-hashes", "--only-binary=:all:", "--no-deps"]
    command += ["--implementation=cp", "--python-version=3.13", "--platform=any"]
    subprocess.run([*command, f"--target={target}", f"--requirement={requirements}"], check=True)
    shutil.rmtree(target / "bin", ignore_errors=True)


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
