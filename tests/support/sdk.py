"""What a Sentry SDK does, each in one line."""

import json
import uuid
from typing import Any

from errata.models.ids import now_ms
from tests.support.account import Project
from tests.support.gateway import Response, call

KEY_ERROR: dict[str, Any] = {
    "level": "error",
    "platform": "python",
    "exception": {
        "values": [
            {
                "type": "KeyError",
                "value": "'lamp'",
                "stacktrace": {
                    "frames": [
                        {
                            "filename": "shop/cart.py",
                            "module": "shop.cart",
                            "function": "total",
                            "lineno": 12,
                            "in_app": True,
                        }
                    ]
                },
            }
        ]
    },
}


def event(**fields: Any) -> dict[str, Any]:
    """Return an event that has just happened, with its own id."""
    return {
        "event_id": uuid.uuid4().hex,
        "timestamp": now_ms() / 1000,
        **KEY_ERROR,
        **fields,
    }


def item(kind: str, payload: Any) -> bytes:
    """Return an envelope item. A payload that is not bytes is sent as JSON."""
    content = payload if isinstance(payload, bytes) else _json(payload)
    return json.dumps({"type": kind, "length": len(content)}).encode() + b"\n" + content


def _json(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()


def envelope(*items: bytes, **headers: Any) -> bytes:
    """Return an envelope of these items."""
    return b"\n".join([json.dumps(headers).encode(), *items]) + b"\n"


def of_event(sent: dict[str, Any], **headers: Any) -> bytes:
    """Return the envelope of an event, as SDKs build it."""
    return envelope(item("event", sent), event_id=sent["event_id"], **headers)


def post(
    project: Project,
    body: bytes,
    route: str = "envelope/",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """Send a body, with the key in the header that SDKs use."""
    auth = f"Sentry sentry_key={project.public}, sentry_version=7, sentry_client=a/1"
    sent = {"X-Sentry-Auth": auth} if headers is None else headers
    return call("POST", f"/api/{project.id}/{route}", body, sent, **more)


def capture(project: Project, **fields: Any) -> str:
    """Send an event that must be accepted. Return its id."""
    sent = event(**fields)
    response = post(project, of_event(sent))
    assert (response.status, response.json) == (200, {"id": sent["event_id"]}), response.text
    return str(sent["event_id"])
