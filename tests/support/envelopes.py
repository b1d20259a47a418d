"""Envelopes that unmodified SDKs have sent, without their coding: `tests/fixtures/envelopes`.

`python -m tests.support.keep_envelopes` makes them.
"""

from tests.support.template import ROOT

FOLDER = ROOT / "tests" / "fixtures" / "envelopes"


def names() -> list[str]:
    """What they are called: an SDK's language, the program, a number, and the type of the item."""
    return sorted(file.stem for file in FOLDER.glob("*.envelope"))


def kept(name: str) -> bytes:
    """One of them."""
    return (FOLDER / f"{name}.envelope").read_bytes()
