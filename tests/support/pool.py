"""The parts of Cognito that no emulator has: the pool's public keys, and its domain's tokens."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from errata.config import settings


@cache
def pool_key() -> rsa.RSAPrivateKey:
    """Return the key that signs the pool's tokens."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Pool:
    """A server that responds like the pool. `codes` maps a code to its tokens."""

    url: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def pool() -> Iterator[Pool]:
    """Serve the keys of the configured pool, and the token endpoint of its domain."""
    state = Pool()

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = json.loads(RSAAlgorithm.to_jwk(pool_key().public_key()))
            key |= {"kid": "1", "use": "sig"}
            found = self.path == f"/{settings().user_pool_id}/.well-known/jwks.json"
            self.response(200 if found else 404, {"keys": [key]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            state.asked.append(dict(parse_qsl(body)))
            tokens = state.codes.pop(state.asked[-1]["code"], None)
            self.response(*((200, tokens) if tokens else (400, {"error": "invalid_grant"})))

        def response(self, status: int, content: Any) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    try:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield state
    finally:
        server.shutdown()
        server.server_close()


def token(key: Any = None, **changed: Any) -> str:
    """Return an identity token, signed by the pool or `key`. Leave out claims that are None."""
    claims = {
        "iss": f"https://cognito-idp.us-east-1.amazonaws.com/{settings().user_pool_id}",
        "aud": settings().user_pool_client_id,
        "sub": "4b1d",
        "token_use": "id",
        "email": "Ada@Example.com",
        "email_verified": True,
        "iat": int(time.time()),
        "exp": int(time.time()) + 3600,
        **changed,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key or pool_key(), "RS256", headers={"kid": "1"})
