"""`errata sourcemaps`: list and delete the source maps of a project, explain minified frames."""

from typing import Annotated, Any

import typer

from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import print_json, print_line, print_section, print_table
from errata.errors import NotFoundError
from errata.models.artifact import Artifact, Bundle
from errata.protocol.read import iso
from errata.usecases import original_frames, prefixes, projects, read_events, sourcemaps

app = group(
    "List and delete source maps, and say why frames are minified.", example="sourcemaps list 1"
)


@command(app, "list", example="sourcemaps list 1")
def list_(ctx: CommandContext, project_id: ProjectId) -> None:
    """List the source maps of a project, newest first. Unused ones are deleted after 90 days."""
    projects.find(project_id)
    found = sourcemaps.of_project(project_id)
    if ctx.json:
        print_json([_to_json(each) for each in found])
        return
    print_table(
        ["file", "debug id", "release", "dist", "kB", "uploaded (UTC)", "used (UTC)", "id"],
        [
            (
                each.name,
                each.debug_id,
                each.release,
                each.dist,
                f"{each.stored_bytes / 1000:.1f}",
                iso(each.uploaded_at)[:16].replace("T", " "),
                iso(each.used_at)[:10] if each.used_at > each.uploaded_at else "not yet",
                each.id,
            )
            for each in found
        ],
        empty="No source maps. Builds upload them with sentry-cli or a bundler plugin.",
    )


@command(app, "uploads", example="sourcemaps uploads 1")
def uploads(ctx: CommandContext, project_id: ProjectId) -> None:
    """List the uploads of the last seven days, newest first, and what is wrong with them."""
    projects.find(project_id)
    found = sourcemaps.uploads(project_id)
    if ctx.json:
        print_json([_upload_to_json(each) for each in found])
        return
    print_table(
        ["state", "since (UTC)", "release", "dist", "checksum", "detail"],
        [
            (
                each.state,
                iso(each.changed_at)[:16].replace("T", " "),
                each.release,
                each.dist,
                each.checksum,
                each.detail,
            )
            for each in found
        ],
        empty="No uploads in the last seven days.",
    )


@command(app, "delete", example="sourcemaps delete 1 0c9f…")
def delete(
    ctx: CommandContext,
    project_id: ProjectId,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids that `list` shows.")],
) -> None:
    """Delete source maps. Events that they were used for keep their original frames."""
    for map_id in ids:
        sourcemaps.delete(project_id, map_id)
    if ctx.json:
        print_json({"deleted": ids})
    else:
        print_line(f"Deleted {len(ids)} source map{'' if len(ids) == 1 else 's'}.")


@command(app, "explain", example="sourcemaps explain 1 019aa9d2-7c1e-7a4b-8f3e-1c2d3e4f5a6b")
def explain(
    ctx: CommandContext,
    project_id: ProjectId,
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.")],
) -> None:
    """Show for each frame of an event which source map was applied, or why none was."""
    visible = projects.visible_to_operator(project_id)
    found = read_events.find(visible, event_id) or prefixes.event(visible, event_id)
    if found is None:
        raise NotFoundError(f"Project {project_id} has no event {event_id}. It may have expired.")
    explained = original_frames.explain(visible, found)
    if ctx.json:
        print_json(explained)
        return
    if not visible.maps and not any(each["note"] or each["map"] for each in explained):
        print_line("The project has never had source maps.")
    if not explained:
        print_line("The event has no frames of JavaScript.")
    for each in explained:
        print_section(each["sent"], filter(None, (each["original"], each["note"], each["map"])))


def _upload_to_json(each: Bundle) -> dict[str, Any]:
    return {
        "checksum": each.checksum,
        "state": each.state,
        "detail": each.detail,
        "release": each.release,
        "dist": each.dist,
        "attempts": each.attempts,
        "changed_at": iso(each.changed_at),
    }


def _to_json(each: Artifact) -> dict[str, Any]:
    return {
        "id": each.id,
        "file": each.name,
        "debug_id": each.debug_id,
        "release": each.release,
        "dist": each.dist,
        "map_bytes": each.map_bytes,
        "stored_bytes": each.stored_bytes,
        "sources": each.sources,
        "sources_with_text": each.with_text,
        "uploaded_at": iso(each.uploaded_at),
        "used_at": iso(each.used_at),
    }
