"""Parse bytes to a JSON object: compression, broken data, and input that is repaired."""

import gzip
import json
import re
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.errors import BodyTooLargeError, InvalidInputError
from errata.protocol.body import (
    MAX_JSON_BYTES,
    JsonBody,
    ReadOnce,
    decompress,
    decompress_start,
    parse_object,
)
from tests.support.steps import steps


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@given(st.binary(max_size=2_000))
def test_a_compressed_body_is_decompressed(body: bytes) -> None:
    assert decompress(gzip.compress(body)) == body
    assert decompress(zlib.compress(body), "deflate") == body
    assert decompress(gzip.compress(body) + gzip.compress(body), "gzip") == 2 * body


@given(st.dictionaries(st.text(), st.integers(), min_size=1))
def test_uncompressed_json_passes_with_any_content_encoding(value: dict[str, int]) -> None:
    body = repr(value).encode("utf-8", "replace")
    for coding in ("", "gzip", "deflate", "br", "deflate, gzip"):
        assert decompress(body, coding) == body
    assert decompress(raw_deflate(body), " Deflate ") == body


@given(st.binary(max_size=400), st.sampled_from(["", "gzip", "deflate"]))
def test_any_bytes_are_decompressed_or_refused(body: bytes, coding: str) -> None:
    for start in (b"", b"\x1f\x8b\x08", b"x\x9c"):
        with suppress(InvalidInputError):
            assert len(decompress(start + body, coding)) <= MAX_JSON_BYTES


@given(st.binary(min_size=3, max_size=2_000), st.integers(1, 3_000))
def test_the_start_of_a_body_is_decompressed(body: bytes, most: int) -> None:
    for sent, coding in (
        (gzip.compress(body), "gzip"),
        (zlib.compress(body), ""),
        (raw_deflate(b"\0" + body), "deflate"),
        (b"{" + body, "deflate"),
    ):
        assert decompress_start(sent, coding, most) == decompress(sent, coding)[:most]


@given(st.binary(max_size=400), st.sampled_from(["", "gzip", "deflate"]))
def test_any_bytes_have_a_start_of_the_wanted_size(body: bytes, coding: str) -> None:
    for start in (b"", b"\x1f\x8b\x08", b"x\x9c"):
        assert len(decompress_start(start + body, coding, 10)) <= 10


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_truncated_compressed_body_is_refused(body: bytes, data: st.DataObject) -> None:
    packed = data.draw(st.sampled_from([gzip.compress(body), zlib.compress(body)]))
    end = data.draw(st.integers(3, len(packed) - 1))
    with pytest.raises(InvalidInputError):
        decompress(packed[:end])


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress])
def test_the_limit_is_exact(pack: type[bytes]) -> None:
    full = b" " * MAX_JSON_BYTES
    assert decompress(pack(full)) == full
    with pytest.raises(BodyTooLargeError):
        decompress(pack(full + b" "))


def test_the_limit_applies_to_all_members_of_a_gzip_file_together() -> None:
    half = gzip.compress(b" " * (MAX_JSON_BYTES // 2))
    assert len(decompress(half + half)) == MAX_JSON_BYTES
    with pytest.raises(BodyTooLargeError):
        decompress(half + half + gzip.compress(b" "))


def test_a_gzip_file_has_at_most_a_hundred_members() -> None:
    member = gzip.compress(b"{}")
    assert decompress(member * 100) == b"{}" * 100
    with pytest.raises(InvalidInputError):
        decompress(member * 101)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'{"a":"\ud83d"}', "\ufffd"),
        (rb'{"a":"\ude00"}', "\ufffd"),
        (rb'{"a":"x\uD83Dy\uDE00z"}', "x\ufffdy\ufffdz"),
        (rb'{"a":"\ude00\ud83d"}', "\ufffd\ufffd"),
        (rb'{"a":"\ud83d\ud83d\ude00"}', "\ufffd\U0001f600"),
        (rb'{"a":"\ud83d\ude00"}', "\U0001f600"),
        (rb'{"a":"\\ud83d"}', "\\ud83d"),
        (rb'{"a":"\\\ud83d"}', "\\\ufffd"),
        (rb'{"a":"\u0000"}', "\x00"),
        (b'\xef\xbb\xbf{"a":"b"}', "b"),
    ],
)
def test_a_lone_surrogate_becomes_a_replacement_character(body: bytes, text: str) -> None:
    assert parse_object(body) == {"a": text}


def test_the_last_of_a_repeated_key_counts() -> None:
    assert parse_object(b'{"a":1,"b":2,"a":3}') == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{}{}",
        b"{}x",
        b"[]",
        b"1",
        b'"a"',
        b"null",
        b"\xff",
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\x01"}',
        b"\x00",
        b'{"a":"\xff"}',
        rb'{"a":"\x"}',
        b'{"a":01}',
        b"[" * 500,
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_object(body)
    assert set(refused.value.errors) == {"body"}


def test_a_read_that_fails_is_not_repeated() -> None:
    reads = []

    def read() -> str:
        reads.append(1)
        raise InvalidInputError({"body": ["broken"]})

    body = ReadOnce(read)
    for _ in range(3):
        with pytest.raises(InvalidInputError, match="broken"):
            body.get()
    assert reads == [1]


def test_an_empty_value_is_read_once() -> None:
    reads = []

    def read() -> dict[str, str]:
        reads.append(1)
        return {}

    body = ReadOnce(read)
    assert [body.get(), body.get()] == [{}, {}]
    assert reads == [1]


def test_the_content_of_a_broken_body_is_returned_as_sent() -> None:
    assert JsonBody(b"\x1f\x8bbroken").content() == b"\x1f\x8bbroken"
    assert JsonBody(gzip.compress(b"[1]")).content() == b"[1]"
    assert JsonBody(gzip.compress(b"[1]")).get("message") is None


def escapes() -> list[bytes]:
    pair, lone = rb"\ud83d\ude00", rb"\ud800"
    return [rb"\n", rb"\\", rb"\"", rb"\u0041", pair, lone, rb"\udc00", b"a", b"ud800"]


@given(st.lists(st.sampled_from(escapes()), max_size=12))
def test_only_lone_surrogates_are_replaced(parts: list[bytes]) -> None:
    sent = b'{"a":"' + b"".join(parts) + b'"}'
    expected = json.loads(sent)["a"]  # keeps lone surrogates
    pairs = re.sub("[\ud800-\udbff][\udc00-\udfff]", "\U0001f600", expected)
    repaired = re.sub("[\ud800-\udfff]", "\ufffd", pairs)
    assert parse_object(sent) == {"a": repaired}


def test_a_body_full_of_escapes_takes_few_steps() -> None:
    for end in (rb'\ud800"}', b'"} x'):
        sent = b'\xef\xbb\xbf{"a":"' + rb"\n" * 520_000 + end

        def parse(sent: bytes = sent) -> None:
            with suppress(InvalidInputError):
                parse_object(sent)

        assert steps(parse) < 1_000
