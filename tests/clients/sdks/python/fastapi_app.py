"""A FastAPI application on loopback with a route that fails. The SDK reads SENTRY_DSN."""

import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request

import sentry_sdk
import uvicorn
from fastapi import FastAPI

sentry_sdk.init(release="shop@1.2.3", environment="staging", server_name="web-1")
app = FastAPI()


@app.post("/checkout/{number}")
async def checkout(number: int, order: dict[str, int], people: int) -> int:
    sentry_sdk.set_user({"id": "42", "email": "kim@example.org"})
    sentry_sdk.set_tag("cohort", "b")
    sentry_sdk.add_breadcrumb(category="cart", message="cart opened", data={"number": number})
    sentry_sdk.capture_message("A checkout began", level="info")
    return share(12900 * order["count"], people)


def share(cents: int, people: int) -> int:
    return cents // people


with socket.create_server(("127.0.0.1", 0)) as listener:
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    serving.start()
    request = urllib.request.Request(
        f"http://127.0.0.1:{listener.getsockname()[1]}/checkout/17?people=0",
        data=json.dumps({"count": 2}).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "Shopper/1.0"},
    )
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(request, timeout=60)
    server.should_exit = True
    serving.join()
sentry_sdk.flush(60)
