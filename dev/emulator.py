"""Run MiniStack's server with fixes that make Errata work as on AWS. Runs in .venv-ministack.

Each fix closes one gap of the release that requirements-ministack.txt pins. Those of its services
are in `emulated_functions`, `emulated_gateway` and `emulated_iam`.
"""

import asyncio
import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

# -P leaves out the folder of this file, whose names would hide other packages.
sys.path.append(str(Path(__file__).parent.parent))

from dev.access_log import log_refusals
from dev.checkpoint import Checkpoint, Pacer, keep_saving
from dev.emulated_functions import fix_functions
from dev.emulated_gateway import fix_gateway
from dev.emulated_iam import fix_iam
from dev.function_urls import PORTS, FunctionUrls, encode_bodies, listen, outputs, read_ports
from dev.guard import FindSecret, Guard


def main() -> None:
    """Serve until SIGTERM, or until the parent process has ended."""
    end_with_parent()
    # Taken out of the environment: MiniStack passes the environment to functions.
    secret = os.environ.pop("AWS_SECRET_ACCESS_KEY")
    run_functions_without_our_packages()
    # Imported here: only .venv-ministack has it, and the app must be imported before its services.
    server: Any = importlib.import_module("ministack.app")
    functions: Any = importlib.import_module("ministack.services.lambda_svc")
    gateway: Any = importlib.import_module("ministack.services.apigateway_v1")
    provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    fix_functions(
        functions,
        importlib.import_module("ministack.core.lambda_runtime"),
        importlib.import_module("ministack.services.dynamodb"),
        provisioners,
        importlib.import_module("ministack.services.sts"),
    )
    fix_gateway(gateway, provisioners)
    fix_iam(actions, evaluator)
    log_refusals(
        gateway, provisioners, importlib.import_module("ministack.services.cloudwatch_logs")
    )
    pacer = Pacer()
    emulator = server.app
    server.app = Guard(
        emulator,
        known_secrets(os.environ["AWS_ACCESS_KEY_ID"], secret, evaluator),
        actions.unsigned_operations("cognito-idp"),
        lambda: pacer.note(time.monotonic()),
    )
    ports = read_ports(os.environ.pop(PORTS, "{}"))
    encode_bodies(functions)
    listen(importlib.import_module("hypercorn.asyncio"), ports)
    cloudformation = importlib.import_module("ministack.services.cloudformation")
    server.app = FunctionUrls(
        server.app, emulator, frozenset(ports), outputs(cloudformation, ports)
    )
    if os.environ.get("PERSIST_STATE"):
        save_while_running(server, importlib.import_module("ministack.core.persistence"), pacer)
    server.main()


def known_secrets(root: str, secret: str, evaluator: Any) -> FindSecret:
    """Return a function that finds an access key's secret: the root user's, or a role's session.

    MiniStack's own root users are unknown here: no key, `test`, and every account number.
    """

    def find(key: str, token: str) -> str | None:
        if key == root:
            return None if token else secret
        if evaluator.is_root_access_key(key):
            return None
        found: str | None = getattr(
            evaluator.resolve_credential(key, None, token), "secret_access_key", None
        )
        return found

    return find


def save_while_running(server: Any, persistence: Any, pacer: Pacer) -> None:
    """Save the data after changes, in one file. MiniStack saves only when it ends."""
    checkpoint = Checkpoint(Path(persistence.STATE_DIR), persistence)
    server.load_state, server.save_all = checkpoint.load, checkpoint.save
    app = server.app

    async def app_that_saves(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        # Loads the data, serves, and saves it at the end.
        saving = asyncio.create_task(
            keep_saving(pacer, lambda: checkpoint.save(server._build_persistence_save_dict()))
        )
        try:
            await app(scope, receive, send)
        finally:
            saving.cancel()

    server.app = app_that_saves


def end_with_parent() -> None:
    """Shut down cleanly when standard input closes: the parent process may have been killed."""

    def wait() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="parent").start()


def run_functions_without_our_packages() -> None:
    """Start functions with the Python that made this environment, not with the environment's own.

    Otherwise they would import MiniStack's packages, and nobody would notice what the layer lacks.
    """
    sys.executable = sys._base_executable  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
