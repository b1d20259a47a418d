"""Sends requests to a deployed API, as its clients do."""

import json
import ssl
import time
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3
from botocore.httpsession import get_cert_path

from errata.errors import AddressForbiddenError, NoResponseError

TIMEOUT_S = 30.0
# A deployment takes effect in API Gateway, IAM and Lambda little by little.
_PAUSE_S = 5.0
# After a 429, the request is sent again: this often at most, and only if `Retry-After` has at most
# this many seconds. A used-up quota also gives 429 at the SDK endpoint, with a longer time.
_TRIES = 6
_MOST_RETRY_AFTER_S = 10.0


class CutOffError(NoResponseError):
    """The connection was closed before a response came, such as while a body was being sent."""


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """A response of the deployed API. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, if it is a JSON object, or else an empty one."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def __str__(self) -> str:
        text = self.body[:200].decode(errors="replace")
        return f"{self.status} {text}".strip()


@dataclass
class Client:
    """Sends requests to the API at `url`.

    Until `patient_until` (by `time.monotonic`), it repeats requests that get 401, 403 or 5xx.
    After `ends_at`, it sends nothing. `reached`: whether there was any response.
    `repeated`: how many requests failed and were sent again.
    """

    url: str
    patient_until: float
    ends_at: float
    reached: bool = False
    repeated: int = 0
    proxied: bool = field(init=False)
    _pool: Any = field(init=False)

    def __post_init__(self) -> None:
        settings: Any = {"retries": False, "timeout": TIMEOUT_S, "ssl_context": trusting()}
        # Use the proxy in HTTPS_PROXY and NO_PROXY, as AWS's own tools do.
        scheme, _, rest = self.url.partition("://")
        host = rest.partition("/")[0]
        proxy = urllib.request.getproxies().get(scheme)
        self.proxied = bool(proxy) and not urllib.request.proxy_bypass(host)
        if proxy and self.proxied:
            self._pool = urllib3.ProxyManager(proxy, **settings)
        else:
            self._pool = urllib3.PoolManager(**settings)

    def get(
        self, path: str, *, wanted: Collection[int] = (200,), **headers: str
    ) -> EndpointResponse:
        """Send GET. Underscores in the names of headers stand for hyphens."""
        return self.send("GET", path, headers=headers, wanted=wanted)

    def post(
        self, path: str, body: bytes, *, wanted: Collection[int] = (200,), **headers: str
    ) -> EndpointResponse:
        """Send POST. Its body is JSON unless `Content_Type` says otherwise."""
        headers = {"Content_Type": "application/json"} | headers
        return self.send("POST", path, body, headers=headers, wanted=wanted)

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str],
        wanted: Collection[int],
    ) -> EndpointResponse:
        """Send a request, again if it may succeed later, and return the last response.

        Raises:
            NoResponseError: there was none.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        frequent = 0  # times that it was refused as too frequent
        while True:
            response = self._once(method, path, body, named)
            if response.status in wanted:
                return response
            wait_s = _retry_after(response)
            if response.status == 429 and frequent < _TRIES and wait_s <= _MOST_RETRY_AFTER_S:
                frequent += 1
                time.sleep(wait_s)
            elif _may_be_new(response) and time.monotonic() < self.patient_until:
                self.repeated += 1
                time.sleep(_PAUSE_S)
            else:
                return response

    def _once(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> EndpointResponse:
        if time.monotonic() > self.ends_at:
            raise NoResponseError("No time is left: the checks before took too long.")
        url = path if "://" in path else self.url + path
        # Without the header Accept, MiniStack does not decode the Base64 of the functions'
        # responses.
        headers = {"Accept": "*/*", "User-Agent": "errata-doctor"} | headers
        try:
            found = self._pool.request(method, url, body=body, headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            cut_off = isinstance(error, urllib3.exceptions.ProtocolError)
            kind = CutOffError if cut_off else NoResponseError
            # Leave out the query, which may have the key.
            raise kind(f"No response from {url.partition('?')[0]}: {error}") from error
        self.reached = True
        # This joins a header that was sent twice.
        received = {name.lower(): found.headers[name] for name in found.headers}
        return EndpointResponse(found.status, received, found.data)


def trusting() -> ssl.SSLContext:
    """Return a context that trusts the authorities of this machine and those of the AWS SDK.

    Some installations of Python have no list of authorities.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(get_cert_path(True))
    return context


def _may_be_new(response: EndpointResponse) -> bool:
    # An allowlist that does not have the caller's address will not have it later.
    forbidden = response.json.get("message") == AddressForbiddenError().message
    return (response.status in (401, 403) and not forbidden) or response.status >= 500


def _retry_after(response: EndpointResponse) -> float:
    try:
        return max(float(response.headers.get("retry-after", "1")), 0.1)
    except ValueError:
        return 1.0
