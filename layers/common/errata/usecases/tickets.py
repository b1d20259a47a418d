"""Link issues to their tickets in an issue tracker, and open new tickets there."""

from errata.errors import InvalidInputError
from errata.models.event import Stored
from errata.models.issue import Issue
from errata.models.issue_change import LINK, Change
from errata.models.project import Project
from errata.models.visible import Visible
from errata.protocol import tracker
from errata.usecases import audit, issues, projects, rights
from errata.usecases.markdown_forms import name_of, of_event


@audit.recorded("tracker changed", "template")
def change_tracker(project_id: str, template: str) -> Project:
    """Set the template of the URL that opens a new ticket, by a preset, a URL or `none`.

    Raises:
        InvalidInputError: it is no template.
        NotFoundError: there is no such project.
    """
    return projects.save_changes(project_id, tracker_template=tracker.template_of(template))


def link(visible: Visible, issue_id: str, url: str, by: str) -> Issue:
    """Link an issue to its ticket. `none` or "" removes the link. No-op if it is so already.

    The other arguments, the result and the errors are as in `issues.resolve`.

    Raises:
        InvalidInputError: this is no URL of a ticket, or the issue has too many notes.
    """
    return issues.change(visible, issue_id, Change(LINK, url=tracker.ticket_of(url)), by)


def new_ticket(
    project: Project, visible: Visible, issue: Issue, event: Stored, dashboard_url: str
) -> str:
    """Return the URL that opens a new ticket for an issue, with one of its events.

    Raises:
        ForbiddenError: the role in `visible` may not do this.
        InvalidInputError: the project has no template.
    """
    rights.check(visible, "settle")
    if not project.tracker_template:
        complaint = (
            "This project has no issue tracker. An owner or admin sets it in the settings, or with"
            f" `errata projects set {project.id} --tracker-template github:OWNER/REPO`."
        )
        raise InvalidInputError({"tracker_template": [complaint]})
    below = f"{dashboard_url}/projects/{project.id}"
    values = {
        tracker.TITLE: issue.title,
        tracker.SHORT_ID: name_of(project, issue),
        tracker.URL: f"{below}/issues/{issue.id}",
    }
    forms = (
        of_event(project, issue, event, f"{below}/events/{event.id}", short=short)
        for short in (False, True)
    )
    return tracker.new_ticket(project.tracker_template, values, forms)
