"""Messages of the Model Context Protocol over HTTP, in both eras, without sessions or streams.

Modern (2026-07-28): each request carries its version and the client's capabilities in
`params._meta`, and repeats some of itself in headers. Handshake (2025-11-25 and before): the client
begins with `initialize`. Source: modelcontextprotocol.io, specification, "Streamable HTTP" and
"Versioning".
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MODERN = "2026-07-28"
HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26")
SUPPORTED = (MODERN, *HANDSHAKE)
# Bytes of a request. Arguments are short.
MAX_BODY = 64 * 1024

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022

_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
_SERVER_KEY = "io.modelcontextprotocol/serverInfo"
# How long a client may keep the list of tools. It depends on the token alone.
_TTL_MS = 300_000
_ENCODED = re.compile(r"=\?base64\?(.*)\?=")

# A JSON object.
type JsonObject = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class McpResponse:
    """The response to a message: its HTTP status and its body, None if it has none."""

    status: int
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class McpRequest:
    """A valid request. `modern`: its protocol version has no handshake."""

    id: str | int
    method: str
    params: JsonObject
    modern: bool

    def result(self, content: JsonObject) -> McpResponse:
        """Return the response with a result."""
        if self.modern:
            content = {"resultType": "complete", **content}
        return McpResponse(200, {"jsonrpc": "2.0", "id": self.id, "result": content})

    def error(self, code: int, message: str, data: JsonObject | None = None) -> McpResponse:
        """Return the response with an error.

        Clients of older versions take every status but 200 for a failure of the transport.
        """
        status = 200
        if self.modern:
            status = 404 if code == METHOD_NOT_FOUND else 400
        return _refused(status, code, message, self.id, data)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returns: Markdown. `failed`: it says what is wrong, and how to mend it."""

    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class McpServer:
    """What this server is and can do.

    Attributes:
        info: `name`, `title` and `version`.
        instructions: how to use its tools.
        tools: their definitions.
        call: calls a tool by its name, with its arguments. None if there is no such tool.
    """

    info: JsonObject
    instructions: str
    tools: Sequence[JsonObject]
    call: Callable[[str, Any], ToolResult | None]


def read(body: bytes, headers: Mapping[str, str]) -> McpRequest | McpResponse:
    """Return the request in a body. If the body is invalid or a notification, return the response.

    A notification gets 202, whatever it is. `headers` have lower-case names.
    """
    if len(body) > MAX_BODY:
        return _refused(413, INVALID_REQUEST, f"The request has more than {MAX_BODY:,} bytes.")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return _refused(400, PARSE_ERROR, "The body is not JSON.")
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return _refused(
            400, INVALID_REQUEST, "Send one JSON-RPC 2.0 message. There are no batches."
        )
    method, request_id = message.get("method"), message.get("id")
    if not isinstance(method, str):
        return _refused(400, INVALID_REQUEST, "This is neither a request nor a notification.")
    if "id" not in message:
        return McpResponse(202)
    if not isinstance(request_id, str | int) or isinstance(request_id, bool):
        return _refused(400, INVALID_REQUEST, "The id must be a text or an integer.")
    params = message.get("params", {})
    if not isinstance(params, dict):
        return _refused(400, INVALID_PARAMS, "params must be an object.", request_id)
    return _of_version(McpRequest(request_id, method, params, modern=False), headers)


def refused_page() -> McpResponse:
    """Return the response that refuses a web page. Browsers name the page in the header `Origin`.

    "Servers MUST validate the Origin header on all incoming connections to prevent DNS rebinding
    attacks." No page is allowed: agents are no pages, and send none.
    """
    return _refused(403, INVALID_REQUEST, "Web pages cannot use this server. Send no Origin.")


