"""Two emulators agree: the store's tests run on moto, and here on the local AWS."""

import os
import re
import subprocess
import sys

from dev.stack import LocalStack
from tests.support.template import ROOT

STORE_TESTS = [str(file) for file in sorted((ROOT / "tests/integration").glob("test_store_*.py"))]


def test_the_store_s_tests_pass_on_the_local_aws(stack: LocalStack) -> None:
    key = stack.credentials
    response = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "local", *STORE_TESTS],
        cwd=ROOT,
        env={
            **os.environ,
            "ERRATA_EMULATOR_URL": stack.endpoint_url,
            "ERRATA_EMULATOR_KEY": f"{key.access_key_id}:{key.secret_access_key}",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert response.returncode == 0, response.stdout[-3000:]
    passed = re.search(r"(\d+) passed", response.stdout)
    assert passed
    assert int(passed[1]) >= 20
