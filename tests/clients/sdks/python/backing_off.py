"""Reports as many errors as its argument says, a moment apart, and prints how many it captured."""

import sys
import time

import sentry_sdk

sentry_sdk.init(release="shop@1.2.3", environment="staging")
captured = 0
for number in range(int(sys.argv[1])):
    try:
        raise ConnectionError(f"attempt {number}")
    except ConnectionError as error:
        captured += sentry_sdk.capture_exception(error) is not None
    time.sleep(0.05)
sentry_sdk.flush(60)
print(captured)
