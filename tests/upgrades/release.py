"""Write and restore a release's dump: the stored data and the responses of a deployment.

See README.md for what it holds. A dump names only what every release keeps: routes, commands, and
the logical ids of tables and queues.
"""

import base64
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errata.store import clients
from tests.support.account import QUEUES
from tests.support.browser import Browser
from tests.support.cli import Deployed, done
from tests.support.fresh import TABLES, clear_cache
from tests.support.gateway import call
from tests.support.receiver import Receiver

type Item = dict[str, Any]

HERE = Path(__file__).parent
# Stand in a dump for what another process has elsewhere: the receiver's address, the API's id.
_RECEIVER, _API = "@receiver@", "@api@"


def releases() -> list[str]:
    """Return the releases that have a dump, the oldest first."""
    found = (path.parent.name for path in HERE.glob("*/dump.json"))
    return sorted(found, key=lambda name: [int(part) for part in name.split(".")])


def newest() -> str:
    """Return the newest release that has a dump."""
    return releases()[-1]


# ------------------------------------------------------------------ what is stored


def rows() -> dict[str, list[Item]]:
    """Return the items of every table, in the order of their keys; bytes as Base64."""
    found = {}
    for setting, table in TABLES.items():
        pages = clients.dynamodb().get_paginator("scan").paginate(TableName=os.environ[setting])
        items = [_text(item) for page in pages for item in page["Items"]]
        found[table] = sorted(items, key=lambda each: (each["pk"]["S"], str(each.get("sk"))))
    return found


def _text(item: Any) -> Item:
    return {
        name: {kind: base64.b64encode(value).decode() if kind == "B" else value}
        for name, attribute in sorted(item.items())
        for kind, value in attribute.items()
    }


def _bytes(item: Item) -> Item:
    return {
        name: {kind: base64.b64decode(value) if kind == "B" else value}
        for name, attribute in item.items()
        for kind, value in attribute.items()
    }


def parameters() -> dict[str, str]:
    """Return every parameter of SSM, decrypted."""
    pages = clients.ssm().get_paginator("describe_parameters").paginate()
    names = sorted(each["Name"] for page in pages for each in page["Parameters"])
    return {
        name: clients.ssm().get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        for name in names
    }


# ------------------------------------------------------------------ what is answered


def look(projects: dict[str, Item], browsers: dict[str, Browser]) -> Item:
    """Send every read request. Return each request with its response."""
    standing = {name: each for name, each in projects.items() if name != "removed"}
    shop, hooks = projects["shop"]["id"], projects["hooks"]["id"]
    at: list[list[str]] = [["projects", "list"], ["orgs", "list"], ["projects", "show", shop]]
    at += [["orgs", "show", organization] for organization in ("1", "2", "3")]
    at += [["members", "list", "default"], ["teams", "list", "default"], ["keys", "list", shop]]
    at += [["webhooks", "list", hooks], ["webhooks", "attempts", hooks]]
    for name in ("shop", "short", "script", "sdks", "backlog", "cleared"):
        at += [[kind, "list", projects[name]["id"]] for kind in ("issues", "releases")]
    at += [["stats", projects[name]["id"]] for name in ("shop", "sdks", "cleared")]
    listed = done("issues", "list", shop, "--json").json
    by_status = {issue["status"]: issue["id"] for issue in listed}
    at += [["issues", "show", shop, issue] for issue in by_status.values()]
    sdks = projects["sdks"]["id"]
    at += [["events", "show", sdks, letter * 32] for letter in "abc"]  # by SDK event ids
    commands = [_command(each) for each in at]
    return {
        "commands": commands,
        "requests": _requests(standing),
        "pages": _pages(projects, [each["id"] for each in listed], browsers),
    }


def _command(arguments: list[str]) -> Item:
    return {"arguments": arguments, "json": done(*arguments, "--json").json}


