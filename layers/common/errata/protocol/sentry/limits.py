"""The header that tells SDKs which kinds of items they need not send.

Source: the SDK development documentation, "Rate Limiting": the header may be in any response, and
SDKs then drop what belongs to its data categories.
"""

from collections.abc import Iterable

from errata.protocol.sentry.envelope import EnvelopeItem

# Data categories of the items that Errata drops, by item type. SDKs differ in some.
_CATEGORIES = {
    "session": ("session",),
    "sessions": ("session",),
    "transaction": ("transaction",),
    "span": ("span",),
    "profile": ("profile",),
    "profile_chunk": ("profile", "profile_chunk"),
    "replay_event": ("replay",),
    "replay_recording": ("replay",),
    "replay_video": ("replay",),
    "log": ("log_item",),
    "trace_metric": ("trace_metric",),
    "statsd": ("metric_bucket",),
    "metric_buckets": ("metric_bucket",),
}
# SDKs ask again after this time: a later version of Errata may store some of these.
_PAUSE_S = 3_600


def not_stored(items: Iterable[EnvelopeItem], log_errors: bool) -> dict[str, str]:
    """Return the header that names the categories of the items that were dropped, if any.

    With `log_errors`, log records are read.
    """
    types = {item.type for item in items}
    if log_errors:
        types.discard("log")
    categories = {each for kind in types for each in _CATEGORIES.get(kind, ())}
    if not categories:
        return {}
    return {"X-Sentry-Rate-Limits": f"{_PAUSE_S}:{';'.join(sorted(categories))}:key:not_stored"}
