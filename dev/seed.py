"""The demo project, and `.errata/local.json`, which tells the CLI where the local stack is."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from dev.process import BIN, ROOT, run_tool, tool_environment
from dev.stack import LocalStack

HOME = ROOT / ".errata"
LOCAL = HOME / "local.json"
# What the emulator remembers of it: gone when its data is.
DEMO = "demo-project"


def ensure_project(stack: LocalStack) -> tuple[dict[str, str], bool]:
    """The demo project's `id` and `api_key`, and whether it was there; writes `local.json`."""
    project = known_project(LOCAL, stack.recall(DEMO))
    write_local(LOCAL, stack, project)
    if project:
        return project, True
    created = seed(stack)
    project = {"id": created["id"], "api_key": created["api_key"]}
    stack.remember(DEMO, project["id"])
    write_local(LOCAL, stack, project)
    return project, False


def seed(stack: LocalStack) -> dict[str, str]:
    """Create the project "demo" with the CLI, which finds the stack by `local.json`.

    Returns the CLI's answer: `id`, `name`, `api_key`. ToolError where it fails.
    """
    command = [str(BIN / "errata"), "--local", "projects", "create", "demo", "--json"]
    answer = run_tool("errata projects create", command, tool_environment(os.environ))
    created: dict[str, str] = json.loads(answer)
    return created


def known_project(local: Path, project_id: str | None) -> dict[str, str] | None:
    """The project in `local.json`, if it is the one that the kept data has."""
    if project_id is None or not local.exists():
        return None
    project: dict[str, str] = json.loads(local.read_text()).get("project") or {}
    return project if project.get("id") == project_id else None


def write_local(local: Path, stack: LocalStack, project: Mapping[str, str] | None) -> None:
    """Write where the stack is; the key in it is for its owner's eyes only."""
    settings = {
        "api_url": stack.api_url,
        "region": stack.region,
        "aws_endpoint_url": stack.endpoint_url,
        "stack": stack.stack_name,
        **({"project": dict(project)} if project else {}),
    }
    local.parent.mkdir(exist_ok=True)
    draft = local.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.chmod(0o600)
    draft.write_text(json.dumps(settings, indent=2) + "\n")
    draft.replace(local)
