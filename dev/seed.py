"""Create the demo project and login, and `.errata/local.json`, where the CLI finds the stack."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dev.process import BIN, ROOT, run_tool, tool_environment
from dev.stack import LocalStack

HOME = ROOT / ".errata"
LOCAL = HOME / "local.json"
# The emulator stores the project id and the login e-mail under these names, with its data.
DEMO = "demo-project"
DEMO_LOGIN = "demo-login"
EMAIL = "demo@example.com"
ORGANIZATION = "default"

type Known = dict[str, str]


def ensure_project(stack: LocalStack) -> tuple[Known, bool]:
    """Return the demo project's `id`, `api_key` and `dsn`, and whether it existed before.

    Writes `local.json`. Asks for the DSN of an existing project again, because another port makes
    another DSN.
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
    """Return a project's DSN. Create one if it has none, as projects from before DSNs existed."""
    shown = errata("projects", "show", project_id)
    dsn: str = shown["dsn"] or errata("keys", "create", project_id, "--dsn")["dsn"]
    return dsn


def ensure_login(stack: LocalStack) -> Known:
    """Return `email` and `password` of an owner of the default organization. Write `local.json`."""
    project = known(LOCAL, "project", "id", stack.recall(DEMO))
    login = known(LOCAL, "login", "email", stack.recall(DEMO_LOGIN))
    if login:
        return login
    login = {"email": EMAIL, "password": new_password()}
    stack.remember(DEMO_LOGIN, EMAIL)
    write_local(LOCAL, stack, project=project, login=login)
    return login


def new_password() -> str:
    """Return the demo login's password: the first one, or a new one if that was lost."""
    if any(each["email"] == EMAIL for each in errata("members", "list", ORGANIZATION)):
        member = errata("members", "invite", ORGANIZATION, EMAIL)
    else:
        member = errata("members", "add", ORGANIZATION, EMAIL, "--role", "owner")
    password: str = member["password"]
    return password


def errata(*arguments: str) -> Any:
    """Return the output of the CLI, which reads `local.json`. Raise ToolError if it fails."""
    command = [str(BIN / "errata"), "--local", *arguments, "--json"]
    name = f"errata {' '.join(arguments[:2])}"
    return json.loads(run_tool(name, command, tool_environment(os.environ)))


def known(local: Path, name: str, key: str, value: str | None) -> Known | None:
    """Return an entry of `local.json`, if it belongs to the kept data: its `key` has this value."""
    if value is None or not local.exists():
        return None
    found: Known = json.loads(local.read_text()).get(name) or {}
    return found if found.get(key) == value else None


def write_local(
    local: Path, stack: LocalStack, *, project: Known | None, login: Known | None
) -> None:
    """Write where the stack is. Only the file's owner may read it, with all its secrets."""
    settings = {
        "api_url": stack.api_url,
        "dashboard_url": stack.dashboard_url,
        "region": stack.region,
        "aws_endpoint_url": stack.endpoint_url,
        "aws_credentials": asdict(stack.credentials),
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
