"""`errata releases`: list."""

from errata.cli.command import ProjectId, Session, command, group
from errata.cli.output import print_json, print_table, timestamp
from errata.protocol.read import iso
from errata.usecases import issues, projects

app = group("List a project's releases.", example="releases list 1")


@command(app, "list", example="releases list 1")
def list_(session: Session, project_id: ProjectId) -> None:
    """List the releases seen in a project's events, most recently seen first."""
    found = issues.list_releases(projects.visible_to_operator(project_id))
    if session.json:
        print_json(
            [
                {
                    "release": each.release,
                    "first_seen": iso(each.first_seen),
                    "last_seen": iso(each.last_seen),
                    "open_issues": each.open_issues,
                    "issues_opened": each.issues_opened,
                    "events": each.events,
                }
                for each in found
            ]
        )
        return
    print_table(
        ["release", "first seen (UTC)", "last seen (UTC)", "open issues", "opened", "events"],
        [
            (
                each.release,
                timestamp(each.first_seen),
                timestamp(each.last_seen),
                each.open_issues,
                each.issues_opened,
                each.events,
            )
            for each in found
        ],
        empty="No releases. Set `release` in your events to see releases here.",
    )
