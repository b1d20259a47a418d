"""Find what `sam build` made, and check that it is compiled."""

import importlib.util
import io
import platform
import sysconfig
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".aws-sam" / "build"
# The layer of each architecture, by the name that Python has for it.
LAYERS = {"aarch64": BUILD / "CommonLayer", "x86_64": BUILD / "CommonLayerX86"}
_ARM = platform.machine().lower() in {"aarch64", "arm64"}
LAYER = LAYERS["aarch64" if _ARM else "x86_64"] / "python"
# Where `import boto3` finds the stock package, without our layer.
STOCK = Path(sysconfig.get_path("purelib"))

# Second word of a .pyc: "contains the hash of the source, but do not check it" (PEP 552).
UNCHECKED_HASH = (1).to_bytes(4, "little")


def search_path(function: str) -> list[str]:
    """Return a function's import path, as in Lambda: its own code, then the layer."""
    # Functions of nested stacks are in a folder of the stack.
    folder = next(BUILD.glob(f"*/{function}"), BUILD / function)
    return [str(folder), str(LAYER)]


def sources() -> list[Path]:
    """Return every .py of every artifact. The layers have bytecode in place of theirs."""
    return sorted(BUILD.rglob("*.py"))


def alone() -> list[Path]:
    """Return the bytecode of the layers."""
    return sorted(file for layer in LAYERS.values() for file in layer.rglob("*.pyc"))


def uncompiled() -> list[Path]:
    """Return sources whose bytecode is missing or stale, or would be checked in Lambda.

    Also bytecode of another version of Python, without a source to compile.
    """
    stale = [source for source in sources() if not _is_compiled(source)]
    return stale + [
        file for file in alone() if file.read_bytes()[:4] != importlib.util.MAGIC_NUMBER
    ]


def _is_compiled(source: Path) -> bool:
    bytecode = Path(importlib.util.cache_from_source(source))
    if not bytecode.exists():
        return False
    head = bytecode.read_bytes()[:16]
    wanted = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH
    return head == wanted + importlib.util.source_hash(source.read_bytes())


def without_twin() -> list[str]:
    """Return compiled libraries, of a layer or a function, that lack one of the architectures."""
    arm, x86 = (layer.name for layer in LAYERS.values())
    names = {
        str(library.relative_to(BUILD)).replace(f"{x86}/", f"{arm}/")
        for library in BUILD.rglob("*.so")
    }
    twins = {name: [_for(name, cpu) for cpu in ("aarch64", "x86_64")] for name in names}
    return sorted(name for name, both in twins.items() if not names.issuperset(both))


def _for(library: str, cpu: str) -> str:
    stem = library.split(".cpython-")[0]
    tag = next(suffix for suffix in EXTENSION_SUFFIXES if suffix.startswith(".cpython-"))
    version = tag.split("-")[1]
    return f"{stem}.cpython-{version}-{cpu}-linux-gnu.so"


def zipped_bytes(folder: Path) -> int:
    """Return the size of a folder as `sam deploy` zips it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return len(content.getvalue())
