"""Read parts of objects in S3, on the standard library.

It takes a tenth of a second to make botocore's client, which is too long while an SDK waits.

Source: S3 API, "GetObject".
"""

import hashlib
import os
import time
from typing import Self
from urllib.parse import quote

from errata.errors import UnavailableError
from errata.store.aws_errors import no_response
from errata.store.connections import BrokenResponseError, Connections
from errata.store.lean import domain
from errata.store.signer import Signer

_NO_BODY = hashlib.sha256(b"").hexdigest()
_ATTEMPTS = 2


class LeanS3:
    """Reads objects of one bucket, with the credentials in the environment."""

    def __init__(self, region: str, connections: Connections, folder: str) -> None:
        """Make a client. `folder` is what comes before each key in the path of a URL."""
        self._connections, self._folder = connections, folder
        self._signer = Signer(region, connections.host, "s3")

    @classmethod
    def of_environment(cls, bucket: str) -> Self:
        """Return a client for the region and endpoint that the environment variables name."""
        env = os.environ.get
        region = env("AWS_REGION") or env("AWS_DEFAULT_REGION") or ""
        if url := env("AWS_ENDPOINT_URL_S3") or env("AWS_ENDPOINT_URL"):
            return cls(region, Connections(url), f"/{bucket}/")
        url = f"https://{bucket}.s3.{region}.{domain(region)}"
        return cls(region, Connections(url), "/")

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._connections.close()

    def read(self, key: str, start: int, end: int) -> bytes | None:
        """Return bytes of an object, from `start` to `end` (exclusive). None if it does not exist.

        Raises:
            UnavailableError: there was no response, or the request was refused.
        """
        attempt = 1
        while True:
            request = self._signed(key, f"bytes={start}-{end - 1}", time.time())
            try:
                response = self._connections.exchange(request, time.time())
            except (OSError, BrokenResponseError) as error:
                failure = no_response("GetObject", error)
                failure.__cause__ = error
            else:
                if response.status in (200, 206):
                    return response.body
                if response.status == 404:
                    return None
                failure = UnavailableError(f"S3 responded to GetObject with {response.status}.")
                if response.status < 500:
                    raise failure
            if attempt == _ATTEMPTS:
                raise failure
            attempt += 1

    def _signed(self, key: str, part: str, at_s: float) -> bytes:
        """Return a request, ready to be sent."""
        headers = {"range": part, "x-amz-content-sha256": _NO_BODY}
        return self._signer.signed(f"GET {quote(f'{self._folder}{key}')}", headers, None, at_s)
