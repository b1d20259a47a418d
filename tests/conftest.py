"""Settings for all tests: no network, and an environment that names no real account."""

import gc
import os

import hypothesis

# A slow machine is no failure: what bounds a test's time is pytest's timeout.
hypothesis.settings.register_profile("errata", deadline=None)
hypothesis.settings.load_profile("errata")
# Set before anything creates a client.
os.environ.update(
    AWS_DEFAULT_REGION="us-east-1",
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
)


def pytest_collection_finish() -> None:
    """Exclude the collected tests and modules from garbage collection, which saves CPU."""
    gc.freeze()
