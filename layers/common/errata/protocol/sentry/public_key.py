"""Finds the public key of a DSN in an SDK's request.

Source: the SDK development documentation, "Authentication", and "Envelopes" for the header `dsn`.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_SENTRY_KEY = re.compile(r"(?:^|[\s,])sentry_key\s*=\s*([^\s,]*)")
_SCHEME = "sentry "


def presented(
    headers: Mapping[str, str], query: Mapping[str, str], path: Mapping[str, str]
) -> str | None:
    """Return the key in the path, the query or the headers of a request.

    Returns None if there is no key. The body may still contain one.

    Args:
        headers: the headers by lower-case name.
        query: the query parameters.
        path: the path parameters.
    """
    if "sentry_key" in path:
        return path["sentry_key"]
    if "sentry_key" in query:
        return query["sentry_key"].strip()
    for name in ("x-sentry-auth", "authorization"):
        value = headers.get(name, "")
        # `Sentry sentry_key=…, sentry_version=7`
        if value[: len(_SCHEME)].lower() == _SCHEME:
            found = _SENTRY_KEY.search(value, len(_SCHEME) - 1)
            return found[1] if found else ""
    return None


def of_dsn(dsn: Any) -> str | None:
    """Return the key in a DSN, or None."""
    if not isinstance(dsn, str):
        return None
    try:
        return urlsplit(dsn).username
    except ValueError:
        return None
