"""Build the artifact of a function. `build.py LegacyApi DIR` copies and compiles legacy_api/."""

import compileall
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode

TASK_ROOT = "/var/task"
PLATFORMS = ("aarch64", "x86_64")
# Amazon Linux 2023 has glibc 2.34.
GLIBC = ("_2_34", "_2_28", "2014")


def build(logical_name: str, artifacts: Path) -> None:
    """Copy `functions/<snake_case name>` into the artifact under the same import path.

    If the function has a requirements.txt, its packages are installed into the artifact, too.
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
        sys.exit(f"Some files of {folder} do not compile. See the errors above.")


def install(requirements: Path, target: Path) -> None:
    """Install locked requirements for both architectures. Only wheels, with hash checks.

    A compiled library gets the file name that Python tries first on its architecture (PEP 3149).
    So one folder holds both, and the template's Architecture parameter needs no flag at build time.
    """
    for platform in PLATFORMS:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "pip", "install", "--quiet"]
            command += ["--disable-pip-version-check", "--no-compile", "--require-hashes"]
            command += ["--only-binary=:all:", "--no-deps", "--implementation=cp"]
            command += ["--python-version=3.13", f"--target={folder}"]
            command += [f"--platform=manylinux{tag}_{platform}" for tag in GLIBC]
            subprocess.run([*command, f"--requirement={requirements}"], check=True)
            shutil.rmtree(Path(folder) / "bin", ignore_errors=True)
            for library in Path(folder).rglob("*.so"):
                stem = library.name.split(".", 1)[0]
                library.rename(library.with_name(f"{stem}.cpython-313-{platform}-linux-gnu.so"))
            shutil.copytree(folder, target, dirs_exist_ok=True)


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
