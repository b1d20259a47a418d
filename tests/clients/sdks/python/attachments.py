"""Reports an error with two files. The SDK reads SENTRY_DSN."""

import sentry_sdk

sentry_sdk.init(release="shop@1.2.3", environment="staging", shutdown_timeout=60)
scope = sentry_sdk.get_current_scope()
scope.add_attachment(b'{"number":17}', filename="cart.json", content_type="application/json")
scope.add_attachment(bytes(at * at % 251 for at in range(300_000)), filename="noise.bin")
sentry_sdk.capture_exception(LookupError("no price for RUG-7720"))
sentry_sdk.flush(60)
