"""A Flask application with a view that fails, and is traced. The SDK reads SENTRY_DSN."""

import sentry_sdk
from flask import Flask, request

sentry_sdk.init(
    release="shop@1.2.3", environment="staging", server_name="web-1", traces_sample_rate=1
)
app = Flask(__name__)


@app.post("/checkout/<int:number>")
def checkout(number: int) -> str:
    sentry_sdk.set_user({"id": "42", "email": "kim@example.org"})
    sentry_sdk.set_tag("cohort", "b")
    sentry_sdk.add_breadcrumb(category="cart", message="cart opened", data={"number": number})
    sentry_sdk.capture_message("A checkout began", level="info")
    return str(share(12900, int(request.args["people"])))


def share(cents: int, people: int) -> int:
    return cents // people


app.test_client().post(
    "/checkout/17?people=0",
    base_url="https://shop.example.org",
    headers={"User-Agent": "Shopper/1.0", "Cookie": "session=secret"},
    json={"sku": "LMP-0417", "count": 2},
)
sentry_sdk.flush(60)