def _requests(projects: dict[str, Item]) -> list[Item]:
    found = []

    def get(url: str, key: str) -> Any:
        answer = call("GET", url, None, {"X-Api-Key": key} if key else {}, ip="192.0.2.7")
        found.append({"url": url, "key": key, "status": answer.status, "json": answer.json})
        return answer.json

    for project in projects.values():
        events = f"/api/projects/{project['id']}/events"
        page = get(f"{events}?limit=10", project["key"])
        if page["next_cursor"]:
            page = get(f"{events}?limit=10&cursor={page['next_cursor']}", project["key"])
        get(f"/api.php?action=errors&hash={project['key']}", "")
    shop = projects["shop"]
    events = f"/api/projects/{shop['id']}/events"
    for query in ("release=1.1.0", "fingerprint=many", "environment=staging", "level=warning"):
        page = get(f"{events}?limit=10&{query}", shop["key"])
        if page["next_cursor"]:
            get(f"{events}?limit=10&{query}&cursor={page['next_cursor']}", shop["key"])
    get(f"/api.php?action=errors&since=5&hash={projects['script']['key']}", "")
    return found


def _pages(
    projects: dict[str, Item], issues: list[str], browsers: dict[str, Browser]
) -> list[Item]:
    found = []

    def get(path: str, email: str) -> str:
        shown = browsers[email].get(path)
        # The ids that it links to, and whom it names; not a word of its own.
        named = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{22}|issues/[0-9a-f]{32}|\w+@example\.com"
        names = sorted(set(re.findall(named, shown.html)))
        found.append({"path": path, "email": email, "status": shown.status, "names": names})
        return shown.html

    email, shop = next(iter(browsers)), projects["shop"]["id"]
    for each in browsers:
        for path in ("projects", "orgs/default", "orgs/default/use", f"projects/{shop}/settings"):
            get(path, each)
        for project in projects.values():
            get(f"projects/{project['id']}/issues", each)
    get("orgs/1", email)
    for page in ("releases", "stats"):
        get(f"projects/{shop}/{page}", email)
    get(f"projects/{projects['hooks']['id']}/settings", email)
    for issue in issues:
        path = f"projects/{shop}/issues/{issue}"
        html = get(path, email)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        if following:
            get(path + following[1].replace("&amp;", "&"), email)
    for event in re.findall(r"events/([0-9a-f-]{36})", html)[:1]:
        get(f"projects/{shop}/events/{event}", email)
    return found


# ------------------------------------------------------------------ to the file and back


def write(release: str, dump: Item, there: Receiver, stack: Deployed) -> None:
    """Write a release's dump, one item per line."""
    text = json.dumps(dump, indent=1)
    # Without line breaks within what a test never looks into.
    text = re.sub(r"\n {3,}\s*|\n {3}(?=[}\]])", " ", text)
    text = text.replace(f"127.0.0.1:{there.port}", _RECEIVER).replace(stack.api_id, _API)
    folder = HERE / release
    folder.mkdir(exist_ok=True)
    (folder / "dump.json").write_text(text + "\n")


@dataclass
class Restored:
    """A restored deployment of a release, and the rest of its dump."""

    dump: Item

    def __getattr__(self, name: str) -> Any:
        return self.dump[name]

    def browser(self, email: str) -> Browser:
        """Return the browser of a user who was signed in to the release's dashboard."""
        return Browser(dict(self.dump["named"][f"cookies of {email}"]))


def restore(release: str, there: Receiver, stack: Deployed) -> Restored:
    """Restore a release's dump in an empty account. Its webhooks lead to the receiver."""
    text = (HERE / release / "dump.json").read_text()
    text = text.replace(_RECEIVER, f"127.0.0.1:{there.port}").replace(_API, stack.api_id)
    dump: Item = json.loads(text)
    names = {table: os.environ[setting] for setting, table in TABLES.items()}
    for table, items in dump["tables"].items():
        for start in range(0, len(items), 25):
            batch: Any = [
                {"PutRequest": {"Item": _bytes(each)}} for each in items[start : start + 25]
            ]
            clients.dynamodb().batch_write_item(RequestItems={names[table]: batch})
    for name, value in dump["parameters"].items():
        clients.ssm().put_parameter(Name=name, Value=value, Type="SecureString")
    urls = {queue: os.environ[setting] for setting, queue in QUEUES.items()}
    for queue, bodies in dump["queues"].items():
        for body in bodies:
            clients.sqs().send_message(QueueUrl=urls[queue], MessageBody=body)
    clear_cache()
    return Restored(dump)
