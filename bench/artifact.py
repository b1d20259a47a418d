"""Find what `sam build` made, and check that it is compiled."""

import importlib.util
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".aws-sam" / "build"
LAYER = BUILD / "CommonLayer" / "python"
# Where `import boto3` finds the stock package, without our layer.
STOCK = Path(sysconfig.get_path("purelib"))

# Second word of a .pyc: "contains the hash of the source, but do not check it" (PEP 552).
UNCHECKED_HASH = (1).to_bytes(4, "little")


def search_path(function: str) -> list[str]:
    """Return a function's import path, as in Lambda: its own code, then the layer."""
    return [str(BUILD / function), str(LAYER)]


def sources() -> list[Path]:
    """Return every .py of every artifact."""
    return sorted(BUILD.rglob("*.py"))


def uncompiled() -> list[Path]:
    """Return sources whose bytecode is missing or stale, or would be checked in Lambda."""
    return [source for source in sources() if not _is_compiled(source)]


def _is_compiled(source: Path) -> bool:
    bytecode = Path(importlib.util.cache_from_source(source))
    if not bytecode.exists():
        return False
    head = bytecode.read_bytes()[:16]
    wanted = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH
    return head == wanted + importlib.util.source_hash(source.read_bytes())


def without_twin() -> list[str]:
    """Return compiled libraries, of the layer or a function, that lack one of the architectures."""
    names = {str(library.relative_to(BUILD)) for library in BUILD.rglob("*.so")}
    twins = {name: [_for(name, cpu) for cpu in ("aarch64", "x86_64")] for name in names}
    return sorted(name for name, both in twins.items() if not names.issuperset(both))


def _for(library: str, cpu: str) -> str:
    stem = library.split(".cpython-")[0]
    tag = next(suffix for suffix in EXTENSION_SUFFIXES if suffix.startswith(".cpython-"))
    version = tag.split("-")[1]
    return f"{stem}.cpython-{version}-{cpu}-linux-gnu.so"
