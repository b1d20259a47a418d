"""How much of what somebody has sent a page can show: pages stay small whatever that is."""

import json
from dataclasses import dataclass
from typing import Any

from functions.dashboard.text import fit, weight


@dataclass(slots=True)
class Room:
    """How many bytes, as they are sent, are left to show. Whoever asks first is served first."""

    left: int
    cut: bool = False

    def take(self, value: Any, most: int = 4_000) -> str:
        """As much of a text as there is room for, at most `most` characters; says where it ends."""
        text = value if isinstance(value, str) else _text(value)
        short = fit(text, most, self.left)
        self.left -= weight(short)
        if len(short) < len(text):
            self.cut = True
            return short + "…"
        return short

    def pays(self, size: int) -> bool:
        """Whether there is room for so much markup, which is then taken."""
        if self.left < size:
            self.cut = True
            return False
        self.left -= size
        return True


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
