"""`errata events`, `errata tail` and `errata send`."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, Needs, ProjectId, command, group
from errata.cli.output import (
    print_fields,
    print_json,
    print_json_line,
    print_line,
    print_section,
    print_table,
    print_text,
    to_line,
)
from errata.cli.source import ask
from errata.errors import NotFoundError
from errata.models.event import ApiEvent, Stored
from errata.models.titles import culprit, title
from errata.protocol import read
from errata.protocol.body import decompress, parse_object
from errata.protocol.stacktrace import ExceptionTrace, structured
from errata.usecases import projects, send, tail

POLL_SECONDS = 2

app = group("List and show a project's events.", example="events list 1")

# _OBJECTS are shown as JSON. _CODE is shown as a stack trace, or only with --json.
_OBJECTS = (
    *(
        "problems",
        "scrubbed",
        "tags",
        "contexts",
        "context",
        "extra",
        "logentry",
        "sdk",
        "modules",
        "other",
    ),
)
_CODE = ("exceptions", "frames", "threads", "debug_meta")

type Text = str | None


@command(
    app,
    "list",
    example='events list 1 --query "user.id:7 timeout" --issue SHOP-42',
    needs=Needs.STACK_OR_WEB,
)
def list_(
    ctx: CommandContext,
    project_id: ProjectId,
    query: Annotated[
        str,
        typer.Option(
            metavar="QUERY",
            help='What to search the newest events for, such as "user.email:ada@example.com'
            ' timeout". See docs/search.md.',
        ),
    ] = "",
    issue: Annotated[
        str, typer.Option(metavar="ISSUE", help="Only events of this issue, by id or short id.")
    ] = "",
    environment: Annotated[Text, typer.Option(metavar="TEXT")] = None,
    release: Annotated[Text, typer.Option(metavar="TEXT")] = None,
    level: Annotated[
        Text, typer.Option(metavar="LEVEL", help="error, warning, info, debug")
    ] = None,
    fingerprint: Annotated[Text, typer.Option(metavar="TEXT")] = None,
    since: Annotated[Text, typer.Option(metavar="TIME", help="ISO 8601, inclusive")] = None,
    until: Annotated[Text, typer.Option(metavar="TIME", help="ISO 8601, inclusive")] = None,
    limit: Annotated[Text, typer.Option(metavar="N", help="1 to 100. Default: 50")] = None,
    cursor: Annotated[
        Text, typer.Option(metavar="CURSOR", help="Cursor that the previous page printed")
    ] = None,
) -> None:
    """List a project's events, newest first.

    Without --query and --issue, the filters are the same as in the API, and go through all events.
    With one of these, the newest 500 events are looked at, or fewer if they are large. The command
    says since when, and --cursor continues with older ones.
    """
    page = ask(
        ctx,
        project_id,
        "events/list",
        query=query,
        issue=issue,
        environment=environment,
        release=release,
        level=level,
        fingerprint=fingerprint,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
    ).json
    if ctx.json:
        print_json(page)
        return
    print_table(
        ["received (UTC)", "level", "environment", "release", "title", "id"],
        [
            (
                _received(event),
                event["level"],
                event["environment"],
                event["release"],
                title(event),
                event["id"],
            )
            for event in page["data"]
        ],
        empty="No events on this page." if page["next_cursor"] else "No events.",
    )
    if page.get("looked_at") and page["since"]:
        which = "" if cursor else "the newest " if page["next_cursor"] else "all "
        begin = page["since"][:19].replace("T", " ")
        print_line(f"Looked at {which}{page['looked_at']} events, since {begin} UTC.")
    if page["next_cursor"]:
        print_line(f"For the next page, add --cursor {page['next_cursor']}")


@command(
    app,
    "show",
    example="events show 1 019aa9d2-7c1e-7a4b-8f3e-1c2d3e4f5a6b",
    needs=Needs.STACK_OR_WEB,
)
def show(
    ctx: CommandContext,
    project_id: ProjectId,
    event_id: Annotated[
        str,
        typer.Argument(
            metavar="EVENT",
            help="The event's id, the id's first digits, or the SDK event id. A short id, such as"
            " SHOP-42, stands for the issue's newest event.",
        ),
    ],
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown for a ticket or an agent.")
    ] = False,
) -> None:
    """Show an event with all its fields, and its number among those of its issue."""
    event, more = ask(ctx, project_id, "events/show", event=event_id)
    if markdown:
        print_text(more["markdown"])
        return
    if ctx.json:
        print_json(event)
        return
    by_name: Mapping[str, Any] = event
    long = ("stack_trace", "minified_stack", "source_map", "breadcrumbs", "user", *_OBJECTS, *_CODE)
    short = {name: value for name, value in event.items() if name not in long}
    short["trimmed"] = ", ".join(event["trimmed"])
    short["number"] = more["number"]
    print_fields(short)
    for trace in structured.exceptions(event):
        print_section(to_line(trace.relation, trace.title) or "frames", _frames(trace))
    if event["breadcrumbs"]:
        names = ("timestamp", "level", "type", "category", "message")
        crumbs = event["breadcrumbs"]
        print_section("breadcrumbs", (to_line(*map(crumb.get, names)) for crumb in crumbs))
    for name in _OBJECTS:
        if by_name.get(name):
            text = json.dumps(by_name[name], indent=2, ensure_ascii=False)
            print_section(name, text.split("\n"))
    for name in ("stack_trace", "minified_stack"):
        if by_name[name]:
            print_section(name.replace("_", " "), by_name[name].splitlines())
    if source_map := event["source_map"]:
        print_section("source map", [f"{len(source_map)} characters, shown with --json"])


def _frames(trace: ExceptionTrace) -> Iterator[str]:
    """Yield the frames of an exception as text lines, innermost first, with their source code."""
    for frame in trace.frames:
        place = frame.file if frame.line is None else f"{frame.file}:{frame.line}"
        yield to_line(place, frame.function and f"in {frame.function}")
        if frame.source:
            yield f"    {frame.source.strip()}"
        if frame.note:
            yield f"    {frame.note}"


def tail_(
    ctx: CommandContext,
    project_id: ProjectId,
    last: Annotated[
        int, typer.Option(metavar="N", min=0, max=100, help="Start with the last N events.")
    ] = 10,
) -> None:
    """Print a project's new events as they arrive, one per line. Press Ctrl-C to stop."""
    following = tail.Tail(projects.operator_access(projects.find(project_id)))
    try:
        events = following.start(last)
        while True:
            for event in events:
                _print_event(ctx, event)
            sys.stdout.flush()
            time.sleep(POLL_SECONDS)
            events = following.look()
    except KeyboardInterrupt:
        return


