"""The local stack serves functions' URLs at ports of their own."""

import base64
import json
from types import SimpleNamespace
from typing import Any

import pytest

from dev.function_urls import (
    MAX_EVENT_BYTES,
    FunctionUrls,
    encode_bodies,
    listen,
    outputs,
    read_ports,
)

URL = "https://abc123.lambda-url.us-east-1.on.aws/"
HOST = {"host": "127.0.0.1:4568"}


def run(task: Any) -> None:
    """Run a coroutine. Nothing here waits, so one step is the whole run."""
    with pytest.raises(StopIteration):
        task.send(None)


def served(
    port: int, path: str, body: bytes = b"", headers: dict[str, str] = HOST, url: str = URL
) -> tuple[str, Any]:
    """Return what got a request to a port (`other` or `emulator`) with the path, or the refusal."""
    reached: list[tuple[str, Any]] = []

    def app(name: str) -> Any:
        async def receive_it(scope: Any, receive: Any, send: Any) -> None:
            sent = (await receive())["body"]
            reached.append((name, (scope["path"], scope["raw_path"], sent)))

        return receive_it

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if "status" in message:
            reached.append(("refused", message["status"]))

    scope = {
        "type": "http",
        "path": path,
        "raw_path": path.encode(),
        "server": ("127.0.0.1", port),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    urls = FunctionUrls(app("other"), app("emulator"), frozenset({4568}), lambda port: url)
    run(urls(scope, receive, send))
    (found,) = reached
    return found


def test_the_root_of_a_port_is_the_function_s_url() -> None:
    path = "/_aws/lambda-url/abc123/api/1/envelope/"
    assert served(4568, "/api/1/envelope/", b"x") == ("emulator", (path, path.encode(), b"x"))
    assert served(4566, "/api.php") == ("other", ("/api.php", b"/api.php", b""))


def test_a_port_without_a_url_is_404_and_another_host_name_is_403() -> None:
    assert served(4568, "/", url="") == ("refused", 404)
    # DNS rebinding: a page's own name leads to this machine.
    assert served(4568, "/", headers={"host": "evil.example"}) == ("refused", 403)


def test_a_body_has_the_maximum_size_of_aws() -> None:
    most = MAX_EVENT_BYTES * 3 // 4
    assert served(4568, "/", b"\xff" * most)[0] == "emulator"
    assert served(4568, "/", b"\xff" * (most + 2)) == ("refused", 413)
    assert served(4568, "/", b"a" * (most + 2))[0] == "emulator"
    assert served(4568, "/", b"a" * (MAX_EVENT_BYTES + 1)) == ("refused", 413)


def test_the_server_listens_at_all_ports() -> None:
    bound: list[str] = []

    async def serve(app: Any, config: Any) -> None:
        bound.extend(config.bind)

    server = SimpleNamespace(serve=serve)
    listen(server, {4567: None, 4568: None})
    run(server.serve(None, SimpleNamespace(bind=["127.0.0.1:4566"])))
    assert bound == ["127.0.0.1:4566", "127.0.0.1:4567", "127.0.0.1:4568"]


def test_a_url_is_an_output_of_the_stack() -> None:
    text = json.dumps({4568: ("errata-local", "SdkFunctionUrl"), 4567: ("errata-local", "Other")})
    stacks = {
        ("0", "r", "another"): {"Outputs": [{"OutputKey": "SdkFunctionUrl", "OutputValue": "x"}]},
        ("0", "r", "new"): {},
        ("0", "r", "errata-local"): {
            "Outputs": [{"OutputKey": "SdkFunctionUrl", "OutputValue": URL}]
        },
    }
    cloudformation = SimpleNamespace(_stacks=SimpleNamespace(all_items=stacks.items))
    find = outputs(cloudformation, read_ports(text))
    assert (find(4568), find(4567)) == (URL, "")


@pytest.mark.parametrize(
    ("body", "text", "expected"),
    [
        (b"\x1f\x8b", "broken", (base64.b64encode(b"\x1f\x8b").decode(), True)),
        (b"{}", "{}", ("{}", False)),
        (b"", None, (None, False)),
    ],
)
def test_a_body_that_is_not_text_is_base64_encoded(
    body: bytes, text: str, expected: tuple[str, bool]
) -> None:
    def build(*arguments: Any, **more: Any) -> dict[str, Any]:
        return {"body": text, "isBase64Encoded": False}

    functions = SimpleNamespace(_build_function_url_event=build)
    encode_bodies(functions)
    event = functions._build_function_url_event("id", "0", "r", "POST", "/", {}, body, {})
    assert (event["body"], event["isBase64Encoded"]) == expected
