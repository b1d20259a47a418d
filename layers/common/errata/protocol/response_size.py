"""The size limit of a response. Source: "Lambda quotas", invocation payload (synchronous): 6 MB."""

# A function returns JSON that contains the body as a string. This leaves space for other fields.
MAX_BYTES = 6_000_000


def weight(content: bytes) -> int:
    """Return the size in bytes of JSON text as a string in a response.

    Quotes and backslashes are escaped there, so each of them takes two bytes.
    """
    return len(content) + content.count(b'"') + content.count(b"\\")
