"""A job that reports with raven, the SDK before sentry-sdk. The SDK reads SENTRY_DSN."""

import logging

from raven import Client
from raven.handlers.logging import SentryHandler

client = Client(release="shop@1.2.3", environment="staging", name="worker-7")
client.user_context({"id": "42", "email": "kim@example.org"})
client.tags_context({"cohort": "b"})
client.extra_context({"attempt": 3})
logger = logging.getLogger("shop.stock")
logger.addHandler(SentryHandler(client, level=logging.WARNING))


class NoPriceError(LookupError):
    """An article has no price."""


def price_of(sku: str) -> int:
    prices = {"LMP-0417": 12900}
    try:
        return prices[sku]
    except KeyError as error:
        raise NoPriceError(f"no price for {sku}") from error


client.captureBreadcrumb(category="cart", message="cart opened", data={"number": 17})
logger.warning("stock of %s is %d", "LMP-0417", -1)
try:
    price_of("RUG-7720")
except NoPriceError:
    client.captureException()
