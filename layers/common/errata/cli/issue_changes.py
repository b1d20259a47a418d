"""`errata issues`: resolve, ignore, reopen, assign, merge, delete, undo."""

from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, Needs, ProjectId, command
from errata.cli.issues import app as app
from errata.cli.output import print_error, print_json, print_line, printable
from errata.cli.progress import progress
from errata.cli.source import ask, change
from errata.errors import InvalidInputError

IssueIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ISSUE]...", help="Ids, short ids or numbers of issues."),
]
Query = Annotated[
    str | None,
    typer.Option(
        metavar="QUERY",
        help='All issues that a search finds, such as "is:open last-seen:<-30d"'
        " (see docs/search.md).",
    ),
]
InNext = Annotated[
    bool,
    typer.Option(
        "--in-next-release",
        help="Resolve in the next release after the newest one in which the issue was seen.",
    ),
]
InRelease = Annotated[
    str | None,
    typer.Option("--in-release", metavar="RELEASE", help="Resolve in this release."),
]
For = Annotated[
    str | None, typer.Option("--for", metavar="TIME", help="Ignore for 90m, 24h, 7d or 2w.")
]
UntilEvents = Annotated[
    int | None, typer.Option(metavar="N", help="Ignore until there are N more events.")
]
UntilUsers = Annotated[
    int | None, typer.Option(metavar="N", help="Ignore until there are about N more users.")
]
UntilRising = Annotated[
    bool, typer.Option("--until-rising", help="Ignore until the issue is rising.")
]
Members = Annotated[
    list[str], typer.Argument(metavar="ISSUE...", help="Ids, short ids or numbers of issues.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@command(
    app,
    "resolve",
    example="issues resolve 1 SHOP-42 SHOP-57",
    needs=Needs.STACK_OR_WEB,
)
def resolve(
    ctx: CommandContext,
    project_id: ProjectId,
    issue_ids: IssueIds = None,
    in_next_release: InNext = False,
    in_release: InRelease = None,
    query: Query = None,
    yes: Yes = False,
) -> None:
    """Mark issues as resolved. A later event makes one regressed, which counts as open.

    With --in-release, only an event of this release or a newer one does; with --in-next-release,
    only one of a newer release than those in which the issue was seen. Other events are counted.
    Releases are in the order of their versions (see docs/triage.md).
    """
    how = {"in_next_release": in_next_release, "in_release": in_release}
    _change(ctx, project_id, "resolve", issue_ids, query, yes, **how)


@command(app, "ignore", example="issues ignore 1 SHOP-42", needs=Needs.STACK_OR_WEB)
def ignore(
    ctx: CommandContext,
    project_id: ProjectId,
    issue_ids: IssueIds = None,
    for_: For = None,
    until_events: UntilEvents = None,
    until_users: UntilUsers = None,
    until_rising: UntilRising = False,
    query: Query = None,
    yes: Yes = False,
) -> None:
    """Mark issues as ignored, for ever or until a condition is met. New events are counted.

    An issue opens again when the time is over, when it has N more events or users, or when it is
    rising. Its activity says why. The number of users is an estimate, within about 5 %.
    """
    how = {
        "for_": for_,
        "until_events": until_events,
        "until_users": until_users,
        "until_rising": until_rising,
    }
    _change(ctx, project_id, "ignore", issue_ids, query, yes, **how)


@command(app, "reopen", example="issues reopen 1 SHOP-42", needs=Needs.STACK_OR_WEB)
def reopen(
    ctx: CommandContext,
    project_id: ProjectId,
    issue_ids: IssueIds = None,
    query: Query = None,
    yes: Yes = False,
) -> None:
    """Reopen resolved or ignored issues."""
    _change(ctx, project_id, "reopen", issue_ids, query, yes)


@command(
    app,
    "assign",
    example="issues assign 1 SHOP-42 --to ada@example.com",
    needs=Needs.STACK_OR_WEB,
)
def assign(
    ctx: CommandContext,
    project_id: ProjectId,
    to: Annotated[
        str,
        typer.Option(
            metavar="EMAIL|#TEAM|nobody", help="A member, a team by its name or id, or `nobody`."
        ),
    ],
    issue_ids: IssueIds = None,
    query: Query = None,
    yes: Yes = False,
) -> None:
    """Assign issues to a member or a team of the organization, or to nobody."""
    _change(ctx, project_id, "assign", issue_ids, query, yes, to=to)


@command(
    app,
    "merge",
    example="issues merge 1 SHOP-42 SHOP-57 SHOP-58",
    needs=Needs.STACK_OR_WEB,
)
def merge_(
    ctx: CommandContext,
    project_id: ProjectId,
    head: Annotated[
        str,
        typer.Argument(metavar="HEAD", help="The issue that stays: id, short id or number."),
    ],
    members: Annotated[
        list[str], typer.Argument(metavar="ISSUE...", help="Issues to merge into it.")
    ],
) -> None:
    """Merge issues into one, which shows the events and users of all.

    It keeps its title, status, assignee and alerts. New events of the others belong to it. Up to 50
    issues can be merged into one. Members of a merged issue come along.
    """
    merged = change(ctx, project_id, "issues/merge", head=head, members=members).json
    if ctx.json:
        print_json(merged)
        return
    number = len(merged["merged"])
    others = "1 issue is" if number == 1 else f"{number} issues are"
    name = merged["short_id"] or merged["id"]
    print_line(f"{others} merged into {name}. It has {merged['count']} events.")
    undo_ = ctx.command(f"issues unmerge {project_id} {' '.join(members)}")
    print_line(f"To undo this: {undo_}")


@command(app, "unmerge", example="issues unmerge 1 SHOP-57", needs=Needs.STACK_OR_WEB)
def unmerge(ctx: CommandContext, project_id: ProjectId, members: Members) -> None:
    """Separate merged issues again. Each has its own events and the status of its former head."""
    separated = change(ctx, project_id, "issues/unmerge", members=members).json
    if ctx.json:
        print_json(separated)
        return
    for name, issue in zip(members, separated, strict=True):
        count = issue["count"]
        print_line(f"Issue {name} is separate, and {issue['status']}. It has {count} events.")


@command(app, "delete", example="issues delete 1 SHOP-42 --yes", needs=Needs.STACK_OR_WEB)
def delete(
    ctx: CommandContext,
    project_id: ProjectId,
    issue_ids: IssueIds = None,
    query: Query = None,
    yes: Yes = False,
) -> None:
    """Permanently delete issues and their events. A later event creates a new issue.

    This cannot be undone.
    """
    if query is not None or not issue_ids or len(issue_ids) > 1:
        _change(ctx, project_id, "delete", issue_ids, query, yes)
        return
    name = issue_ids[0]
    if not yes:
        issue = ask(ctx, project_id, "issues/peek", issue=name).json
        title, count = printable(issue["title"]), issue["count"]
        _confirm(f"Delete issue {name} ({title}) and its events ({count})?")
    deleted = change(ctx, project_id, "issues/change", kind="delete", issue_ids=[name]).json
    if ctx.json:
        print_json(deleted)
    else:
        print_line(f"Deleted issue {name}. Its events are deleted within a minute.")


@command(
    app,
    "undo",
    example="issues undo 1 5f0c22a1b7d94e0e9d3a6f1c8b2e4d70",
    needs=Needs.STACK_OR_WEB,
)
def undo(
    ctx: CommandContext,
    project_id: ProjectId,
    change_id: Annotated[
        str, typer.Argument(metavar="CHANGE", help="The id that the bulk change printed.")
    ],
) -> None:
    """Undo a bulk change within an hour: restore the issues that it has changed.

    Issues that a person or an event has changed since stay as they are.
    """
    _finish(ctx, project_id, *change(ctx, project_id, "issues/undo", change=change_id))


def _change(
    ctx: CommandContext,
    project_id: str,
    kind: str,
    names: list[str] | None,
    query: str | None,
    yes: bool,
    **how: Any,
) -> None:
    """Change issues, and print the result. Asks first if a query finds them, or to delete them."""
    if bool(names) == (query is not None):
        raise InvalidInputError({"issue": ["Name issues, or use --query, but not both."]})
    if not yes and (query is not None or kind == "delete"):
        _ask_first(ctx, project_id, kind, names, query)
    chosen = {"kind": kind, "issue_ids": names, "query": query}
    found, more = change(ctx, project_id, "issues/change", **chosen, **how)
    if "change" in found:
        _finish(ctx, project_id, found, more)
    elif ctx.json:
        print_json(found)
    else:
        print_line(f"Issue {found['id']} is {more['told']}.")


def _ask_first(
    ctx: CommandContext, project_id: str, kind: str, names: list[str] | None, query: str | None
) -> None:
    count, which = len(names or ()), ""
    if query is not None:
        count = ask(ctx, project_id, "issues/count", query=query).json["count"]
        which = f" that match {printable(query) or 'the empty query'}"
    events = " and their events" if kind == "delete" else ""
    number = "1 issue" if count == 1 else f"{count:,} issues"
    _confirm(f"{kind.capitalize()} {number}{which}{events}?")


def _confirm(question: str) -> None:
    typer.confirm(question, abort=True, err=True)


def _finish(
    ctx: CommandContext, project_id: str, found: dict[str, Any], more: dict[str, Any]
) -> None:
    """Continue a bulk change until it is finished. Print its result."""
    undo_ = ctx.command(f"issues undo {project_id} {found['change']}")
    try:
        with progress(ctx.json) as show:
            while not more["finished"]:
                show(f"{more['issues']:,} issues so far")
                found, more = change(ctx, project_id, "issues/continue", change=found["change"])
    except KeyboardInterrupt:
        if found["can_be_undone"]:
            print_error("stopped", f"to undo what is done within an hour: {undo_}")
        raise
    if ctx.json:
        print_json(found)
        return
    print_line(more["told"])
    if found["can_be_undone"]:
        print_line(f"To undo this within an hour: {undo_}")
