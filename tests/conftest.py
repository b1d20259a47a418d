"""Settings for all tests: no network, and an environment that names no real account."""

import gc
import importlib
import os
from pathlib import Path

import hypothesis
import pytest

# A slow machine is no failure: what bounds a test's time is pytest's timeout. The examples are the
# same in each run. `ERRATA_FUZZ=20` makes twenty times as many, and others in each run.
TIMES = int(os.environ.get("ERRATA_FUZZ", "1"))
hypothesis.settings.register_profile(
    "errata", deadline=None, max_examples=50 * TIMES, derandomize=TIMES == 1, database=None
)
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


def pytest_collection(session: pytest.Session) -> None:
    """Import a share of the test modules first, another one in each process of a run.

    All processes collect the same modules in the same order. So in a new clone, all would compile
    the same module at the same time.
    """
    # Nothing of what is made now is garbage.
    gc.disable()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if not worker:
        return
    number, root = int(os.environ["PYTEST_XDIST_WORKER_COUNT"]), session.config.rootpath
    folders = [Path(session.config.invocation_params.dir, each) for each in session.config.args]
    modules = sorted(
        {file for folder in folders if folder.is_dir() for file in folder.rglob("test_*.py")}
    )
    for file in modules[int(worker) :: number]:
        importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Collect garbage less often, and leave out the collected tests and modules: it costs CPU."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    gc.enable()
