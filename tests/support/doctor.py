"""Run `errata doctor` on a local stack."""

import json
import os
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dev.process import BIN
from dev.stack import LocalStack

type Check = dict[str, Any]


def doctor(stack: LocalStack, *options: str, **environment: str) -> list[Check]:
    """Return what each check has found: its `name`, `ok`, `detail` and `remedy`.

    401, 403 and 5xx are not tried again: the local stack is not slow to learn.
    """
    ran = run(stack, "doctor", "--json", "--patience", "0", *options, **environment)
    assert ran.stdout, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    checks: list[Check] = found["checks"]
    ok = all(each["ok"] for each in checks)
    assert (found["ok"], ran.returncode) == (ok, 0 if ok else 1), ran.stderr
    assert all(each["remedy"] for each in checks if not each["ok"])
    return checks


def wrong(stack: LocalStack, *options: str) -> list[Check]:
    """Return the checks that are not ok."""
    return [each for each in doctor(stack, *options) if not each["ok"]]


def run(stack: LocalStack, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with --local, as in the folder of a `make run` of this stack."""
    with tempfile.TemporaryDirectory() as folder:
        write_local(Path(folder), stack)
        return subprocess.run(
            [BIN / "errata", *arguments, "--local"],
            cwd=folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def write_local(folder: Path, stack: LocalStack) -> None:
    """Write the `local.json` that `make run` would write for this stack."""
    settings = {
        "api_url": stack.api_url,
        "sdk_url": stack.sdk_url,
        "region": stack.region,
        "aws_endpoint_url": stack.endpoint_url,
        "aws_credentials": asdict(stack.credentials),
        "stack": stack.stack_name,
    }
    (folder / ".errata").mkdir()
    (folder / ".errata" / "local.json").write_text(json.dumps(settings))
