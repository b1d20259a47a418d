"""`errata issues`: list, show, similar. `issue_changes` has the commands that change issues."""

from itertools import islice
from typing import Annotated, Any

import typer

from errata.cli.activity import activity_lines
from errata.cli.command import CommandContext, Needs, ProjectId, command, group
from errata.cli.output import (
    print_fields,
    print_json,
    print_section,
    print_table,
    to_line,
    utc,
)
from errata.cli.progress import counted
from errata.cli.source import ask, issues
from errata.errors import InvalidInputError
from errata.models.issue import kept_note
from errata.protocol.issues import translated

app = group("List, show and change a project's issues.", example="issues list 1")


Id = Annotated[
    str,
    typer.Argument(
        metavar="ISSUE", help="The issue's short id, its number, its id, or the id's first digits."
    ),
]


@command(
    app,
    "list",
    example='issues list 1 --query "is:open user.id:7" --sort count',
    needs=Needs.STACK_OR_WEB,
)
def list_(
    ctx: CommandContext,
    project_id: Annotated[
        str, typer.Argument(metavar="PROJECT", help="The project's id, slug or name. Or use --org.")
    ] = "",
    org: Annotated[
        str,
        typer.Option(
            "--org", metavar="ORG", help="The issues of all projects of this organization."
        ),
    ] = "",
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Maximum number of issues. Default: all.")
    ] = None,
    query: Annotated[
        str,
        typer.Option(
            metavar="QUERY",
            help='What to search for, such as "is:open user.email:ada@example.com timeout".'
            " See docs/search.md.",
        ),
    ] = "",
    view: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="A view, such as Rising, or one that the project has saved.",
        ),
    ] = "",
    status: Annotated[
        str,
        typer.Option(
            metavar="STATUS", help="open (includes regressed), resolved, ignored, regressed, all."
        ),
    ] = "all",
    environment: Annotated[
        str, typer.Option(metavar="TEXT", help="Only issues seen in this environment.")
    ] = "",
    release: Annotated[
        str, typer.Option(metavar="TEXT", help="Only issues seen in this release.")
    ] = "",
    level: Annotated[str, typer.Option(metavar="LEVEL", help="error, warning, info, debug")] = "",
    search: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="Text in the title, culprit, exceptions, functions or files."
        ),
    ] = "",
    sort: Annotated[
        str,
        typer.Option(
            metavar="ORDER",
            help="last_seen, first_seen, count, users; rising: rising ones first, of one project."
            " Default: that of the view, or last_seen.",
        ),
    ] = "",
) -> None:
    """List the issues of a project or an organization, most recently seen first.

    The other options add terms to the query. A short id, or the id of an event, finds its issue.

    With --limit, the last issue may have up to 5 % fewer events or users than one that is left out.

    The number of users is an estimate with a standard error of 4.6 %. Small numbers are almost
    always exact.
    """
    if bool(project_id) == bool(org):
        raise InvalidInputError({"project": ["Give a project or --org, not both."]})
    more = translated(status, environment, release, level, search)
    text = " ".join(filter(None, (query, more)))
    every = issues(ctx, project_id, org, query=text, sort=sort, view=view)
    found = list(counted(islice(every, limit), "issues", ctx.json))
    if ctx.json:
        print_json(found)
        return
    _print_table(found, "No issues.", of_projects=bool(org))


@command(app, "show", example="issues show 1 SHOP-42", needs=Needs.STACK_OR_WEB)
def show(
    ctx: CommandContext,
    project_id: ProjectId,
    issue_id: Annotated[
        str,
        typer.Argument(
            metavar="ISSUE",
            help="The issue's short id, its number, its id, or the id's first digits. The id of an"
            " event stands for its issue.",
        ),
    ],
) -> None:
    """Show an issue: its error, verdict, counts, releases, newest event and activity.

    It also counts the tags, browsers, URLs and users of the newest events, as the page of the issue
    does: of at most 500 events or 4 MB, which costs about 256 read units.

    The number of users is an estimate with a standard error of 4.6 %. Small numbers are almost
    always exact.
    """
    issue, more = ask(ctx, project_id, "issues/show", issue=issue_id)
    if ctx.json:
        print_json(issue)
        return
    event = issue["newest_event"]
    print_fields(
        {
            "issue": issue["id"],
            "short id": issue["short_id"],
            "title": issue["title"],
            "culprit": issue["culprit"],
            "level": issue["level"],
            "class": issue["exception_class"],
            "status": to_line(issue["status"], issue["status_detail"]),
            "assigned to": more["assigned_to"],
            "ticket": issue["ticket"],
            "verdict": issue["verdict"]["sentence"],
            "events": to_line(issue["count"], kept_note(issue["count"], issue["kept"])),
            "last hour": issue["last_hour"],
            "last day": issue["last_day"],
            "trend": ", ".join(issue["trend"]),
            "users": more["users"],
            "first seen": f"{utc(issue['first_seen'])} UTC in event {issue['first_event']}",
            "last seen": f"{utc(issue['last_seen'])} UTC{_newest(issue)}",
            "first release": issue["first_release"],
            "last release": issue["last_release"],
            "fingerprint": f"{issue['fingerprint']} (grouping {issue['grouping']})",
            "grouped by": issue["grouped_by"],
            "merged": ", ".join(more["merged"]),
            "environments": _counts(issue["environments"]),
            "releases": _counts(issue["releases"]),
            "partly searchable": ", ".join(issue["not_all_searched"]),
            "servers": _counts(more["servers"]),
            "days": ", ".join(f"{day}: {count}" for day, count in issue["days"].items()),
        }
    )
    if more["trace"]:
        print_section(f"newest event {event['id']}", more["trace"].split("\n"))
    number = issue["values"]["events"]
    if number:
        which = "all" if issue["values"]["complete"] else "newest"
        those = f"{which} {number} events" if number > 1 else "the only event"
        print_section(f"values of {those} kept, with their shares", more["shares"])
    if issue["activity"]:
        print_section("activity", activity_lines(issue["activity"]))


@command(app, "similar", example="issues similar 1 SHOP-42", needs=Needs.STACK_OR_WEB)
def similar(ctx: CommandContext, project_id: ProjectId, issue_id: Id) -> None:
    """List up to five open issues that may be the same as an issue, the most alike first.

    They have most of its words: of title, culprit, exceptions, functions and files. Looks at the
    newest 200 open issues. `issues merge` makes them one.
    """
    found = ask(ctx, project_id, "issues/similar", issue=issue_id).json
    if ctx.json:
        print_json(found)
    else:
        _print_table(found, "No open issue is similar.")


def _print_table(found: list[dict[str, Any]], empty: str, *, of_projects: bool = False) -> None:
    print_table(
        [
            *("id", "short id", "level", "title", "events", "users", "last seen (UTC)"),
            *(["project"] if of_projects else []),
        ],
        [
            (
                each["id"],
                each["short_id"],
                each["level"],
                each["title"],
                each["count"],
                each["users"],
                utc(each["last_seen"]),
                *([f"{each['project_id']} {each['project']}"] if of_projects else []),
            )
            for each in found
        ],
        empty=empty,
    )


def _newest(issue: dict[str, Any]) -> str:
    """Return which event is the newest one that can be read."""
    if not issue["kept"]:
        return ""
    which = "in event" if issue["kept"] == issue["count"] else "newest event kept in full:"
    return f" {which} {issue['last_event']}"


def _counts(counts: dict[str, Any]) -> str:
    often = sorted(counts.items(), key=lambda each: -each[1])
    return ", ".join(f"{name}: {count}" for name, count in often)
