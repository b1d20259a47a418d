"""The shop as a Flask application with the Sentry SDK for Python in it, as its guide says."""

import logging
from random import Random

import sentry_sdk
from flask import Flask, request
from sentry_sdk.integrations.logging import LoggingIntegration

from bench.corpus.shop import FAILURES, Shop

STEPS = {failure.__name__.replace("_", "-"): failure for failure in FAILURES}
app = Flask(__name__)


def start(dsn: str, server_name: str, release: str, breadcrumbs: int) -> None:
    """Report to this DSN, with so many breadcrumbs at most."""
    sentry_sdk.init(
        dsn=dsn,
        environment="production",
        release=release,
        server_name=server_name,
        max_breadcrumbs=breadcrumbs,
        send_default_pii=True,
        integrations=[LoggingIntegration(level=logging.DEBUG)],
    )


@app.post("/checkout/<step>")
def checkout(step: str) -> str:
    """One step of the checkout, after a visit that led there."""
    shop = Shop(Random(step), app.config["BANK_PORT"], note_query)
    sentry_sdk.set_user(
        {
            "id": str(shop.customer),
            "email": f"customer{shop.customer}@example.org",
            "ip_address": request.headers["X-Forwarded-For"],
        }
    )
    shop.browse(shop.rng.randrange(20, 60))
    sentry_sdk.set_tag("checkout.step", step)
    sentry_sdk.set_context("cart", {"number": shop.cart.number, "lines": shop.cart.lines})
    return str(STEPS[step](shop))


def note_query(sql: str) -> None:
    """A statement that the database runs, as the SDK's own integrations for databases note it."""
    sentry_sdk.add_breadcrumb(type="query", category="query", message=sql)
