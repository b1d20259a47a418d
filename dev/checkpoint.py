"""Save MiniStack's data while it runs, not only when it ends. Runs in .venv-ministack.

MiniStack saves one file per service, at its end. Here all services are in one file that is replaced
as a whole: after `kill -9`, what belongs together is of the same time.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Save when no call has changed anything for IDLE_S, and at the latest LATEST_S after a change.
IDLE_S = 1.0
LATEST_S = 15.0
TICK_S = 0.25
NAME = "checkpoint.json"
log = logging.getLogger("errata.checkpoint")

type States = Mapping[str, Callable[[], Any]]


class Pacer:
    """Decides when to save. Times are in seconds."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0

    def note(self, now: float) -> None:
        """Record that data has changed."""
        self._last = now
        if self._first is None:
            self._first = now

    def due(self, now: float) -> bool:
        """Whether to save now. If so, the changes until now count as saved."""
        if self._first is None or (now - self._last < IDLE_S and now - self._first < LATEST_S):
            return False
        self._first = None
        return True


async def keep_saving(pacer: Pacer, save: Callable[[], None]) -> None:
    """Save whenever it is due, until cancelled.

    On the event loop: no request changes data halfway through.
    """
    while True:
        await asyncio.sleep(TICK_S)
        if pacer.due(time.monotonic()):
            try:
                save()
            except OSError:
                log.exception("The data was not saved. The next change tries again.")


class Checkpoint:
    """The file with the data of all services, in MiniStack's own format for each of them."""

    def __init__(self, folder: Path, persistence: Any) -> None:
        self.file = folder / NAME
        self._before = self.file.with_suffix(".before")
        self._persistence = persistence
        self._load_old = persistence.load_state
        self._texts: dict[str, str] = {}
        self._loaded: dict[str, Any] | None = None

    def save(self, states: States) -> None:
        """Replace the file. `states` are functions that return a service's data, or None."""
        for name, get_state in states.items():
            if text := self._text(name, get_state):
                self._texts[name] = text
        draft = self.file.with_suffix(".draft")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("w") as target:
            draft.chmod(0o600)
            services = (f"{json.dumps(name)}: {text}" for name, text in self._texts.items())
            target.write("{" + ",\n".join(services) + "}\n")
            target.flush()
            os.fsync(target.fileno())
        if self.file.exists():
            self._before.unlink(missing_ok=True)
            self._before.hardlink_to(self.file)
        draft.replace(self.file)

    def _text(self, name: str, get_state: Callable[[], Any]) -> str | None:
        """Return a service's data as JSON, or None to keep what was saved before."""
        for _ in range(3):
            try:
                state = get_state()
                if state is None:
                    return None
                version = self._persistence._state_format_version(name)
                saved = {"__ministack_format__": version, "payload": state}
                return json.dumps(saved, default=self._persistence._json_default)
            except RuntimeError:
                continue  # a function's thread changed the data meanwhile
            except Exception:
                log.exception("The data of %s was not saved.", name)
                return None
        return None

    def load(self, service: str) -> Any:
        """Return a service's data, or None. A torn file is replaced by the one before it."""
        if self._loaded is None:
            self._loaded = self._read()
        if not self.file.exists() and not self._before.exists():
            return self._load_old(service)  # from before there was one file
        state = self._loaded.pop(service, None)
        if state is None or state["__ministack_format__"] > (
            self._persistence._state_format_version(service)
        ):
            return None
        return state["payload"]

    def _read(self) -> dict[str, Any]:
        for file in (self.file, self._before):
            try:
                found = json.loads(
                    file.read_bytes(), object_hook=self._persistence._json_object_hook
                )
            except FileNotFoundError:
                continue
            except ValueError:
                log.error("%s is torn. Older data is used, if there is any.", file)
                continue
            if isinstance(found, dict):
                return found
        return {}
