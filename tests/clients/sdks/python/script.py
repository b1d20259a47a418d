"""A job that reports by itself what goes wrong in it. The SDK reads SENTRY_DSN.

With the argument `raw` it sends without compression.
"""

import logging
import sys
import threading

import sentry_sdk

logger = logging.getLogger("shop.stock")

sentry_sdk.init(
    release="shop@1.2.3",
    environment="staging",
    server_name="worker-7",
    # How long the SDK may take to send what is left when the program ends.
    shutdown_timeout=60,
    _experiments={"transport_compression_level": 0} if "raw" in sys.argv else {},
)
sentry_sdk.set_user({"id": "42", "email": "kim@example.org", "username": "kim"})
sentry_sdk.set_tag("cohort", "b")
sentry_sdk.set_context("cart", {"number": 17, "skus": ["LMP-0417", "RUG-7720"]})
sentry_sdk.set_extra("attempt", 3)


class NoPriceError(LookupError):
    """An article has no price."""


def price_of(sku: str) -> int:
    prices = {"LMP-0417": 12900}
    try:
        return prices[sku]
    except KeyError as error:
        raise NoPriceError(f"no price for {sku}") from error


def total(skus: list[str]) -> int:
    cents = 0
    for sku in skus:
        cents += price_of(sku)
    return cents


def pack() -> None:
    parcels: list[str] = []
    parcels[0] = "lamp"


sentry_sdk.add_breadcrumb(category="cart", message="cart opened", data={"number": 17})
sentry_sdk.capture_message("Stock is being counted", level="info")
logger.info("counted %d articles", 2)
logger.error("stock of %s is %d", "LMP-0417", -1)
try:
    int("12 pieces")
except ValueError:
    logger.exception("line %d of the delivery note makes no sense", 4)
packer = threading.Thread(target=pack, name="packer")
packer.start()
packer.join()
total(["LMP-0417", "RUG-7720"])
