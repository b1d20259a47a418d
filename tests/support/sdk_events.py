"""Events as Sentry SDKs send them, in their stored form (`errata.models.event.SDK_FIELDS`)."""

from typing import Any

from errata.models.ids import now_ms
from tests.support import stream
from tests.support.account import Project

TOTAL: dict[str, Any] = {
    "filename": "shop/cart.py",
    "abs_path": "/app/shop/cart.py",
    "module": "shop.cart",
    "function": "total",
    "lineno": 20,
    "in_app": True,
    "pre_context": ["        amount = 0", "        for item, number in self.items.items():"],
    "context_line": "            amount += PRICES[item] * number",
    "post_context": ["        return amount"],
    "vars": {"item": "'chair'", "self": "<Cart>", "amounts": [4900, 9800]},
}
APPLY: dict[str, Any] = {
    **TOTAL,
    "function": "apply",
    "lineno": 28,
    "pre_context": ["    try:", "        total = self.total()", "    except KeyError as error:"],
    "context_line": '        raise VoucherError("no voucher applies") from error',
    "post_context": ["    return total - 500"],
    "vars": {"voucher": "'SPRING26'"},
}
FLASK: dict[str, Any] = {
    "filename": "flask/app.py",
    "abs_path": "/venv/lib/python3.13/site-packages/flask/app.py",
    "module": "flask.app",
    "function": "dispatch_request",
    "lineno": 902,
    "in_app": False,
    "context_line": "        return self.view_functions[rule.endpoint](**view_args)",
}
_UNHANDLED = {"type": "flask", "handled": False}
PYTHON: dict[str, Any] = {
    "message": "no voucher applies",
    "exception_class": "VoucherError",
    "level": "error",
    "sentry_level": "fatal",
    "file": "shop/cart.py",
    "line": 28,
    "environment": "production",
    "release": "shop@2026.11.22",
    "fingerprint": "0" * 32,
    "grouping": "v2",
    "grouped_by": "VoucherError in shop.cart.apply",
    "event_id": "fd2e5cf6b5ac4f2ebb3fcb7ea0c0b0c5",
    "platform": "python",
    "logger": "shop.checkout",
    "transaction": "checkout",
    "dist": "77",
    "sdk": {"name": "sentry.python.flask", "version": "2.19.0", "packages": []},
    "tags": {"payment.provider": "twint"},
    "contexts": {
        "runtime": {"type": "runtime", "name": "CPython", "version": "3.13.0", "build": None},
        "order": {"number": 7781, "gift": False},
    },
    "extra": {"cart_age_seconds": 1812},
    "modules": {"flask": "3.1.0"},
    "logentry": {"message": "checkout of %s failed", "params": ["7781"]},
    "context": {"user": {"id": "80002"}, "request": {"method": "POST", "headers": {"Host": "a.b"}}},
    "breadcrumbs": [{"category": "query", "message": "SELECT 1", "timestamp": 1_795_334_940.5}],
    "exceptions": [
        {"type": "KeyError", "value": "'chair'", "mechanism": _UNHANDLED, "frames": [APPLY, TOTAL]},
        {
            "type": "VoucherError",
            "value": "no voucher applies",
            "module": "shop.cart",
            "mechanism": _UNHANDLED,
            "frames": [FLASK, {**FLASK, "lineno": 917}, APPLY],
        },
    ],
    "threads": [
        {"id": 1, "name": "MainThread", "current": True},
        {
            "id": 2,
            "name": "worker-2",
            "state": "BLOCKED",
            "crashed": True,
            "frames": [FLASK, TOTAL],
        },
    ],
    "debug_meta": {"images": [{"type": "elf"}]},
    "other": {"template": {"filename": "cart.html", "lineno": 3}, "time_spent": 12},
    "problems": [{"field": "user.id", "problem": "must be a string"}],
}
JAVASCRIPT: dict[str, Any] = {
    "message": "cannot render the cart",
    "exception_class": "Error",
    "level": "error",
    "platform": "javascript",
    "fingerprint": "1" * 32,
    "grouping": "v2",
    "exceptions": [
        {
            "type": "TypeError",
            "value": "Cannot read properties of undefined (reading 'price')",
            "mechanism": {"type": "chained", "source": "cause", "exception_id": 1, "parent_id": 0},
            "frames": [
                {
                    "filename": "https://shop.example.org/static/cart.js",
                    "function": "Cart.total",
                    "lineno": 7,
                    "colno": 27,
                    "in_app": True,
                }
            ],
        },
        {
            "type": "Error",
            "value": "cannot render the cart",
            "mechanism": {"type": "onerror", "handled": False, "exception_id": 0},
            "frames": [
                {"filename": "node_modules/react-dom/index.js", "lineno": 1, "in_app": False},
                {"filename": "node_modules/@acme/ui/menu.js", "lineno": 2, "in_app": False},
                {"filename": "/app/cart.js", "function": "?", "lineno": 16, "in_app": True},
            ],
        },
    ],
}


def put(project: Project, *events: dict[str, Any]) -> list[str]:
    """Store events like the SDK endpoint does, and digest them in one batch. Return their ids.

    They are a millisecond apart, the last one is of now: ids of one millisecond have no order.
    """
    first_ms = now_ms() - len(events) + 1
    ids = stream.put(
        stream.event(project.id, first_ms + n, **fields) for n, fields in enumerate(events)
    )
    assert stream.deliver(stream.records()) == []
    return ids
