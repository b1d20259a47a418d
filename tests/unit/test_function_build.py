"""The artifact of a function: its packages for both architectures, only from locked wheels."""

import hashlib
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.template import ROOT

BUILD = ROOT / "functions" / "build.py"
# For newer and older systems than Lambda's. The last one is only for another Python.
TAGS = {
    "cp313-cp313-manylinux_2_34_aarch64": "for arm64",
    "cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64": "for x86_64",
    "cp313-cp313-manylinux_2_39_x86_64": "for a newer glibc",
    "cp313-cp313-musllinux_1_2_x86_64": "for another libc",
    "cp314-cp314-manylinux_2_34_x86_64": "for another Python",
}


@pytest.fixture(params=["uv", "pip"])
def functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Path:
    """A folder with the function `tracks`, which needs `counter`, and with counter's wheels."""
    folder = tmp_path / "functions"
    (folder / "tracks").mkdir(parents=True)
    (folder / "tracks" / "handler.py").write_text("import counter\n")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    digests = [wheel(wheels, tag, content) for tag, content in TAGS.items()]
    lock(folder, digests)
    for name in ("UV", "PIP"):
        monkeypatch.setenv(f"{name}_FIND_LINKS", str(wheels))
        monkeypatch.setenv(f"{name}_NO_INDEX", "1")
        monkeypatch.setenv(f"{name}_CACHE_DIR", str(tmp_path / "cache"))
    # With uv as the Makefile does, and without it as `sam build` alone.
    with_uv = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", with_uv if request.param == "uv" else str(tmp_path))
    return folder


def wheel(folder: Path, tag: str, library: str) -> str:
    """Make a wheel with a module, a compiled library and a program. Return its SHA-256."""
    path, info = folder / f"counter-1.0-{tag}.whl", "counter-1.0.dist-info"
    tags = "".join(
        f"Tag: {'-'.join(tag.split('-')[:2])}-{each}\n" for each in tag.split("-")[2].split(".")
    )
    content = {
        "counter/__init__.py": "COUNT = 1\n",
        "counter/_core.abi3.so": library,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: counter\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\n{tags}",
        f"{info}/entry_points.txt": "[console_scripts]\ncount = counter:COUNT\n",
    }
    record = "".join(f"{name},,\n" for name in (*content, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**content, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock(folder: Path, digests: list[str]) -> None:
    hashes = "".join(f" --hash=sha256:{digest}" for digest in digests)
    (folder / "tracks" / "requirements.txt").write_text(f"counter==1.0{hashes}\n")


def build(functions: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, BUILD, "Tracks", functions.parent / "artifact"],
        cwd=functions,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_artifact_has_the_libraries_of_both_architectures(functions: Path) -> None:
    made = build(functions)

    assert made.returncode == 0, made.stderr
    artifact = functions.parent / "artifact"
    files = {str(file.relative_to(artifact)) for file in artifact.rglob("*") if file.is_file()}
    assert {file for file in files if not file.endswith(".pyc")} == {
        "counter/__init__.py",
        "counter/_core.cpython-313-aarch64-linux-gnu.so",
        "counter/_core.cpython-313-x86_64-linux-gnu.so",
        "counter-1.0.dist-info/METADATA",
        "counter-1.0.dist-info/WHEEL",
        "counter-1.0.dist-info/entry_points.txt",
        "functions/tracks/handler.py",
        "functions/tracks/requirements.txt",
    }
    for architecture, library in (("aarch64", "for arm64"), ("x86_64", "for x86_64")):
        name = f"_core.cpython-313-{architecture}-linux-gnu.so"
        assert (artifact / "counter" / name).read_text() == library
    for source in ("counter/__init__.py", "functions/tracks/handler.py"):
        assert Path(importlib.util.cache_from_source(artifact / source)).exists()


def test_a_wheel_that_is_not_locked_is_not_installed(functions: Path) -> None:
    lock(functions, [hashlib.sha256(b"another").hexdigest()])

    made = build(functions)

    assert made.returncode != 0
    assert re.search("hash mismatch|do not match the hashes", made.stderr, re.IGNORECASE)
