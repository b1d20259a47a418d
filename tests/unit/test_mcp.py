"""Messages of the Model Context Protocol, clause by clause, in both eras."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.protocol.mcp import (
    MAX_BODY,
    McpRequest,
    McpResponse,
    McpServer,
    ToolResult,
    read,
    respond,
)

VERSION = "io.modelcontextprotocol/protocolVersion"
META = {VERSION: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


def called(name: str, arguments: Any) -> ToolResult | None:
    return ToolResult(f"{name} {arguments}", name == "bad") if name != "none" else None


SERVER = McpServer({"name": "errata", "version": "1"}, "Ask.", [{"name": "good"}], called)


def sent(method: str, headers: dict[str, str] | None = None, **params: Any) -> McpResponse:
    """Return the response to a message of an older version."""
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    return response_to(json.dumps(message).encode(), headers or {})


def response_to(body: bytes, headers: dict[str, str]) -> McpResponse:
    found = read(body, headers)
    return respond(found, SERVER) if isinstance(found, McpRequest) else found


def modern(method: str, change: dict[str, str | None] | None = None, **params: Any) -> McpResponse:
    """Return the response to a message of 2026-07-28.

    `change` replaces headers of the message; None removes one.
    """
    headers: dict[str, str | None] = {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        **({"mcp-name": params["name"]} if "name" in params else {}),
        **(change or {}),
    }
    kept = {name: value for name, value in headers.items() if value is not None}
    return sent(method, kept, **{"_meta": META, **params})


def test_the_older_era_begins_with_a_handshake() -> None:
    for asked, agreed in (("2025-06-18", "2025-06-18"), ("2024-11-05", "2025-11-25")):
        found = sent("initialize", protocolVersion=asked, capabilities={}).body
        assert found
        assert found["id"] == 7
        assert found["result"] == {
            "protocolVersion": agreed,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "errata", "version": "1"},
            "instructions": "Ask.",
        }
    assert sent("ping", {"mcp-protocol-version": "2025-11-25"}) == McpResponse(
        200, {"jsonrpc": "2.0", "id": 7, "result": {}}
    )
    assert sent("tools/list").body == {
        "jsonrpc": "2.0",
        "id": 7,
        "result": {"tools": [{"name": "good"}]},
    }


def test_the_modern_era_begins_with_a_discovery() -> None:
    found = modern("server/discover")
    assert found.status == 200
    result = found.body and found.body["result"]
    assert result
    assert result["resultType"] == "complete"
    assert result["supportedVersions"] == ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"]
    assert result["capabilities"] == {"tools": {}}
    assert (result["ttlMs"], result["cacheScope"]) == (300_000, "private")
    assert result["serverInfo"]["name"] == "errata"
    listed = modern("tools/list").body
    assert listed
    assert set(listed["result"]) == {"resultType", "tools", "ttlMs", "cacheScope"}


def test_tools_are_called_in_both_eras() -> None:
    for name, failed in (("good", False), ("bad", True)):
        content = {"content": [{"type": "text", "text": f"{name} {{'a': 1}}"}], "isError": failed}
        old = sent("tools/call", name=name, arguments={"a": 1})
        assert old.body == {"jsonrpc": "2.0", "id": 7, "result": content}
        new = modern("tools/call", name=name, arguments={"a": 1})
        assert new.body == {**old.body, "result": {"resultType": "complete", **content}}
    encoded = base64.b64encode(b"good").decode()
    assert modern("tools/call", {"mcp-name": f"=?base64?{encoded}?="}, name="good").status == 200
    unknown = sent("tools/call", name="none")
    assert unknown.body
    assert unknown.body["error"] == {
        "code": -32602,
        "message": "There is no such tool. There are: good.",
    }


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        # "If the server does not implement the requested RPC method, it MUST respond with 404".
        (modern("initialize"), 404, -32601),
        (modern("resources/list"), 404, -32601),
        # A client of an older version takes 404 for a session that has ended.
        (sent("resources/list"), 200, -32601),
        (sent("server/discover"), 200, -32601),
        # "If the values do not match, the server MUST reject the request with 400".
        (modern("ping", {"mcp-protocol-version": "2025-11-25"}), 400, -32020),
        (modern("ping", {"mcp-protocol-version": None}), 400, -32020),
        (modern("ping", {"mcp-method": None}), 400, -32020),
        (modern("ping", {"mcp-method": "tools/list"}), 400, -32020),
        (modern("tools/call", {"mcp-name": None}, name="good"), 400, -32020),
        (modern("tools/call", {"mcp-name": "bad"}, name="good"), 400, -32020),
        (modern("tools/call", {"mcp-name": "=?base64?#?="}, name="good"), 400, -32020),
        (modern("ping", _meta={VERSION: "2026-07-28"}), 400, -32602),
        (modern("ping", _meta=[]), 400, -32602),
        (modern("tools/call", name="none"), 400, -32602),
        (
            modern(
                "ping",
                {"mcp-protocol-version": "1900-01-01"},
                _meta={**META, VERSION: "1900-01-01"},
            ),
            400,
            -32022,
        ),
        (sent("ping", {"mcp-protocol-version": "1900-01-01"}), 400, -32022),
    ],
)
def test_a_request_that_violates_the_protocol_is_refused(
    found: McpResponse, status: int, code: int
) -> None:
    assert found.body
    assert (found.status, found.body["error"]["code"], found.body["id"]) == (status, code, 7)
    if code == -32022:
        assert found.body["error"]["data"]["requested"] == "1900-01-01"
        assert "2026-07-28" in found.body["error"]["data"]["supported"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b"[" * 20_000, 400, -32700),
        (b"\xff", 400, -32700),
        (b"1" * 5_000, 400, -32700),
        (b" " * (MAX_BODY + 1), 413, -32600),
        (b"[]", 400, -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', 400, -32602),
    ],
    ids=lambda value: str(value[:40]) if isinstance(value, bytes) else None,
)
def test_a_body_that_is_not_a_message_is_refused(body: bytes, status: int, code: int) -> None:
    found = response_to(body, {})
    assert found.body
    assert (found.status, found.body["error"]["code"]) == (status, code)


def test_a_notification_gets_202_without_a_body() -> None:
    for method in ("notifications/initialized", "notifications/cancelled", "x"):
        body = json.dumps({"jsonrpc": "2.0", "method": method}).encode()
        assert response_to(body, {}) == McpResponse(202)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=9,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "jsonrpc": st.just("2.0"),
            "id": _JSON,
            "method": st.sampled_from(["initialize", "tools/call", "server/discover"]) | _JSON,
            "params": st.fixed_dictionaries(
                {}, optional={"_meta": st.just(META) | _JSON, "name": _JSON}
            )
            | _JSON,
        },
    ),
    st.dictionaries(
        st.sampled_from(["mcp-protocol-version", "mcp-method", "mcp-name"]),
        st.sampled_from(["2026-07-28", "2025-11-25", "tools/call", "=?base64?", ""]),
    ),
)
def test_any_message_gets_a_valid_response(message: Any, headers: dict[str, str]) -> None:
    found = response_to(json.dumps(message).encode(), headers)
    assert found.status in (200, 202, 400, 404)
    json.dumps(found.body)