def respond(request: McpRequest, server: McpServer) -> McpResponse:
    """Return the response to a request."""
    match request.method:
        case "initialize" if not request.modern:
            return request.result(_welcome(request, server))
        case "server/discover" if request.modern:
            return request.result(_discovered(server))
        case "ping":
            return request.result({})
        case "tools/list":
            cached = _cached() if request.modern else {}
            return request.result({"tools": list(server.tools), **cached})
        case "tools/call":
            return _called(request, server)
    return request.error(METHOD_NOT_FOUND, "This server has no such method. It has tools only.")


def _of_version(request: McpRequest, headers: Mapping[str, str]) -> McpRequest | McpResponse:
    """Return the request as its protocol version defines it, or the response that refuses it."""
    version = headers.get("mcp-protocol-version")
    meta = request.params.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    if _VERSION_KEY not in meta and version != MODERN:
        if request.method == "initialize" or version is None or version in HANDSHAKE:
            return request
        return _unsupported(request, version)
    request = McpRequest(request.id, request.method, request.params, modern=True)
    if missing := [key for key in (_VERSION_KEY, _CAPABILITIES_KEY) if key not in meta]:
        return request.error(INVALID_PARAMS, f"params._meta lacks {' and '.join(missing)}.")
    if wrong := _wrong_header(request, meta[_VERSION_KEY], headers):
        return request.error(HEADER_MISMATCH, f"The header {wrong} differs from the body.")
    return request if version == MODERN else _unsupported(request, str(version))


def _wrong_header(request: McpRequest, version: Any, headers: Mapping[str, str]) -> str:
    """Return the name of a header that does not repeat the body, "" if all do.

    "Servers that process the request body MUST reject requests where the values specified in the
    headers do not match the corresponding values in the request body."
    """
    expected = {"MCP-Protocol-Version": version, "Mcp-Method": request.method}
    if request.method == "tools/call":
        expected["Mcp-Name"] = request.params.get("name")
    for name, value in expected.items():
        found = headers.get(name.lower())
        if found is None or (found if name != "Mcp-Name" else _decoded(found)) != value:
            return name
    return ""


def _decoded(value: str) -> str | None:
    """Return the value of a header that may be in Base64. None if it cannot be decoded."""
    found = _ENCODED.fullmatch(value)
    if not found:
        return value
    try:
        return base64.b64decode(found[1], validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _unsupported(request: McpRequest, version: str) -> McpResponse:
    data = {"supported": list(SUPPORTED), "requested": version[:40]}
    message = "Unsupported protocol version"
    return _refused(400, UNSUPPORTED_VERSION, message, request.id, data)


def _welcome(request: McpRequest, server: McpServer) -> JsonObject:
    """Return the result of `initialize`: the version that was asked for, or else the newest."""
    asked = request.params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in HANDSHAKE else HANDSHAKE[0],
        "capabilities": {"tools": {}},
        "serverInfo": dict(server.info),
        "instructions": server.instructions,
    }


def _discovered(server: McpServer) -> JsonObject:
    info = dict(server.info)
    return {
        "supportedVersions": list(SUPPORTED),
        "capabilities": {"tools": {}},
        "serverInfo": info,
        "instructions": server.instructions,
        **_cached(),
        "_meta": {_SERVER_KEY: info},
    }


def _cached() -> JsonObject:
    # Private: another token may have other tools.
    return {"ttlMs": _TTL_MS, "cacheScope": "private"}


def _called(request: McpRequest, server: McpServer) -> McpResponse:
    name = request.params.get("name")
    found = server.call(name, request.params.get("arguments")) if isinstance(name, str) else None
    if found is None:
        names = ", ".join(each["name"] for each in server.tools)
        return request.error(INVALID_PARAMS, f"There is no such tool. There are: {names}.")
    content = [{"type": "text", "text": found.text}]
    return request.result({"content": content, "isError": found.failed})


def _refused(
    status: int,
    code: int,
    message: str,
    request_id: str | int | None = None,
    data: JsonObject | None = None,
) -> McpResponse:
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = dict(data)
    return McpResponse(status, {"jsonrpc": "2.0", "id": request_id, "error": error})
