"""`errata rules`: show, preview and set the fingerprint rules of a project."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from errata.cli.command import CommandContext, ProjectId, command, group
from errata.cli.output import print_json, print_line, print_table
from errata.errors import InvalidInputError
from errata.usecases import fingerprint_rules, projects

app = group("Show, preview and set the fingerprint rules of a project.", example="rules show 1")

FingerprintRulesFile = Annotated[
    str, typer.Argument(metavar="FILE", help="File with the rules. - reads stdin.")
]


@command(app, "show", example="rules show 1 > rules.txt")
def show(ctx: CommandContext, project_id: ProjectId) -> None:
    """Print the fingerprint rules of a project."""
    text = fingerprint_rules.find_text(project_id)
    if ctx.json:
        print_json({"project": project_id, "rules": text})
        return
    if not text:
        print_line(f"No rules. Set some with `errata rules set {project_id} FILE`.")
    for line in text.splitlines():
        print_line(line)


@command(app, "preview", example="rules preview 1 rules.txt")
def preview(ctx: CommandContext, project_id: ProjectId, file: FingerprintRulesFile) -> None:
    """Show how the newest events would be grouped by the rules in a file. Changes nothing."""
    found = fingerprint_rules.preview(projects.visible_to_operator(project_id), _read(file))
    if ctx.json:
        print_json([_to_json(each) for each in found])
        return
    _print_preview(found)


@command(app, "set", example="rules set 1 rules.txt")
def set_(ctx: CommandContext, project_id: ProjectId, file: FingerprintRulesFile) -> None:
    """Replace the fingerprint rules of a project. They apply to new events from SDKs.

    Each line is one rule, such as `type:*Timeout* !level:info -> timeout, {{ tags.host }}`. The
    first rule that matches an event decides. Takes effect within 30 seconds.
    """
    _set(ctx, project_id, _read(file))


@command(app, "remove", example="rules remove 1")
def remove(ctx: CommandContext, project_id: ProjectId) -> None:
    """Remove the fingerprint rules of a project. Takes effect within 30 seconds."""
    _set(ctx, project_id, "")


def _set(ctx: CommandContext, project_id: str, text: str) -> None:
    number = fingerprint_rules.set_text(project_id, text)
    if ctx.json:
        print_json({"project": project_id, "number": number})
    else:
        print_line(f"{number} rules" if number != 1 else "1 rule")


def _read(file: str) -> str:
    return read_file(file, fingerprint_rules.MAX_BYTES)


def read_file(file: str, most: int) -> str:
    """Return the first `most` + 1 characters of a file, or of stdin for `-`.

    Raises:
        InvalidInputError: the file cannot be read.
    """
    try:
        if file == "-":
            return sys.stdin.read(most + 1)
        with Path(file).open(encoding="utf-8") as opened:
            return opened.read(most + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError({"file": [f"{file} cannot be read: {error}."]}) from None


def _print_preview(found: list["fingerprint_rules.Previewed"]) -> None:
    differ = sum(each.differs for each in found)
    print_table(
        ["events", "rule", "for example"],
        [
            (number, line or "none: the default grouping", title)
            for number, line, title in fingerprint_rules.by_rule(found)
        ],
        empty="No events from SDKs yet.",
    )
    if found:
        print_line(f"{differ} of the newest {len(found)} events would get another fingerprint.")


def _to_json(each: "fingerprint_rules.Previewed") -> dict[str, object]:
    return {
        "event_id": each.event_id,
        "title": each.title,
        "rule": each.rule.line if each.rule else None,
        "line": each.rule.number if each.rule else None,
        "fingerprint": each.fingerprint,
        "differs": each.differs,
    }
