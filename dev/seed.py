"""The demo project and login, and `.errata/local.json`, which tells the CLI where the stack is."""

import json
import os
from pathlib import Path
from typing import Any

from dev.process import BIN, ROOT, run_tool, tool_environment
from dev.stack import LocalStack

HOME = ROOT / ".errata"
LOCAL = HOME / "local.json"
# What the emulator remembers of them: gone when its data is.
DEMO = "demo-project"
DEMO_LOGIN = "demo-login"
EMAIL = "demo@example.com"
ORGANIZATION = "default"

type Known = dict[str, str]


def ensure_project(stack: LocalStack) -> tuple[Known, bool]:
    """The demo project's `id`, `api_key` and `dsn`, and whether it was there; writes `local.json`.

    The DSN of a kept project is asked for anew: another port is another DSN.
    """
    project = known(LOCAL, "project", "id", stack.recall(DEMO))
    login = known(LOCAL, "login", "email", stack.recall(DEMO_LOGIN))
    write_local(LOCAL, stack, project=project, login=login)
    kept = project is not None
    if project:
        project = {**project, "dsn": live_dsn(project["id"])}
    else:
        created = errata("projects", "create", "demo")
        project = {name: created[name] for name in ("id", "api_key", "dsn")}
        stack.remember(DEMO, project["id"])
    write_local(LOCAL, stack, project=project, login=login)
    return project, kept


def live_dsn(project_id: str) -> str:
    """A project's DSN; a new one where it has none, like a project from before there were any."""
    shown = errata("projects", "show", project_id)
    dsn: str = shown["dsn"] or errata("keys", "create", project_id, "--dsn")["dsn"]
    return dsn


def ensure_login(stack: LocalStack) -> Known:
    """The `email` and `password` of an owner of the default organization; writes `local.json`."""
    project = known(LOCAL, "project", "id", stack.recall(DEMO))
    login = known(LOCAL, "login", "email", stack.recall(DEMO_LOGIN))
    if login:
        return login
    login = {"email": EMAIL, "password": new_password()}
    stack.remember(DEMO_LOGIN, EMAIL)
    write_local(LOCAL, stack, project=project, login=login)
    return login


def new_password() -> str:
    """A password of the demo login: its first one, or another where that was lost."""
    if any(each["email"] == EMAIL for each in errata("members", "list", ORGANIZATION)):
        member = errata("members", "invite", ORGANIZATION, EMAIL)
    else:
        member = errata("members", "add", ORGANIZATION, EMAIL, "--role", "owner")
    password: str = member["password"]
    return password


def errata(*arguments: str) -> Any:
    """What the CLI answers, which finds the stack by `local.json`; ToolError where it fails."""
    command = [str(BIN / "errata"), "--local", *arguments, "--json"]
    name = f"errata {' '.join(arguments[:2])}"
    return json.loads(run_tool(name, command, tool_environment(os.environ)))


def known(local: Path, name: str, key: str, value: str | None) -> Known | None:
    """What `local.json` says under a name, if it is of the kept data: its `key` has this value."""
    if value is None or not local.exists():
        return None
    found: Known = json.loads(local.read_text()).get(name) or {}
    return found if found.get(key) == value else None


def write_local(
    local: Path, stack: LocalStack, *, project: Known | None, login: Known | None
) -> None:
    """Write where the stack is; the key and the password are for their owner's eyes only."""
    settings = {
        "api_url": stack.api_url,
        "dashboard_url": stack.dashboard_url,
        "region": stack.region,
        "aws_endpoint_url": stack.endpoint_url,
        "stack": stack.stack_name,
        **({"project": project} if project else {}),
        **({"login": login} if login else {}),
    }
    local.parent.mkdir(exist_ok=True)
    draft = local.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.chmod(0o600)
    draft.write_text(json.dumps(settings, indent=2) + "\n")
    draft.replace(local)
