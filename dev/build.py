"""Run `sam build` if something has changed, and compute a fingerprint of what it built."""

import contextlib
import fcntl
import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from dev.process import ROOT, run_tool, tool_environment

SAM = str(ROOT / ".venv-sam" / "bin" / "sam")
OUTPUT = ROOT / ".aws-sam" / "build"
STAMP = ROOT / ".aws-sam" / "errata-build.json"
LOCK = ROOT / ".aws-sam" / "errata-build.lock"
# The config environment ignores the operator's own settings in samconfig.toml.
BUILD_COMMAND = [SAM, "build", "--config-env", "local", "--cached", "--parallel"]
# The properties of functions and layers that name a folder of code.
CODE = {"Code", "CodeUri", "ContentUri"}
SOURCES = [ROOT / name for name in ("template.yaml", "templates", "functions", "layers")]


@contextlib.contextmanager
def artifacts(say: Callable[[str], object]) -> Iterator[str]:
    """Yield the fingerprint of up-to-date artifacts. Nobody rebuilds them during the block.

    Several stacks may start at once, from tests that run in parallel, and share one build.

    Raises:
        ToolError: the build failed.
    """
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        fingerprint = built()
        if fingerprint is None:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another process may have built it while this one waited.
            fingerprint = built() or build(say)
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield fingerprint


def built() -> str | None:
    """Return the artifacts' fingerprint, or None if they are not up to date with the sources.

    SAM's own cache ignores functions that a makefile builds, and SAM needs seconds to check it.
    """
    artifacts = sha256_of([OUTPUT])
    up_to_date = STAMP.exists() and STAMP.read_text() == stamp(sha256_of(SOURCES), artifacts)
    return artifacts if up_to_date else None


def build(say: Callable[[str], object]) -> str:
    """Run `sam build` and return the artifacts' fingerprint."""
    say("Building the functions and their layer: some ten seconds, and longer the first time ...")
    # Computed first, so that a file that is saved during the build is built the next time.
    sources = sha256_of(SOURCES)
    run_tool("sam build", BUILD_COMMAND, tool_environment(os.environ), say=say)
    rewrite_templates(OUTPUT)
    artifacts = sha256_of([OUTPUT])
    STAMP.write_text(stamp(sources, artifacts))
    return artifacts


def build_folder(folder: Path) -> str:
    """Run `sam build` on the template of another folder. Return the artifacts' fingerprint.

    The artifacts are in `output(folder)`. The folder never changes, so they are built once.

    Raises:
        ToolError: the build failed.
    """
    fingerprint = folder / ".aws-sam" / "errata-build.txt"
    if fingerprint.exists() and fingerprint.read_text() == sha256_of([output(folder)]):
        return fingerprint.read_text()
    command = [*BUILD_COMMAND, "--template", str(folder / "template.yaml")]
    command += [
        "--build-dir",
        str(output(folder)),
        "--cache-dir",
        str(folder / ".aws-sam" / "cache"),
    ]
    run_tool("sam build", command, tool_environment(os.environ))
    rewrite_templates(output(folder))
    fingerprint.write_text(sha256_of([output(folder)]))
    return fingerprint.read_text()


def rewrite_templates(folder: Path) -> None:
    """Rewrite the built templates as JSON, with a zip file in place of each folder of code.

    `sam deploy` reads them twenty times. JSON takes it a hundredth of the time that YAML takes. It
    would make the zip files again for each stack, which is most of its work.
    """
    for template in folder.rglob("template.yaml"):
        content = yaml.load(template.read_text(), yaml.CSafeLoader)
        for resource in content["Resources"].values():
            properties = resource.get("Properties", {})
            for name in CODE & properties.keys():
                # A template can also hold the code itself.
                if isinstance(properties[name], str):
                    code = zipped(template.parent / properties[name])
                    properties[name] = str(code.relative_to(template.parent))
        template.write_text(json.dumps(content, indent=1))


def zipped(folder: Path) -> Path:
    """Write a zip file beside a folder, and return its path. Equal files make an equal zip file."""
    target = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            # As SAM does: no time, and everybody may read it.
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            entry.create_system = 3
            entry.external_attr = (file.stat().st_mode | 0o444) << 16
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return target


def output(folder: Path) -> Path:
    """Return the folder with the artifacts of a folder."""
    return folder / ".aws-sam" / "build"


def stamp(sources: str, artifacts: str) -> str:
    """Return the text to store beside a build: the fingerprints of its sources and artifacts."""
    return json.dumps({"sources": sources, "artifacts": artifacts})


def sha256_of(paths: list[Path]) -> str:
    """Return a SHA-256 of the names and contents of files and folders."""
    total = hashlib.sha256()
    for path in paths:
        for file in sorted(files(path)):
            total.update(f"{file.relative_to(path.parent)}\0".encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def files(path: Path) -> Iterator[Path]:
    """Yield a file itself, or all files under a folder, without the sources' bytecode caches."""
    if path.is_file():
        yield path
    for file in path.rglob("*"):
        beside_sources = "__pycache__" in file.parts and not file.is_relative_to(OUTPUT)
        if file.is_file() and not beside_sources:
            yield file


if __name__ == "__main__":
    with artifacts(print):
        pass
