"""Finds the key of an OTLP request: a public key as SDKs send it, or an API key."""

from collections.abc import Mapping

from errata.protocol import api_key
from errata.protocol.sentry import public_key


def presented(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the key in the headers or the query, None if there is none.

    Args:
        headers: the headers by lower-case name.
        query: the query parameters.
    """
    key = public_key.presented(headers, query, {})
    return api_key.presented("POST", headers, query) if key is None else key
