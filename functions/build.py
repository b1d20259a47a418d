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
# Programs, uv's lock, and what an installer writes beside a package's own metadata.
NOTES = ("INSTALLER", "RECORD", "REQUESTED", "uv_cache.json")
LEFT_OUT = ("bin", ".lock", *(f"*.dist-info/{name}" for name in NOTES))


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
            command = [*installer(platform), "--require-hashes", "--only-binary=:all:", "--no-deps"]
            command += ["--python-version=3.13", f"--target={folder}", f"-r{requirements}"]
            subprocess.run(command, check=True)
            for pattern in LEFT_OUT:
                for entry in Path(folder).glob(pattern):
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
            for library in Path(folder).rglob("*.so"):
                stem = library.name.split(".", 1)[0]
                library.rename(library.with_name(f"{stem}.cpython-313-{platform}-linux-gnu.so"))
            shutil.copytree(folder, target, dirs_exist_ok=True)


def installer(platform: str) -> list[str]:
    """Return the command that installs packages for Lambda on `platform`.

    It is uv, which `make` puts on the PATH, or else pip, which takes several times as long.
    """
    # Amazon Linux 2023 has glibc 2.34.
    if shutil.which("uv"):
        command = ["uv", "pip", "install", f"--python={sys.executable}"]
        return [*command, "--quiet", f"--python-platform={platform}-manylinux_2_34"]
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--quiet", "--no-compile", "--implementation=cp"]
    return command + [f"--platform=manylinux{tag}_{platform}" for tag in ("_2_34", "_2_28", "2014")]


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
