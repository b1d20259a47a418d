"""Report every unhandled exception. Needs `pip install sentry-sdk`, and SENTRY_DSN."""

import os

import sentry_sdk

sentry_sdk.init(
    dsn=os.environ["SENTRY_DSN"],
    release="1.0.0",
    environment=os.environ.get("APP_ENV", "production"),
    # Where the package brotli is installed the SDK compresses with that, and API Gateway refuses it
    # (415). This keeps it at gzip.
    _experiments={"transport_compression_algo": "gzip"},
)

int("seven")  # the bug
