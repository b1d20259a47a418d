"""`/mcp` and the Markdown forms of the web API: who may use them, and by which rules of HTTP."""

from typing import Any

import pytest

from errata.models.ids import issue_id
from errata.usecases import issues, webhooks
from tests.support.account import Project, new_project
from tests.support.calls import Call, recorded, throttled, watched
from tests.support.pages import send
from tests.support.visible import visible_in
from tests.support.web_api import GATEWAY, Response, Way, call, member, token

BOOM = {"message": "no order for ada@example.com", "exception_class": "E", "fingerprint": "f"}


def sent(text: str | None, method: str, way: Way = "url", **params: Any) -> Response:
    """Send a message of the older era."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return call("POST", "/mcp", text, message, way=way)


def called(text: str, name: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool, and return its result."""
    found = sent(text, "tools/call", name=name, arguments=arguments)
    assert found.status == 200
    result: dict[str, Any] = found.json["result"]
    return result


@pytest.mark.parametrize("way", ["url", "gateway"])
def test_a_token_calls_tools(busy: Project, way: Way) -> None:
    send(busy, BOOM)
    text = token("read")
    names = [each["name"] for each in sent(text, "tools/list", way).json["result"]["tools"]]
    assert names == ["find_projects", "list_issues", "get_issue", "get_event", "get_tag_values"]
    found = sent(text, "tools/call", way, name="get_issue", arguments={"issue": "SHOP-1"})
    (content,) = found.json["result"]["content"]
    assert content["text"].startswith("# SHOP-1: `E: no order for [withheld]`\n")
    issue = issue_id(busy.id, "f")
    page = f"- page: <https://errors.example.com/dashboard/projects/{busy.id}/issues/{issue}>\n"
    assert page in content["text"]
    assert "Content-Type" in found.headers


def test_a_tool_that_writes_changes_an_issue(busy: Project) -> None:
    send(busy, BOOM)
    read = called(token("read"), "resolve_issue", issue="SHOP-1")
    assert read["isError"]
    assert "may only read" in read["content"][0]["text"]
    text = token("write", member=member("bob@example.com", "admin"))
    assert called(text, "resolve_issue", issue="SHOP-1") == {
        "content": [{"type": "text", "text": "SHOP-1 is `resolved` now.\n"}],
        "isError": False,
    }
    found = issues.find(visible_in(busy.id), issue_id(busy.id, "f"))
    assert (found.status, found.status_by) == ("resolved", "bob@example.com")


def test_an_issue_that_an_agent_resolves_sends_a_message_to_webhooks(busy: Project) -> None:
    webhooks.add(busy.id, "https://hooks.example.com/a", ["issue.resolved"])
    send(busy, BOOM)
    text = token("write")
    with recorded() as calls:
        assert not called(text, "resolve_issue", issue="SHOP-1")["isError"]
    assert [each.operation for each in calls if "Message" in each.operation] == ["SendMessageBatch"]


def test_wrong_methods_tokens_scopes_and_origins_are_refused(busy: Project) -> None:
    text = token("read")
    for method in ("GET", "DELETE"):
        found = call(method, "/mcp", text)
        assert (found.status, found.headers["Allow"]) == (405, "POST")
    noted = call("POST", "/mcp", text, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (noted.status, noted.text) == (202, "")
    for wrong in (None, "", "x", busy.key):
        refused = sent(wrong, "ping")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    # A build has no business with issues.
    assert sent(token("ci"), "ping").status == 403
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    for origin in ("https://evil.example", "http://127.0.0.1:8000", GATEWAY, "null"):
        refused = call("POST", "/mcp", text, ping, headers={"origin": origin})
        assert refused.status == 403
        assert "Send no Origin" in refused.json["error"]["message"]
    assert call("POST", "/mcp", text, b"{").json["error"]["code"] == -32700


def test_a_throttled_store_is_an_error_in_the_result_of_a_tool(busy: Project) -> None:
    send(busy, BOOM)
    text = token("read")
    assert not called(text, "list_issues")["isError"]

    def fail(call: Call) -> Any:
        if call.operation == "Query":
            raise throttled(call)
        return call.send()

    with watched(fail):
        found = called(text, "list_issues")
    assert found["isError"]
    assert found["content"][0]["text"] == "Not done. The service is busy; try again."


def test_issues_and_events_have_markdown_forms(busy: Project) -> None:
    (event,) = send(busy, BOOM)
    issue = issue_id(busy.id, "f")
    text = token("read")
    below = "/api/0/organizations/default"
    for name in (issue, "SHOP-1", event, str((int(busy.id) << 32) + 1)):
        found = call("GET", f"{below}/issues/{name}.md", text)
        assert found.status == 200, name
        assert found.headers["Content-Type"] == "text/markdown; charset=utf-8"
        assert found.text.startswith("# SHOP-1: `E: no order for [withheld]`\n")
    found = call("GET", f"{below}/events/{event}.md", text)
    assert found.text.startswith("## `E: no order for [withheld]`\n")
    found = call("GET", f"{below}/events/{event}.md?personal_data=1", text)
    assert found.text.startswith("## `E: no order for ada@example.com`\n")
    for path in ("issues/SHOP-9", f"issues/{'0' * 32}", f"events/{'0' * 32}"):
        assert call("GET", f"{below}/{path}.md", text).status == 404
    assert call("GET", f"/api/0/organizations/7/issues/{issue}.md", text).status == 404
    assert call("GET", f"{below}/issues/{issue}.md", token("ci")).status == 403


def test_a_member_reads_only_the_projects_of_their_teams(busy: Project) -> None:
    new_project(metered=True)
    (event,) = send(busy, BOOM)
    text = token("write", member=member("bob@example.com"))
    issue = issue_id(busy.id, "f")
    for path in (f"issues/{issue}", f"events/{event}", "issues/SHOP-1"):
        assert call("GET", f"/api/0/organizations/default/{path}.md", text).status == 404
    for tool in ("get_issue", "resolve_issue"):
        assert called(text, tool, issue=issue)["isError"]
