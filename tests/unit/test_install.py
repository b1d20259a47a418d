"""Installation: a clear error without Python 3.13, and `pip install .` for operators."""

import os
import re
import shutil
import subprocess
import sys
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def wrong_python(folder: Path, script: str | None) -> str:
    """Return the path of a Python that runs this script. With None, it does not exist."""
    path = folder / "python"
    if script is not None:
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "script",
    [
        None,
        # The message of pyenv if a version is not installed.
        "echo 'pyenv: python3.13: command not found' >&2; exit 127",
        # Another version: it runs the code that it gets, and finds that it is not 3.13.
        f'exec {sys.executable} -c "import sys; sys.version_info = (3, 12, 4); $2"',
    ],
    ids=["missing", "pyenv without it", "3.12"],
)
def test_a_missing_or_wrong_python_is_reported_with_ways_to_get_one(
    tmp_path: Path, script: str | None
) -> None:
    clone = tmp_path / "clone"
    (clone / "dev").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements-dev.txt", "dev/requirements-uv.txt"):
        shutil.copy(ROOT / name, clone / name)
    shutil.copy(ROOT / "dev/python.sh", clone / "dev")
    python = wrong_python(tmp_path, script)
    made = subprocess.run(
        ["make", "--no-print-directory", ".venv/ready", f"PYTHON={python}"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 2
    assert made.stdout == ""
    first, *ways, own, _not_made = made.stderr.splitlines()
    assert first.startswith(f'Errata needs Python 3.13. "{python}" is not on the PATH')
    assert [each.split()[0] for each in ways] == ["uv", "pyenv", "Homebrew", "Debian", "Ubuntu"]
    assert "make PYTHON=" in own
    assert not (clone / ".venv").exists()


def test_pip_installs_the_command_and_knows_its_requirements(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "installed"
    # setuptools builds in the folder itself.
    for name in ("pyproject.toml", "README.md", "requirements-cli.in"):
        (source / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    shutil.copytree(
        ROOT / "layers" / "common",
        source / "layers" / "common",
        ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
    )
    # Without its dependencies, which are here, since tests reach no index.
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-compile"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
    command = [*pip, *options, "--target", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)

    helped = subprocess.run(
        [sys.executable, target / "bin" / "errata", "--help"],
        env=os.environ | {"PYTHONPATH": str(target)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "projects" in helped.stdout
    (metadata,) = target.glob("errata-*.dist-info/METADATA")
    required = Parser().parsestr(metadata.read_text()).get_all("Requires-Dist", [])
    lists = ("layers/common/requirements.in", "requirements-cli.in")
    wanted = [line for each in lists for line in (ROOT / each).read_text().splitlines()]
    assert {_name(line) for line in required} == {
        _name(line) for line in wanted if not line.startswith("#")
    }


def _name(requirement: str) -> str:
    return re.split("[<>=]", requirement)[0]
