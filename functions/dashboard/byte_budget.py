"""How much of what somebody has sent a page can show: pages stay small whatever that is."""

import json
from dataclasses import dataclass
from typing import Any

from functions.dashboard.text import fit, weight


@dataclass(slots=True)
class Room:
    """How many bytes, as they are sent, are left to show. Whoever asks first is served first.

    `within` is the room that this one is a part of: what is taken here is gone there, too.
    """

    left: int
    cut: bool = False
    within: "Room | None" = None

    def part(self, most: int) -> "Room":
        """A room in this one, so that one part of a page leaves something to the others."""
        return Room(most, within=self)

    def take(self, value: Any, most: int = 4_000) -> str:
        """As much of a text as there is room for, at most `most` characters; says where it ends."""
        text = value if isinstance(value, str) else _text(value)
        short = fit(text, most, self._room())
        self._spend(weight(short))
        if len(short) < len(text):
            self.note_cut()
            return short + "…"
        return short

    def pays(self, size: int) -> bool:
        """Whether there is room for so much markup, which is then taken."""
        if self._room() < size:
            self.note_cut()
            return False
        self._spend(size)
        return True

    def _room(self) -> int:
        return min(self.left, self.within._room()) if self.within else self.left

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.within:
            self.within._spend(size)

    def note_cut(self) -> None:
        """Say that something is left out."""
        self.cut = True
        if self.within:
            self.within.note_cut()


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
