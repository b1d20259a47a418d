"""Read an upload chunk from the body of a request: a form with one file (multipart/form-data).

Sources: RFC 7578; "Chunk Upload" (Sentry development documentation).
"""

from dataclasses import dataclass

from werkzeug.http import parse_options_header

from errata.errors import BadRequestError, BodyTooLargeError
from errata.protocol.body import decompress
from errata.usecases.sourcemaps import MAX_CHUNK_BYTES

# gzip makes data that it cannot compress larger, by 5 bytes in 16 KB. The form adds headers.
MAX_BODY_BYTES = MAX_CHUNK_BYTES + 16 * 1024
_MAX_HEAD_BYTES = 4 * 1024
# The name of the form's field says whether a chunk is compressed.
_PLAIN, _GZIP = "file", "file_gzip"
_NOT_A_FORM = "Send the chunk as a file in a form: multipart/form-data."


@dataclass(frozen=True, slots=True)
class SentChunk:
    """An upload chunk, decompressed. `name` is its SHA-1, according to the sender."""

    name: str
    content: bytes


def read_chunk(content_type: str, body: bytes) -> SentChunk:
    """Return the upload chunk in the body of a request.

    Raises:
        BadRequestError: the body is no form, or has no file or several.
        BodyTooLargeError: the chunk is too large, compressed or not.
        InvalidInputError: the compressed chunk is broken.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BodyTooLargeError(f"The body has more than {MAX_BODY_BYTES} bytes.")
    kind, options = parse_options_header(content_type)
    if kind.lower() != "multipart/form-data" or not options.get("boundary"):
        raise BadRequestError(_NOT_A_FORM)
    delimiter = b"\r\n--" + options["boundary"].encode()
    # RFC 2046, 5.1.1: a delimiter begins a line, and the first one may begin the body.
    head, blank, _ = body[:_MAX_HEAD_BYTES].partition(b"\r\n\r\n")
    start = len(head) + len(blank)
    end = body.find(delimiter, start)
    if not (b"\r\n" + head).startswith(delimiter + b"\r\n") or not blank or end < 0:
        raise BadRequestError(_NOT_A_FORM)
    if not body.startswith(b"--", end + len(delimiter)):
        raise BadRequestError("A request has one chunk.")
    disposition = _disposition(head)
    field = disposition.get("name")
    if field not in (_PLAIN, _GZIP) or "filename" not in disposition:
        raise BadRequestError(f"The form needs a file with the name {_PLAIN} or {_GZIP}.")
    content = body[start:end]
    if field == _GZIP:
        content = decompress(content, most=MAX_CHUNK_BYTES)
    return SentChunk(disposition["filename"], content)


def _disposition(head: bytes) -> dict[str, str]:
    """Return the parameters of a part's `Content-Disposition`, none if it has no such header."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return dict(parse_options_header(value.strip())[1])
    return {}
