"""Limit the bytes of a page, whatever an event contains."""

from dataclasses import dataclass
from typing import Any

from functions.dashboard.text import fit, indented, weight


@dataclass(slots=True)
class ByteBudget:
    """Number of bytes that may still be shown. Sections get them in the order in which they ask.

    `within` is the budget that this one is a share of: bytes taken here are taken there, too.
    """

    left: int
    cut: bool = False
    within: "ByteBudget | None" = None

    def share(self, most: int) -> "ByteBudget":
        """Return a budget within this one, so that no section of a page uses up all of it."""
        return ByteBudget(most, within=self)

    def take(self, value: Any, most: int = 4_000) -> str:
        """Return as much of a text as fits, at most `most` characters. A cut text ends in “…”."""
        text = value if isinstance(value, str) else _text(value, most)
        short = fit(text, most, self._available())
        self._spend(weight(short))
        if len(short) < len(text):
            self.note_cut()
            return short + "…"
        return short

    def pays(self, size: int) -> bool:
        """Take `size` bytes for markup if they fit. Return whether they did."""
        if self._available() < size:
            self.note_cut()
            return False
        self._spend(size)
        return True

    def _available(self) -> int:
        return min(self.left, self.within._available()) if self.within else self.left

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.within:
            self.within._spend(size)

    def note_cut(self) -> None:
        """Record that something is left out."""
        self.cut = True
        if self.within:
            self.within.note_cut()


def _text(value: Any, most: int) -> str:
    return "" if value is None else indented(value, most)
