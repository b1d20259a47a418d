"""Fetch a source map from the URL that an event names.

Anybody may send such a URL: `errata.outbound` refuses private addresses, and limits size and time.
Another function compiles what was fetched (`errata.usecases.compile_maps`). Each step may happen
twice.
"""

import http.client
import time

from errata.config import settings
from errata.models.artifact import Fetch
from errata.outbound.get import TIMEOUT_S, FetchError, get
from errata.outbound.guard import ForbiddenUrlError
from errata.sourcemaps.parse import MAX_MAP_BYTES
from errata.store import artifacts, map_fetches, map_files

# A fetch that takes less is not counted as waiting.
FAST_MS = 1_000


def fetch_map(project_id: str, key: str, now_ms: int) -> None:
    """Fetch a source map that was asked for. No-op if it was fetched.

    Raises:
        StoreError: the store failed. Another run does the rest.
    """
    fetch = map_fetches.begin(project_id, key, "created", "fetching", now_ms)
    if fetch is None:
        return
    content, wrong = _fetched(fetch, now_ms)
    if wrong:
        map_fetches.move(fetch, "error", now_ms, wrong)
        return
    map_files.put_fetched(project_id, key, content)
    map_fetches.move(fetch, "fetched", now_ms)


def _fetched(fetch: Fetch, now_ms: int) -> tuple[bytes, str]:
    """Return the file at the URL, or else why it was not fetched."""
    if fetch.attempts > artifacts.MAX_ATTEMPTS:
        return b"", f"{artifacts.MAX_ATTEMPTS} attempts to fetch it were cut off."
    if not map_fetches.count_of_day(fetch.project_id, now_ms):
        most, wait_s = map_fetches.MAX_OF_DAY, map_fetches.MAX_WAIT_MS // 1000
        return b"", (
            f"Errata fetches at most {most} source maps of a project in a day, and waits for their"
            f" servers for at most {wait_s} seconds."
        )
    started = time.monotonic()
    content, wrong = _response(fetch.url)
    waited_ms = int((time.monotonic() - started) * 1000)
    if waited_ms >= FAST_MS:
        map_fetches.note_wait(fetch.project_id, waited_ms, now_ms)
    return content, wrong


def _response(url: str) -> tuple[bytes, str]:
    """Return the file at a URL, or else why the server did not give it."""
    loopback = settings().webhooks_to_loopback
    try:
        return get(url, MAX_MAP_BYTES, allow_loopback=loopback), ""
    except (ForbiddenUrlError, FetchError) as error:
        return b"", str(error)
    except TimeoutError:
        return b"", f"The server took longer than {TIMEOUT_S:.0f} seconds."
    except (OSError, http.client.HTTPException) as error:
        return b"", f"The server did not respond: {type(error).__name__}: {error}"[:300]
