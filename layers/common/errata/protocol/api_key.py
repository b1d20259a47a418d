"""Where a request carries its key (spec/ingest-api, "Project API key"): the first match wins."""

from collections.abc import Mapping

_BEARER = "bearer "


def presented(method: str, headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """The key in a request's headers or query, None where there is none and the body may hold it.

    `headers` under lower-case names. A key that is there but empty is an empty string, and is
    refused like a wrong one: there is no fall-through to the next place.
    """
    key = headers.get("x-api-key")
    if key is not None:
        return key.strip()
    authorization = headers.get("authorization")
    if authorization is not None and (authorization + " ")[:7].lower() == _BEARER:
        return authorization[7:].strip()
    return query.get("api_key") if method == "GET" else None
