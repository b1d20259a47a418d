"""Create the demo project and login, and `.errata/local.json`, where the CLI finds the stack.

`local.json` appears, complete, when everything that it names works, so other programs may wait for
it. Until then, the same file is in `.errata/starting`, for our own calls of the CLI.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dev.process import BIN, ROOT, run_tool, tool_environment
from dev.stack import LocalStack

HOME = ROOT / ".errata"
LOCAL = HOME / "local.json"
# The CLI looks for `.errata/local.json` in the folder from which it is called.
STARTING = HOME / "starting"
_DRAFT = Path(".errata") / "local.json"
# The emulator stores the project id and the login e-mail under these names, with its data.
DEMO = "demo-project"
DEMO_LOGIN = "demo-login"
EMAIL = "demo@example.com"
ORGANIZATION = "default"

type Known = dict[str, str]


def withdraw() -> None:
    """Remove `local.json`, because its stack has ended. The next run reuses the keys in it."""
    if LOCAL.exists():
        _draft().parent.mkdir(parents=True, exist_ok=True)
        LOCAL.replace(_draft())


def publish() -> None:
    """Put `local.json` in its place, complete."""
    _draft().replace(LOCAL)


def _draft() -> Path:
    return STARTING / _DRAFT


def ensure_project(stack: LocalStack) -> tuple[Known, bool]:
    """Return the demo project's `id`, `api_key` and `dsn`, and whether it existed before.

    Asks for the DSN of an existing project again, because another port makes another DSN.
    """
    project, login = _known(stack)
    _write(stack, project, login)
    kept = project is not None
    if project:
        project = {**project, "dsn": live_dsn(project["id"])}
    else:
        created = errata("projects", "create", "demo")
        project = {name: created[name] for name in ("id", "api_key", "dsn")}
        stack.put_value(DEMO, project["id"])
    _write(stack, project, login)
    return project, kept


def live_dsn(project_id: str) -> str:
    """Return a project's DSN. Create one if it has none, as projects from before DSNs existed."""
    shown = errata("projects", "show", project_id)
    dsn: str = shown["dsn"] or errata("keys", "create", project_id, "--dsn")["dsn"]
    return dsn


def ensure_login(stack: LocalStack) -> Known:
    """Return `email` and `password` of an owner of the default organization."""
    project, login = _known(stack)
    if login:
        return login
    login = {"email": EMAIL, "password": new_password()}
    stack.put_value(DEMO_LOGIN, EMAIL)
    _write(stack, project, login)
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
    """Return the output of the CLI. Raise ToolError if it fails."""
    command = [str(BIN / "errata"), "--local", *arguments, "--json"]
    name = f"errata {' '.join(arguments[:2])}"
    return json.loads(run_tool(name, command, tool_environment(os.environ), folder=STARTING))


def _known(stack: LocalStack) -> tuple[Known | None, Known | None]:
    """Return the project and the login of the kept data, None for one that is not known."""
    written = json.loads(_draft().read_text()) if _draft().exists() else {}
    project, login = (written.get(name) or {} for name in ("project", "login"))
    return (
        project if project and project.get("id") == stack.get_value(DEMO) else None,
        login if login and login.get("email") == stack.get_value(DEMO_LOGIN) else None,
    )


def _write(stack: LocalStack, project: Known | None, login: Known | None) -> None:
    """Write where the stack is. Only the file's owner may read it, with all its secrets."""
    settings = {
        "api_url": stack.api_url,
        "sdk_url": stack.sdk_url,
        "web_url": stack.web_url,
        "dashboard_url": stack.dashboard_url,
        "region": stack.region,
        "aws_endpoint_url": stack.endpoint_url,
        "aws_credentials": asdict(stack.credentials),
        "stack": stack.stack_name,
        **({"project": project} if project else {}),
        **({"login": login} if login else {}),
    }
    _draft().parent.mkdir(parents=True, exist_ok=True)
    file = _draft().with_suffix(".new")
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(json.dumps(settings, indent=2) + "\n")
    file.replace(_draft())
