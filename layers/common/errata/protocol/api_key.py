"""Finds the API key of a request (spec/ingest-api, "Project API key"). The first match wins."""

from collections.abc import Mapping

_BEARER = "bearer "


def presented(method: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Return the key in the headers or query of a request.

    Returns None if there is no key. The body may still contain one. An empty key is returned as ""
    and must be refused: the next place is not tried.

    Args:
        headers: the headers by lower-case name.
    """
    key = headers.get("x-api-key")
    if key is not None:
        return key.strip()
    authorization = headers.get("authorization")
    if authorization is not None and (authorization + " ")[:7].lower() == _BEARER:
        return authorization[7:].strip()
    return query.get("api_key") if method == "GET" else None