def send_(
    ctx: CommandContext,
    project_id: ProjectId,
    message: Annotated[Text, typer.Option(metavar="TEXT")] = None,
    exception_class: Annotated[Text, typer.Option(metavar="NAME")] = None,
    level: Annotated[
        Text, typer.Option(metavar="LEVEL", help="error, warning, info, debug")
    ] = None,
    environment: Annotated[Text, typer.Option(metavar="TEXT")] = None,
    release: Annotated[Text, typer.Option(metavar="TEXT")] = None,
    server_name: Annotated[Text, typer.Option(metavar="TEXT")] = None,
    url: Annotated[Text, typer.Option(metavar="URL")] = None,
    fingerprint: Annotated[Text, typer.Option(metavar="TEXT")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="A file with a JSON event, as in the API. Use - for stdin."
        ),
    ] = None,
) -> None:
    """Send an event to a project and print its id. Options override the fields in the file."""
    given = {
        "message": message,
        "exception_class": exception_class,
        "level": level,
        "environment": environment,
        "release": release,
        "server_name": server_name,
        "url": url,
        "fingerprint": fingerprint,
    }
    sent = parse_object(decompress(_bytes(file))) if file else {}
    sent |= {name: value for name, value in given.items() if value is not None}
    event_id = send.send_event(project_id, sent)
    if ctx.json:
        print_json({"id": event_id})
    else:
        print_line(event_id)


def _bytes(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise NotFoundError(f"Cannot read {file}: {error.strerror}.") from error


def _to_json(event: Stored) -> ApiEvent:
    return read.to_event(event.project_id, event.id, event.issue_id, event.fields, event.legacy_id)


def _received(event: ApiEvent) -> str:
    return event["received_at"][:19].replace("T", " ")


def _print_event(ctx: CommandContext, stored: Stored) -> None:
    event = _to_json(stored)
    if ctx.json:
        print_json_line(event)
        return
    tags = [event["environment"], event["release"]]
    print_line(_received(event), f"{event['level']:7}", title(event), culprit(event), *tags)
