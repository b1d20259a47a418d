"""Where `errata login` keeps the token: in the keyring of the system, or else in a file.

The file `login.json` says which deployment it is. It also has the token if there is no keyring, and
only its owner can read it. ERRATA_TOKEN in the environment, for scripts, is used before both.
"""

import base64
import binascii
import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from errata.errors import InvalidInputError, NotFoundError

_SERVICE = "errata"
# A keyring that is locked may wait for a person who is not there.
_KEYRING_S = 5.0
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_NO_TOKEN = "This is not a token of Errata. It begins with sntrys_, and is shown once when created."  # noqa: S105 - a message


@dataclass(frozen=True, slots=True)
class Login:
    """A token, the web API that it opens, and its organization. `place` says where it is kept."""

    url: str
    org: str
    token: str
    place: str = ""


def of_token(token: str, url: str = "") -> Login:
    """Return the login with a token. The token contains the URL of its web API; `url` replaces it.

    Raises:
        InvalidInputError: it is no token, or the URL is not an https one.
    """
    claims = _claims(token)
    return Login(_checked(url or claims["url"]), claims["org"], token)


def find() -> Login | None:
    """Return the login to use, None if there is none.

    Raises:
        InvalidInputError: ERRATA_TOKEN is no token.
        NotFoundError: the keyring does not have the token any more, or the file is damaged.
    """
    if token := os.environ.get("ERRATA_TOKEN"):
        found = of_token(token, os.environ.get("ERRATA_URL", ""))
        return Login(found.url, found.org, token, "ERRATA_TOKEN")
    file = _file()
    try:
        kept = json.loads(file.read_text())
        url, org, token = kept["url"], kept["org"], kept.get("token")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        raise NotFoundError(f"{file} is damaged. Run `errata login` again.") from None
    if token:
        return Login(url, org, token, str(file))
    token = _with_keyring(lambda keyring: keyring.get_password(_SERVICE, url))
    if not token:
        raise NotFoundError(f"The keyring has no token for {url}. Run `errata login` again.")
    return Login(url, org, token, "the keyring")


def keep(login: Login) -> Login:
    """Store a login, and replace the one before. Return it with its place."""

    def put(keyring: Any) -> bool:
        keyring.set_password(_SERVICE, login.url, login.token)
        return bool(keyring.get_password(_SERVICE, login.url) == login.token)

    in_keyring = bool(_with_keyring(put))
    kept = {"url": login.url, "org": login.org}
    file = _file()
    _write(file, kept if in_keyring else kept | {"token": login.token})
    return Login(login.url, login.org, login.token, "the keyring" if in_keyring else str(file))


def delete() -> bool:
    """Remove the token from keyring and file. Return whether there was one."""
    file = _file()
    try:
        kept = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        kept = {}
    if kept.get("url") and not kept.get("token"):
        _with_keyring(lambda keyring: keyring.delete_password(_SERVICE, kept["url"]))
    file.unlink(missing_ok=True)
    return True


def _claims(token: str) -> dict[str, str]:
    """Return the claims of a token: `url` and `org`. Source: `errata.protocol.tokens`."""
    parts = token.split("_")
    with suppress(ValueError, binascii.Error, KeyError, TypeError, IndexError):
        claims = json.loads(base64.b64decode(parts[1]))
        if parts[0] == "sntrys" and len(parts) == 3:
            return {"url": str(claims["url"]), "org": str(claims["org"])}
    raise InvalidInputError({"token": [_NO_TOKEN]})


def _checked(url: str) -> str:
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not (safe and parts.hostname) or parts.username or parts.query or parts.fragment:
        complaint = f"{url} must begin with https://, or the token could be read on its way."
        raise InvalidInputError({"url": [complaint]})
    return url.rstrip("/")


def _file() -> Path:
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA") or Path.home())
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "errata" / "login.json"


def _write(file: Path, content: dict[str, str]) -> None:
    """Replace a file in one step. Only its owner can read it, also while it is written."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as opened:
        json.dump(content, opened)
    new.replace(file)


def _with_keyring(work: Callable[[Any], Any]) -> Any:
    """Return what `work` does with the keyring; None if there is none, it fails or takes long."""
    import keyring
    from keyring.errors import KeyringError

    results: list[Any] = []

    def run() -> None:
        with suppress(KeyringError):
            results.append(work(keyring))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(_KEYRING_S)
    return results[0] if results else None
