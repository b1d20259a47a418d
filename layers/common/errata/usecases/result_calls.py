"""The commands that the web API handles, by name. See `errata.usecases.results`."""

from collections.abc import Callable
from dataclasses import dataclass

from errata.errors import NotFoundError
from errata.usecases import (
    alert_results,
    event_results,
    issue_change_results,
    issue_results,
    projects,
    release_results,
    slugs,
)
from errata.usecases.results import Result, Work

# Who makes a change with AWS credentials, as the activity of an issue says it. The audit log has
# the ARN.
BY = "errata CLI"


@dataclass(frozen=True, slots=True)
class ResultCall:
    """A command: its function, and what its caller needs.

    Attributes:
        changes: needs a token that may write. Use cases check what the role may do with issues.
        administers: needs a token of an owner or admin, or of the organization.
    """

    run: Callable[..., Result]
    changes: bool = False
    administers: bool = False


CALLS = {
    "issues/list": ResultCall(issue_results.list_),
    "issues/show": ResultCall(issue_results.show),
    "issues/similar": ResultCall(issue_results.similar_),
    "issues/activity": ResultCall(issue_results.activity),
    "issues/peek": ResultCall(issue_change_results.peek),
    "issues/count": ResultCall(issue_change_results.count),
    "issues/change": ResultCall(issue_change_results.change, changes=True),
    "issues/continue": ResultCall(issue_change_results.go_on, changes=True),
    "issues/undo": ResultCall(issue_change_results.undo, changes=True),
    "issues/merge": ResultCall(issue_change_results.merge_, changes=True),
    "issues/unmerge": ResultCall(issue_change_results.unmerge, changes=True),
    "issues/comment": ResultCall(issue_change_results.comment, changes=True),
    "issues/link": ResultCall(issue_change_results.link, changes=True),
    "issues/ticket": ResultCall(issue_change_results.ticket),
    "events/list": ResultCall(event_results.list_),
    "events/show": ResultCall(event_results.show),
    "releases/list": ResultCall(release_results.list_),
    "releases/show": ResultCall(release_results.show),
    "releases/set": ResultCall(release_results.set_, changes=True),
    "alerts/list": ResultCall(alert_results.list_),
    "alerts/save": ResultCall(alert_results.save, changes=True, administers=True),
    "alerts/remove": ResultCall(alert_results.remove, changes=True, administers=True),
    "alerts/mute": ResultCall(alert_results.mute, changes=True, administers=True),
    "alerts/test": ResultCall(alert_results.test, changes=True, administers=True),
    "alerts/log": ResultCall(alert_results.log),
    "alerts/channel": ResultCall(alert_results.add_channel, changes=True, administers=True),
    "alerts/remove-channel": ResultCall(
        alert_results.remove_channel, changes=True, administers=True
    ),
    "alerts/enable": ResultCall(alert_results.enable, changes=True, administers=True),
}


def as_operator(project_id: str, name: str, options: dict[str, object]) -> Result:
    """Return the result of a command, for an operator with AWS credentials.

    Raises:
        NotFoundError: there is no such project.
    """
    project = slugs.shown(projects.find(project_id))
    if name not in CALLS:
        raise NotFoundError(f"There is no command {name}.")
    return CALLS[name].run(Work(project, projects.visible_of(project), BY), **options)
