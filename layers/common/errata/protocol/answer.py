"""How much fits one answer. Source: "Lambda quotas", invocation payload, 6 MB synchronous."""

# A function's answer is JSON, in which the body is a string; this leaves room for what is around.
MAX_BYTES = 6_000_000


def weight(content: bytes) -> int:
    """The bytes that JSON text takes in an answer, where its quotes and backslashes are escaped."""
    return len(content) + content.count(b'"') + content.count(b"\\")
