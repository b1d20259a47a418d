"""Envelopes that unmodified SDKs have sent, decompressed: `tests/fixtures/envelopes`.

`python -m tests.support.keep_envelopes` creates them.
"""

from tests.support.template import ROOT

FOLDER = ROOT / "tests" / "fixtures" / "envelopes"


def names() -> list[str]:
    """Return their names: an SDK's language, the program, a number, and the type of the item."""
    return sorted(file.stem for file in FOLDER.glob("*.envelope"))


def kept(name: str) -> bytes:
    """Return one of them."""
    return (FOLDER / f"{name}.envelope").read_bytes()
