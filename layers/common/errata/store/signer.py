"""Sign requests to AWS with Signature Version 4.

Source: IAM user guide, "Create a signed AWS API request".
"""

import hashlib
import hmac
import os
import time
from collections.abc import Mapping

from errata.errors import UnavailableError

# AWS accepts a signature for 5 minutes.
_MAX_SKEW_S = 240


class Signer:
    """Makes signed requests to one service, with the credentials in the environment.

    `skew_s` is by how much AWS's clock is ahead of ours.
    """

    def __init__(self, region: str, host: str, service: str) -> None:
        self._region, self._host, self._service = region, host, service
        self.skew_s = 0.0
        self._cached = ("", "", b"")

    def signed(
        self, start: str, headers: Mapping[str, str], body: bytes | None, at_s: float
    ) -> bytes:
        """Return a request, ready to be sent.

        `start` is the method and the path, without a query and as a URL has it: `GET /a%20b`.
        `headers` are those of the request, with names in lower case.

        Raises:
            UnavailableError: the environment has no credentials.
        """
        # Lambda may replace them in the environment.
        key_id = os.environ.get("AWS_ACCESS_KEY_ID", "")
        secret = os.environ.get("AWS_SECRET_ACCESS_KEY", "")
        token = os.environ.get("AWS_SESSION_TOKEN", "")
        if not (key_id and secret):
            raise UnavailableError("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set.")
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at_s))
        every = {**headers, "host": self._host, "x-amz-date": timestamp}
        if token:
            every["x-amz-security-token"] = token
        ordered = sorted(every)
        lines = "".join([f"{name}:{every[name]}\n" for name in ordered])
        names = ";".join(ordered)
        digest = hashlib.sha256(body or b"").hexdigest()
        canonical = f"{start.replace(' ', '\n', 1)}\n\n{lines}\n{names}\n{digest}"
        scope = f"{timestamp[:8]}/{self._region}/{self._service}/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
        signature = hmac.digest(self._key(secret, timestamp[:8]), text.encode(), "sha256").hex()
        length = "" if body is None else f"content-length:{len(body)}\n"
        head = (
            f"{start} HTTP/1.1\n{lines}authorization:AWS4-HMAC-SHA256 Credential={key_id}/{scope},"
            f" SignedHeaders={names}, Signature={signature}\n{length}user-agent:errata\n\n"
        )
        return head.replace("\n", "\r\n").encode() + (body or b"")

    def _key(self, secret: str, day: str) -> bytes:
        cached = self._cached  # read once: another thread may replace it
        if cached[:2] != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            cached = self._cached = (secret, day, key)
        return cached[2]

    def adjust(self, date: str, signed_s: float) -> bool:
        """Use AWS's clock from now on if the time of a signature was minutes off. Return whether.

        `date` is the header of AWS's response. Either our clock is wrong, or Lambda has suspended
        the process between the signature and the response.
        """
        from email.utils import parsedate_to_datetime  # slow to import, and rarely needed

        try:
            date_s = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return False
        if abs(date_s - signed_s) <= _MAX_SKEW_S:
            return False
        self.skew_s = date_s - time.time()
        return True
