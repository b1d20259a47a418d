"""Report every unhandled exception. Run `pip install sentry-sdk`. Set SENTRY_DSN."""

import os

import sentry_sdk

sentry_sdk.init(
    dsn=os.environ["SENTRY_DSN"],
    release="1.0.0",
    environment=os.environ.get("APP_ENV", "production"),
    # Always compress with gzip. If the package brotli is installed, the SDK uses Brotli, which API
    # Gateway refuses (415).
    _experiments={"transport_compression_algo": "gzip"},
)

int("seven")  # the bug
