"""`errata capture`: turn failures in the logs of CloudWatch into events."""

import time
from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, command, group
from errata.cli.operator import operator
from errata.cli.output import print_error, print_json, print_line, print_table, timestamp
from errata.cli.progress import progress
from errata.errors import InvalidInputError, NoResponseError, NotFoundError
from errata.models.ids import now_ms
from errata.protocol.read import iso
from errata.usecases import captured_groups, projects, tail

# AWS: "usually less than three minutes"
_WAIT_S = 180
_POLL_S = 2

app = group(
    "Turn failures in the logs of functions into events.",
    example="capture add /aws/lambda/shop --project 1",
)
OfProject = Annotated[
    str, typer.Option("--project", metavar="PROJECT", help="The project's id, slug or name.")
]
Groups = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="LOG_GROUP...", help="Names, or patterns in quotes, such as '/aws/lambda/shop-*'."
    ),
]


@command(app, "add", example="capture add /aws/lambda/shop '/ecs/*' --project 1")
def add(
    ctx: CommandContext,
    project_id: OfProject,
    groups: Groups = None,
    all_lambdas: Annotated[
        bool, typer.Option("--all-lambdas", help="All log groups /aws/lambda/*.")
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Leave out log groups. May be repeated."),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Filter pattern of CloudWatch Logs: only lines that match are sent. '' sends every"
            " line. Default: lines that may report a failure.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the log groups.")] = False,
) -> None:
    """Capture log groups for a project. Adding one again changes its pattern.

    A log group has at most two subscription filters; this is one of them. Log groups of Errata
    itself are never captured.
    """
    wanted = [*(groups or ()), *([captured_groups.LAMBDA_GROUPS] if all_lambdas else ())]
    if not wanted:
        raise InvalidInputError({"log_group": ["Name log groups, or use --all-lambdas."]})
    stack = ctx.stack.gateway.stack
    chosen = captured_groups.matching(wanted, exclude or (), stack)
    if not chosen:
        raise NotFoundError(f"No log group matches {' '.join(wanted)} in this region.")
    if dry_run:
        _print_chosen(ctx, chosen)
        return
    if pattern is None and ctx.local:
        pattern = ""  # the local stack knows no such patterns
    done = []
    with progress(ctx.json) as show:
        for each in captured_groups.add(
            project_id, chosen, stack, operator().name, now_ms(), pattern
        ):
            done.append(each)
            show(f"{len(done):,} of {len(chosen):,} log groups")
    if ctx.json:
        print_json([{"log_group": each.group, "problem": each.problem} for each in done])
    else:
        added = [each for each in done if not each.problem]
        for each in done:
            if each.problem:
                print_error("error", f"{each.group}: {each.problem}")
        if added:
            count = f"{len(added)} log group{'' if len(added) == 1 else 's'}"
            print_line(
                f"Project {project_id} captures {count}. Failures become events within minutes."
            )
    if any(each.problem for each in done):
        raise typer.Exit(1)


def _print_chosen(ctx: CommandContext, chosen: list[str]) -> None:
    if ctx.json:
        print_json([{"log_group": each} for each in chosen])
    else:
        print_table(["log group"], [(each,) for each in chosen])


@command(app, "list", example="capture list --project 1")
def list_(ctx: CommandContext, project_id: OfProject = "") -> None:
    """List captured log groups, of all projects or of one.

    If a filter is missing, no events arrive: somebody has deleted it, or the log group.
    """
    ids = [project_id] if project_id else [each.id for each in projects.list_projects()]
    found = list(captured_groups.listed(ids, ctx.stack.gateway.stack))
    if ctx.json:
        print_json(
            [
                {
                    "project": each.project_id,
                    "log_group": each.group.name,
                    "added_at": iso(each.group.added_at),
                    "added_by": each.group.added_by,
                    "last_event": iso(each.group.seen_at) if each.group.seen_at else None,
                    "filter": each.filtered,
                }
                for each in found
            ]
        )
        return
    print_table(
        ["project", "log group", "added (UTC)", "by", "last event (UTC)", "filter"],
        [
            (
                each.project_id,
                each.group.name,
                timestamp(each.group.added_at),
                each.group.added_by or "a template",
                timestamp(each.group.seen_at) if each.group.seen_at else "none yet",
                "yes" if each.filtered else "missing",
            )
            for each in found
        ],
        empty="No captured log groups. Add some with `errata capture add`.",
    )


@command(app, "remove", example="capture remove /aws/lambda/shop --project 1")
def remove(ctx: CommandContext, project_id: OfProject, groups: Groups = None) -> None:
    """Stop capturing log groups for a project. Its events stay."""
    removed = captured_groups.remove(project_id, groups or (), ctx.stack.gateway.stack)
    if ctx.json:
        print_json({"removed": removed})
    else:
        for each in removed:
            print_line(f"{each} is not captured any more.")


@command(app, "test", example="capture test /aws/lambda/shop --project 1")
def test_(
    ctx: CommandContext,
    project_id: OfProject,
    log_group: Annotated[str, typer.Argument(metavar="LOG_GROUP")],
) -> None:
    """Log an exception to a captured log group, and wait until its event is stored.

    It goes into a log stream of its own, which is deleted afterwards. The event stays.
    """
    following = tail.Tail(projects.operator_access(projects.find(project_id)))
    following.start(0)
    at_ms = now_ms()
    stream = f"errata-capture-test-{at_ms}"
    captured_groups.begin_test(log_group, stream, at_ms)
    try:
        event_id = _wait(ctx, following, stream)
    finally:
        captured_groups.end_test(log_group, stream)
    result: dict[str, Any] = {"event": event_id, "seconds": round((now_ms() - at_ms) / 1000, 1)}
    if ctx.json:
        print_json(result)
    else:
        print_line(f"Event {event_id} arrived after {result['seconds']} seconds.")


def _wait(ctx: CommandContext, following: "tail.Tail", stream: str) -> str:
    until = time.monotonic() + _WAIT_S
    with progress(ctx.json) as show:
        while time.monotonic() < until:
            for event in following.look():
                if captured_groups.is_of_stream(event, stream):
                    return event.id
            show("waiting for CloudWatch Logs")
            time.sleep(_POLL_S)
    raise NoResponseError(
        f"No event arrived within {_WAIT_S} seconds. Look at `errata capture list`, and at the log"
        " of the function log_capture."
    )
