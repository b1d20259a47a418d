"""`errata releases`: list, show, set."""

from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, Needs, ProjectId, command, group
from errata.cli.output import (
    print_fields,
    print_json,
    print_line,
    print_section,
    print_table,
    to_line,
    utc,
)
from errata.cli.source import ask, change

app = group("List a project's releases, and compare them.", example="releases show 1 shop@2.1")


@command(app, "list", example="releases list 1", needs=Needs.STACK_OR_WEB)
def list_(ctx: CommandContext, project_id: ProjectId) -> None:
    """List the releases seen in a project's events, the newest first.

    Releases are in the order of their versions, and else of the times when they were first seen.
    """
    found = ask(ctx, project_id, "releases/list").json
    if ctx.json:
        print_json(found)
        return
    print_table(
        ["release", "first seen (UTC)", "last seen (UTC)", "open issues", "opened", "events"],
        [
            (
                each["release"],
                utc(each["first_seen"]),
                utc(each["last_seen"]),
                each["open_issues"],
                each["issues_opened"],
                each["events"],
            )
            for each in found
        ],
        empty="No releases. Set `release` in your events to see releases here.",
    )


@command(
    app,
    "show",
    example="releases show 1 shop@2.1 --with shop@2.0",
    needs=Needs.STACK_OR_WEB,
)
def show(
    ctx: CommandContext,
    project_id: ProjectId,
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="Its name in events.")],
    compare_with: Annotated[
        str,
        typer.Option(
            "--with", metavar="RELEASE", help="Compare with this release. Default: the one before."
        ),
    ] = "",
) -> None:
    """Show whether a release is worse than the one before: what is new and regressed in it.

    An issue is counted until the events of the time when that happened expire. The number of users
    is that of the new issues, an estimate with a standard error of 4.6 %.
    """
    options = {"release": release, "compare_with": compare_with}
    found, more = ask(ctx, project_id, "releases/show", **options)
    if ctx.json:
        print_json(found)
        return
    print_line(found["verdict"]["sentence"])
    print_line(found["verdict"]["detail"])
    print_fields(
        {
            "release": found["release"],
            "first seen": f"{utc(found['first_seen'])} UTC",
            "last seen": f"{utc(found['last_seen'])} UTC",
            "events": found["events"],
            "new issues": _counted(found["new"]),
            "regressed": _counted(found["regressed"]),
            "resolved": _counted(found["resolved"]),
            "users of new issues": found["users_of_new_issues"],
            "release before": found["older"],
            "release after": found["newer"],
        }
    )
    if more["resolved_after"]:
        query = more["resolved_after"]
        print_line(f"Resolved in the next release after it: issues list --query '{query}'")
    for kind in more["kinds"]:
        if kind["issues"]:
            print_section(f"{kind['title']}: --query '{kind['query']}'", _lines(kind))


@command(
    app,
    "set",
    example="releases set 1 3f78685 --released 2026-11-26T10:00:00Z",
    needs=Needs.STACK_OR_WEB,
)
def set_(
    ctx: CommandContext,
    project_id: ProjectId,
    release: Annotated[str, typer.Argument(metavar="RELEASE", help="Its name in events.")],
    released: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="When it was released, in ISO 8601. none: when it was first seen."
        ),
    ],
) -> None:
    """Set when a release was released, if Errata first saw it later.

    Releases are compared by this time if their versions do not decide (see docs/triage.md).
    """
    options = {"release": release, "released": released}
    found = change(ctx, project_id, "releases/set", **options).json
    if ctx.json:
        print_json(found)
    elif found["released"]:
        print_line(f"Release {release} is compared by {utc(found['released'])} UTC.")
    else:
        print_line(f"Release {release} is compared by when it was first seen.")


def _lines(kind: dict[str, Any]) -> list[str]:
    shown = [to_line(*each) for each in kind["issues"]]
    return [*shown, f"and {kind['more']} more"] if kind["more"] else shown


def _counted(changed: dict[str, Any]) -> str:
    return f"{changed['issues']}{'' if changed['complete'] else ' or more'}"
