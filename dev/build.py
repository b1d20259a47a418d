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
SOURCES = [ROOT / "template.yaml", ROOT / "functions", ROOT / "layers"]


@contextlib.contextmanager
def artifacts(say: Callable[[str], object]) -> Iterator[str]:
    """The fingerprint of up-to-date artifacts, which nobody builds anew during the block.

    Several stacks may start at once, from tests that run in parallel, and share one build.
    """
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fingerprint = build(say)
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield fingerprint


def build(say: Callable[[str], object]) -> str:
    """Build what has changed and return the artifacts' fingerprint; ToolError if it fails."""
    sources = digest(SOURCES)
    stamp = {"sources": sources, "artifacts": digest([OUTPUT])}
    # SAM's own cache leaves out makefile builds of functions, and SAM takes seconds to say so.
    if not STAMP.exists() or STAMP.read_text() != json.dumps(stamp):
        say("Building ...")
        run_tool("sam build", BUILD_COMMAND, tool_environment(os.environ))
        stamp["artifacts"] = digest([OUTPUT])
        STAMP.write_text(json.dumps(stamp))
    return stamp["artifacts"]


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
