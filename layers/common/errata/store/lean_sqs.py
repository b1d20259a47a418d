"""Send messages to SQS on the standard library, for the endpoints that SDKs wait for.

SQS speaks the same protocol as DynamoDB (AWS JSON 1.0).

Source: SQS API, "Making requests using the AWS JSON protocol".
"""

import os
from typing import Any, Self

from errata.store.connections import Connections
from errata.store.lean import ATTEMPTS, LeanClient, RetryQuota, domain
from errata.store.signer import Signer


class LeanSqs(LeanClient):
    """An SQS client. Its methods take the keyword arguments of botocore's methods."""

    target = "AmazonSQS"

    @classmethod
    def of_environment(cls) -> Self:
        """Return a client for the region and endpoint that the environment variables name."""
        env = os.environ.get
        region = env("AWS_REGION") or env("AWS_DEFAULT_REGION") or ""
        own = f"https://sqs.{region}.{domain(region)}"
        connections = Connections(env("AWS_ENDPOINT_URL_SQS") or env("AWS_ENDPOINT_URL") or own)
        return cls(Signer(region, connections.host, "sqs"), connections, RetryQuota(), ATTEMPTS)

    def send_message(self, **request: Any) -> Any:
        """Call SendMessage. After an attempt without a response, the message may come twice."""
        return self._call("SendMessage", request)
