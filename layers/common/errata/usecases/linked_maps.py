"""Show the original frames of events that name the URL of their source map.

That is `source_map_url` of the ingest API. Nobody waits for the server of that URL: `fetch_maps`
fetches the map and `compile_maps` compiles it. `digest` asks for it when an event is counted.
Reading an event asks again if that request was lost, or if the fetch failed some time ago.

The fingerprint stays that of the contract, as with `errata.usecases.inline_maps`.
"""

import logging
from collections.abc import Iterable

from errata.caches import BoundedDict
from errata.errors import StoreError
from errata.models.artifact import MAX_FETCH_URL, fetch_key
from errata.models.event import Stored, received_ms
from errata.sourcemaps import frames
from errata.store import map_fetches
from errata.usecases import apply_maps, text_frames

logger = logging.getLogger("errata")

FETCHING = "Its source map is being fetched. Read the event again in a minute."
LATE = "The source map was fetched more than an hour after this event. It may be of a newer build."
_LATE_MS = 3_600_000
# How long a process caches that it has asked for a map, and why a map is not there.
_ASKED_MS = 600_000
_REASON_MS = 10_000

type _FetchKey = tuple[str, str]  # project, key of the fetch

_asked = BoundedDict[_FetchKey, int](max_entries=2_000)  # until when
_reasons = BoundedDict[_FetchKey, tuple[int, str]](max_entries=2_000)  # until when, why


def ask_for(events: Iterable[Stored], now_ms: int) -> None:
    """Ask for the source maps that these events name, unless somebody has asked for them already.

    If the store fails, only logs it: whoever reads an event asks for its map again.
    """
    for event in events:
        url = _url(event)
        if not url or len(url) > MAX_FETCH_URL:
            continue
        key = (event.project_id, _key(event, url))
        if _asked.get(key, 0) > now_ms:
            continue
        try:
            map_fetches.ask(*key, url, event.fields.get("release") or "", now_ms)
        except StoreError as error:
            logger.warning("source maps not asked for: %s", error, extra={"project": key[0]})
            return
        _asked[key] = now_ms + _ASKED_MS


def complete(event: Stored, now_ms: int, most_s: float) -> None:
    """Set `frames` of an event to those of its stack trace, as original frames where possible.

    An original frame has the sent one in `sent`. Others say in `minified` why they are as sent.
    No-op for events that name no source map, or contain one. Takes at most about `most_s` seconds.

    Raises:
        StoreError: the event is unchanged.
    """
    url = _url(event)
    found = text_frames.candidates(event.fields) if url and "frames" not in event.fields else []
    if not found:
        return
    mine = text_frames.of_one_file(found, url.partition("?")[0].removesuffix(".map"))
    key = _key(event, url)
    for each in mine:
        each.keys = (key,)
    # Innermost first: these are read if a large map has the others too far away.
    apply_maps.apply_to(mine[::-1], event.project_id, now_ms, most_s)
    pointer = apply_maps.known_pointers(event.project_id, [key]).get(key)
    why = "" if pointer else _why_not(event, key, url, now_ms)
    late = pointer and pointer.uploaded_at > received_ms(event.id, event.fields) + _LATE_MS
    for each in mine:
        if "sent" not in each.frame:
            each.frame["minified"] = why or frames.why_not(each, known=True)
        elif late:
            each.frame["map"]["note"] = LATE
    event.fields["frames"] = [each.frame for each in found]


def _url(event: Stored) -> str:
    """Return the URL of an event's source map, "" if it names none, or contains a source map."""
    url = event.fields.get("source_map_url")
    return url if isinstance(url, str) and "source_map" not in event.fields else ""


def _key(event: Stored, url: str) -> str:
    release = event.fields.get("release") or ""
    return fetch_key(url, release, received_ms(event.id, event.fields))


def _why_not(event: Stored, key: str, url: str, now_ms: int) -> str:
    """Return why the source map at a URL is not there. Ask for it if that may help."""
    if len(url) > MAX_FETCH_URL:
        return f"The URL of its source map has more than {MAX_FETCH_URL} characters."
    until, why = _reasons.get((event.project_id, key), (0, ""))
    if until > now_ms:
        return why
    fetch = map_fetches.find(event.project_id, key)
    why = FETCHING
    if fetch is None or fetch.may_be_asked(now_ms):
        release = event.fields.get("release") or ""
        map_fetches.ask(event.project_id, key, url, release, now_ms)
    elif fetch.state == "error":
        why = f"Its source map, {url[:200]}, cannot be used. {fetch.detail}"
    _reasons[event.project_id, key] = (now_ms + _REASON_MS, why)
    return why


def clear_cache() -> None:
    """Clear what this process has cached of fetches."""
    _asked.clear()
    _reasons.clear()
