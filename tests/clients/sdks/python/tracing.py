"""Sends a transaction and an error, then as many transactions as its argument says."""

import sys

import sentry_sdk

sentry_sdk.init(release="shop@1.2.3", traces_sample_rate=1.0)
with sentry_sdk.start_transaction(name="begin"):
    pass
sentry_sdk.flush(60)
for number in range(int(sys.argv[1])):
    with sentry_sdk.start_transaction(name=f"checkout {number}"):
        pass
sentry_sdk.capture_exception(ValueError("no price"))
sentry_sdk.flush(60)
