"""`sam build`, when something has changed, and a name for what it built."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from dev.process import ROOT, run_tool, tool_environment

SAM = str(ROOT / ".venv-sam" / "bin" / "sam")
OUTPUT = ROOT / ".aws-sam" / "build"
STAMP = ROOT / ".aws-sam" / "errata-build.json"
LOCK = ROOT / ".aws-sam" / "errata-build.lock"
# The config environment keeps the operator's own settings in samconfig.toml out of it.
BUILD_COMMAND = [SAM, "build", "--config-env", "local", "--cached", "--parallel"]
SOURCES = [ROOT / name for name in ("template.yaml", "templates", "functions", "layers")]


@contextlib.contextmanager
def artifacts(say: Callable[[str], object]) -> Iterator[str]:
    """The fingerprint of up-to-date artifacts, which nobody builds anew during the block.

    Several stacks may start at once, from tests that run in parallel, and share one build.
    ToolError where the build fails.
    """
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        fingerprint = built()
        if fingerprint is None:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Somebody may have built it while we waited.
            fingerprint = built() or build(say)
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield fingerprint


def built() -> str | None:
    """The artifacts' fingerprint, if they are what the sources make.

    SAM's own cache leaves out functions that a makefile builds, and SAM takes seconds to say so.
    """
    artifacts = digest([OUTPUT])
    up_to_date = STAMP.exists() and STAMP.read_text() == stamp(digest(SOURCES), artifacts)
    return artifacts if up_to_date else None


def build(say: Callable[[str], object]) -> str:
    """Run `sam build` and return the artifacts' fingerprint."""
    say("Building ...")
    # Taken first: what is saved during the build is built the next time.
    sources = digest(SOURCES)
    run_tool("sam build", BUILD_COMMAND, tool_environment(os.environ))
    artifacts = digest([OUTPUT])
    STAMP.write_text(stamp(sources, artifacts))
    return artifacts


def build_folder(folder: Path) -> str:
    """Run `sam build` on the template of another folder; return the artifacts' fingerprint.

    They lie where `output` says. ToolError where the build fails.
    """
    command = [*BUILD_COMMAND, "--template", str(folder / "template.yaml")]
    command += [
        "--build-dir",
        str(output(folder)),
        "--cache-dir",
        str(folder / ".aws-sam" / "cache"),
    ]
    run_tool("sam build", command, tool_environment(os.environ))
    return digest([output(folder)])


def output(folder: Path) -> Path:
    """Return where the artifacts of a folder lie."""
    return folder / ".aws-sam" / "build"


def stamp(sources: str, artifacts: str) -> str:
    """What a build leaves beside its output: what it was made of, and what it made."""
    return json.dumps({"sources": sources, "artifacts": artifacts})


def digest(paths: list[Path]) -> str:
    """A SHA-256 over the names and contents of files and folders."""
    total = hashlib.sha256()
    for path in paths:
        for file in sorted(files(path)):
            total.update(f"{file.relative_to(path.parent)}\0".encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def files(path: Path) -> Iterator[Path]:
    """A file itself, or the files under a folder; no caches that Python made beside its sources."""
    if path.is_file():
        yield path
    for file in path.rglob("*"):
        beside_sources = "__pycache__" in file.parts and not file.is_relative_to(OUTPUT)
        if file.is_file() and not beside_sources:
            yield file
