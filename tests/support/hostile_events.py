"""Events of an SDK that are as large, long or odd as a sender can make them."""

from typing import Any

_LONG = "W" * 2_000
_RIGHT_TO_LEFT = "שלום עולם مرحبا بالعالم \u202eevil\u2066 " * 20


def _frames(number: int, text: str = "") -> list[dict[str, Any]]:
    return [
        {
            "filename": f"app/mod_{n}{text}.py",
            "function": f"fn_{n}{text}",
            "lineno": n + 7,
            "in_app": True,
            "pre_context": ["def fn():"] * 5,
            "context_line": f"    x = call_{n}(){text}",
            "post_context": ["    return x"] * 5,
            "vars": {f"v{each}": "y" * 50 for each in range(10)},
        }
        for n in range(number)
    ]


def _raised(kind: str, text: str, frames: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": kind, "value": text, "stacktrace": {"frames": frames}}


def _named(text: str) -> dict[str, Any]:
    """Return an event with a text wherever a sender may write one."""
    return {
        **dict.fromkeys(("release", "environment", "server_name", "transaction"), text[:190]),
        "tags": {text[:190]: text[:190]},
        "user": {"email": text},
        "request": {"url": f"https://e.com/{text}", "headers": {text: text}, "cookies": text},
        "extra": {text: text},
        "contexts": {text: {text: text}},
        "breadcrumbs": [{"category": text, "message": text, "data": {text: text}}],
        "exception": {"values": [_raised(text, text, _frames(3, text))]},
    }


HOSTILE_EVENTS: dict[str, dict[str, Any]] = {
    "250 frames": {"exception": {"values": [_raised("DeepError", "deep", _frames(250))]}},
    "100 exceptions": {
        "exception": {"values": [_raised(f"E{n}Error", "x", _frames(3)) for n in range(100)]}
    },
    "long words": _named(_LONG),
    "right to left": _named(_RIGHT_TO_LEFT),
    "1,000 breadcrumbs": {
        "message": "busy",
        "breadcrumbs": [
            {
                "category": ("query", "http", "ui", "log", "x")[n % 5],
                "message": f"crumb {n} {'m' * (n % 200)}",
                "timestamp": 1_795_000_000 + n,
            }
            for n in range(1_000)
        ],
    },
    "200 tags": {
        "message": "tagged",
        "tags": {f"tag-{n}": f"value {n} {'v' * (n % 150)}" for n in range(200)},
    },
}
