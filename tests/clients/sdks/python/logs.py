"""Logs with the SDK's own logger. The SDK reads SENTRY_DSN."""

import sentry_sdk
from sentry_sdk.logger import error, info

sentry_sdk.init(release="shop@1.2.3", environment="staging", enable_logs=True, shutdown_timeout=60)
info("articles listed")
error("stock of {sku} is {number}", sku="LMP-0417", number=-1)
sentry_sdk.flush(60)
