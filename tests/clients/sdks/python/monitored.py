"""A scheduled job. It fails if there is an argument. The SDK reads SENTRY_DSN."""

import sys

import sentry_sdk

sentry_sdk.init(release="shop@1.2.3", environment="staging")


@sentry_sdk.monitor(
    monitor_slug="python-job",
    monitor_config={
        "schedule": {"type": "interval", "value": 2, "unit": "hour"},
        "checkin_margin": 5,
        "max_runtime": 10,
        "timezone": "Europe/Berlin",
    },
)
def job() -> None:
    print("works")
    if len(sys.argv) > 1:
        raise RuntimeError(sys.argv[1])


try:
    job()
finally:
    sentry_sdk.flush(60)
