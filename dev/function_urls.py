"""Serve functions' URLs at ports of their own. Runs in .venv-ministack.

On AWS, a function's URL is the root of a host of its own. Here, it is the root of a port. MiniStack
knows a URL only by a host name that few clients resolve, or below the path /_aws/lambda-url/.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from dev.guard import LOOPBACK, joined, read, replay

# Of the Lambda event of a request, with its body (quotas of Lambda: "Invocation payload").
MAX_EVENT_BYTES = 6 * 1024 * 1024
# The environment variable with a JSON object: the port, then the stack and its output.
PORTS = "FUNCTION_PORTS"


class FunctionUrls:
    """An ASGI application: a function's URL at some ports, `other` at all others.

    `emulator` is MiniStack. `find_url` returns the URL of the function at a port, "" if the stack
    has no such URL (yet).
    """

    def __init__(
        self, other: Any, emulator: Any, ports: frozenset[int], find_url: Callable[[int], str]
    ) -> None:
        self._other = other
        self._emulator = emulator
        self._ports = ports
        self._find_url = find_url

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle one request, or the application's start and end."""
        port = scope["server"][1] if scope["type"] == "http" else 0
        if port not in self._ports:
            await self._other(scope, receive, send)
            return
        # Another name may be an attacker's that resolves to this machine (DNS rebinding).
        if not LOOPBACK.fullmatch(joined(scope["headers"]).get("host", "")):
            await _respond(send, 403, "The local stack takes requests to 127.0.0.1 or localhost.")
        elif not (url := self._find_url(port)):
            await _respond(send, 404, "This stack has no such URL.")
        else:
            await self._pass_on(url, scope, receive, send)

    async def _pass_on(self, url: str, scope: Any, receive: Any, send: Any) -> None:
        body = await read(receive)
        if event_bytes(body) > MAX_EVENT_BYTES:
            await _respond(send, 413, "Request Entity Too Large")
            return
        prefix = f"/_aws/lambda-url/{url.split('://')[1].split('.')[0]}"
        path = prefix + scope["path"]
        raw_path = prefix.encode() + scope["raw_path"]
        await self._emulator(
            {**scope, "path": path, "raw_path": raw_path}, replay(body, receive), send
        )


def event_bytes(body: bytes) -> int:
    """Return about how many bytes the Lambda event of a body has. Lambda may encode it."""
    return len(body) if body.isascii() else len(body) * 4 // 3


async def _respond(send: Any, status: int, message: str) -> None:
    content = json.dumps({"message": message}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def listen(server: Any, ports: Mapping[int, object]) -> None:
    """Let the server listen on more ports. `server` is the module `hypercorn.asyncio`."""
    serve = server.serve

    async def serve_at_all(app: Any, config: Any, **more: Any) -> None:
        host = config.bind[0].rpartition(":")[0]
        config.bind = [*config.bind, *(f"{host}:{port}" for port in ports)]
        await serve(app, config, **more)

    server.serve = serve_at_all


def outputs(cloudformation: Any, ports: Mapping[int, tuple[str, str]]) -> Callable[[int], str]:
    """Return a function that finds the URL of a port: the output of a stack of MiniStack."""

    def find(port: int) -> str:
        stack_name, output = ports[port]
        for (_account, _region, name), stack in cloudformation._stacks.all_items():
            for each in stack.get("Outputs") or () if name == stack_name else ():
                if each["OutputKey"] == output:
                    return str(each["OutputValue"])
        return ""

    return find


def encode_bodies(functions: Any) -> None:
    """Encode a body that is not ASCII with Base64, whatever its type.

    MiniStack decodes texts as UTF-8, and replaces what it cannot decode: a gzip body would be lost.
    """
    build = functions._build_function_url_event

    def build_with_bytes(*arguments: Any, **more: Any) -> Any:
        event = build(*arguments, **more)
        body: bytes = arguments[6]
        if body and not event["isBase64Encoded"] and not body.isascii():
            event["body"] = base64.b64encode(body).decode()
            event["isBase64Encoded"] = True
        return event

    functions._build_function_url_event = build_with_bytes


def read_ports(text: str) -> dict[int, tuple[str, str]]:
    """Return the stack and the output of each port from the environment variable."""
    return {int(port): (stack, output) for port, (stack, output) in json.loads(text).items()}
