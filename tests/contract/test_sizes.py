"""Large and compressed bodies: 1 MiB of JSON is accepted, and trimmed if it does not fit."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest

from tests.support.account import Project, rows
from tests.support.clients import BOOM, errors, events, ingest, kept
from tests.support.cpu import cpu_s
from tests.support.gateway import Response, call
from tests.support.noise import noise

MIB = 1024 * 1024


def padded(size: int, **fields: Any) -> bytes:
    """A body of exactly this size."""
    body = compact({"message": "boom", **fields})
    assert len(body) <= size
    return body + b" " * (size - len(body))


def compact(body: dict[str, Any]) -> bytes:
    """JSON without escapes, which would triple the size of noise."""
    return json.dumps(body, ensure_ascii=False).encode()


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def test_a_body_of_one_mib_is_accepted_and_a_byte_more_is_not(busy: Project) -> None:
    assert ingest(busy, padded(MIB)).status == 202
    refused = ingest(busy, padded(MIB + 1))
    assert (refused.status, set(refused.json)) == (413, {"message"})
    assert len(events(busy)) == 1


def test_the_limit_applies_to_the_decompressed_body(busy: Project) -> None:
    for pack in (gzip.compress, zlib.compress):
        assert ingest(busy, pack(padded(MIB))).status == 202
        assert ingest(busy, pack(padded(MIB + 1))).status == 413


def test_the_legacy_api_has_the_same_limit(busy: Project) -> None:
    body = padded(MIB, hash=busy.key, level="Error")
    assert call("POST", "/api.php", body).json == {"ok": True, "id": 1}
    refused = call("POST", "/api.php", body + b" ")
    assert (refused.status, refused.json["ok"]) == (413, False)


# ------------------------------------------------------------------ trimming

LARGE = noise(100_000)  # 400 KB, some 240 compressed


def test_an_event_that_fits_when_compressed_is_not_trimmed(busy: Project) -> None:
    text = "Traceback (most recent call last)\n" * 25_000
    event = kept(busy, {"message": "boom", "stack_trace": text})
    assert (event["stack_trace"], event["trimmed"]) == (text, [])


def test_breadcrumbs_are_dropped_first(busy: Project) -> None:
    crumbs = [{"message": LARGE}]
    event = kept(busy, compact({"message": "b", "breadcrumbs": crumbs, "stack_trace": LARGE}))
    assert event["trimmed"] == ["breadcrumbs"]
    assert (event["breadcrumbs"], event["stack_trace"]) == (None, LARGE)


def test_the_context_except_its_user_is_dropped_second(busy: Project) -> None:
    body = {"message": "boom", "breadcrumbs": [{"message": "small"}], "context": {"a": LARGE}}
    user = {"id": 7, "name": "Ada"}
    event = kept(busy, compact({**body, "source_map": LARGE, "user": user}))
    assert event["trimmed"] == ["breadcrumbs", "context"]
    assert event["context"] == {"user": {"id": 7, "name": "Ada"}}
    assert event["source_map"] == LARGE


def test_stack_traces_and_the_source_map_are_cut_third(busy: Project) -> None:
    texts = {"stack_trace": LARGE, "minified_stack": noise(70_000, 2), "source_map": noise(60_000)}
    event = kept(busy, compact({"message": "boom", "url": noise(9_000), **texts}))
    assert set(event["trimmed"]) == {"stack_trace", "minified_stack", "source_map"}
    assert {name: event[name] for name in texts} == {n: t[:32_768] for n, t in texts.items()}
    assert len(event["url"]) == 9_000


def test_every_other_long_text_is_cut_last(busy: Project) -> None:
    event = kept(busy, compact({"message": noise(200_000), "exception_class": "Boom"}))
    assert event["trimmed"] == ["message"]
    assert event["message"] == noise(200_000)[:8_192]
    assert event["exception_class"] == "Boom"


def test_a_mib_of_noise_in_every_field_is_accepted_and_readable(busy: Project) -> None:
    stacks = dict.fromkeys(("stack_trace", "minified_stack", "source_map"), 33_000)
    texts = ("message", "exception_class", "file", "url", "environment", "release", "server_name")
    sizes = {**stacks, **dict.fromkeys((*texts, "fingerprint"), 8_193)}
    body: dict[str, Any] = {name: noise(size, n) for n, (name, size) in enumerate(sizes.items())}
    body["context"] = {"user": {noise(10, n): noise(5_000, n) for n in range(16)}}
    event = kept(busy, padded(MIB, **body))
    assert set(event["trimmed"]) >= {"context", "message", "stack_trace"}
    assert body["message"].startswith(event["message"])
    assert len(event["message"]) >= 1_000


def test_a_long_legacy_error_is_trimmed_and_still_read(busy: Project) -> None:
    request = {"method": "POST", "url": "http://h/", "post": {"body": LARGE}}
    sent = {"hash": busy.key, "level": "Error", "message": noise(100_000), "request": request}
    assert call("POST", "/api.php", compact(sent)).json["ok"]
    (error,) = errors(busy)
    assert (error["method"], error["post_params"]) == (None, None)
    assert noise(100_000).startswith(error["message"])
    assert len(str(rows())) < 4 * MIB


# ------------------------------------------------------------------ compression


def send(project: Project, body: bytes, coding: str = "") -> Response:
    return ingest(project, body, **({"content_encoding": coding} if coding else {}))


def test_gzip_and_deflate_are_accepted_with_or_without_a_header(busy: Project) -> None:
    body = json.dumps(BOOM).encode()
    sent = [
        (gzip.compress(body), "gzip"),
        (gzip.compress(body), "GZIP"),
        (gzip.compress(body), ""),
        (zlib.compress(body), "deflate"),
        (zlib.compress(body, 9), ""),
        (raw_deflate(body), "deflate"),
        # The gateway undoes a coding and leaves the header.
        (body, "gzip"),
        (body, "deflate"),
        (b" \n" + body, "deflate"),
        (gzip.compress(body[:9]) + gzip.compress(body[9:]), "gzip"),
        (gzip.compress(body) + gzip.compress(b""), "gzip"),
    ]
    for packed, coding in sent:
        assert send(busy, packed, coding).status == 202, (packed, coding)
    assert len(events(busy)) == len(sent)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
def test_a_broken_or_cut_body_is_refused(busy: Project, pack: Any) -> None:
    packed = pack(json.dumps({"message": noise(50)}).encode())
    broken = packed[:20] + bytes([packed[20] ^ 0xFF]) + packed[21:]
    for bad in (packed[: len(packed) // 2], packed[:-1], broken):
        refused = send(busy, bad, "deflate" if pack is raw_deflate else "")
        assert (refused.status, set(refused.json["errors"])) == (422, {"body"})
    assert events(busy) == []


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_bomb_is_refused_in_little_memory(busy: Project, pack: Any) -> None:
    bomb = pack(b" " * (50 * MIB))
    send(busy, gzip.compress(b"[]"))
    tracemalloc.start()
    try:
        assert send(busy, bomb).status == 413
        assert tracemalloc.get_traced_memory()[1] < 10 * MIB
    finally:
        tracemalloc.stop()


def test_a_bomb_in_many_members_is_refused_soon(busy: Project) -> None:
    for member in (gzip.compress(b""), gzip.compress(b" " * 4)):
        bomb = member * (4 * MIB // len(member))
        assert send(busy, bomb).status in (413, 422)
        assert cpu_s(lambda bomb=bomb: send(busy, bomb), 2) < 2  # type: ignore[misc]


def test_a_response_full_of_quotes_fits_lambda_s_limit_after_escaping(busy: Project) -> None:
    # tests.support.gateway fails at a response that Lambda would not accept.
    quotes = 'a"\\' * 150_000
    for n in range(7):
        sent = {"hash": busy.key, "level": "Warning", "message": f"{n}{quotes}"}
        assert call("POST", "/api.php", sent).status == 200
    first = errors(busy)
    assert 1 < len(first) < 7
    assert [error["id"] for error in first] == list(range(1, len(first) + 1))
    assert len(events(busy)) == 7
