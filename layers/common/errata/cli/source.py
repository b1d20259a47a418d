"""Where the commands on issues, events, releases and alerts get their results from.

A command calls `ask` or `change`, and prints the result. With AWS credentials, these call the
function of the use case. After `errata login`, the web API calls the same function.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from errata.cli.command import CommandContext
from errata.models.result import Result
from errata.usecases import issue_results, result_calls

if TYPE_CHECKING:
    from errata.cli.web import Web


def ask(ctx: CommandContext, project_id: str, name: str, /, **options: Any) -> Result:
    """Return the result of a command that only reads a project."""
    if ctx.web:
        return ctx.web.ask(_of(ctx.web, project_id), name, _given(options))
    return result_calls.as_operator(project_id, name, _given(options))


def change(ctx: CommandContext, project_id: str, name: str, /, **options: Any) -> Result:
    """Return the result of a command that changes something in a project."""
    if ctx.web:
        return ctx.web.change(_of(ctx.web, project_id), name, _given(options))
    return result_calls.as_operator(project_id, name, _given(options))


def _of(web: "Web", project_id: str) -> tuple[str, ...]:
    return "projects", web.login.org, project_id


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options without None and False, which are the same as not given."""
    return {name: each for name, each in options.items() if each is not None and each is not False}


def ask_organization(ctx: CommandContext, org: str, /, **options: Any) -> Result:
    """Return a page of the issues of an organization."""
    if ctx.web:
        return ctx.web.ask(("organizations", org), "issues/list", options)
    return issue_results.list_across(org, lambda _: True, **options)


def issues(
    ctx: CommandContext, project_id: str, org: str, **options: Any
) -> Iterator[dict[str, Any]]:
    """Yield all issues of a project, or of an organization, as JSON, page by page.

    An issue may move while the pages are read: it is yielded once. If the pages are not in one
    order, all issues are read first, and sorted.
    """
    seen: set[str] = set()
    unsorted: list[tuple[list[Any], dict[str, Any]]] = []
    in_order, cursor = True, ""
    while True:
        if org:
            page = ask_organization(ctx, org, cursor=cursor, **options)
        else:
            page = ask(ctx, project_id, "issues/list", cursor=cursor, **options)
        in_order = in_order and page.more["exhaustive"]
        for issue, key in zip(page.json, page.more["keys"], strict=True):
            if issue["id"] in seen:
                continue
            seen.add(issue["id"])
            if in_order:
                yield issue
            else:
                unsorted.append((key, issue))
        cursor = page.more["cursor"] or ""
        if not cursor:
            break
    yield from (issue for _, issue in sorted(unsorted, key=lambda each: each[0], reverse=True))
