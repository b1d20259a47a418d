"""The commands that the web API answers, by name. See `errata.usecases.results`."""

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
class Call:
    """A command: its function, and what its caller needs.

    Attributes:
        changes: a token that may write. Use cases check what the role may do with issues.
        administers: an owner or admin, or a token of the organization.
    """

    run: Callable[..., Result]
    changes: bool = False
    administers: bool = False


CALLS = {
    "issues/list": Call(issue_results.list_),
    "issues/show": Call(issue_results.show),
    "issues/similar": Call(issue_results.similar_),
    "issues/activity": Call(issue_results.activity),
    "issues/peek": Call(issue_change_results.peek),
    "issues/count": Call(issue_change_results.count),
    "issues/change": Call(issue_change_results.change, changes=True),
    "issues/continue": Call(issue_change_results.go_on, changes=True),
    "issues/undo": Call(issue_change_results.undo, changes=True),
    "issues/merge": Call(issue_change_results.merge_, changes=True),
    "issues/unmerge": Call(issue_change_results.unmerge, changes=True),
    "issues/comment": Call(issue_change_results.comment, changes=True),
    "issues/link": Call(issue_change_results.link, changes=True),
    "issues/ticket": Call(issue_change_results.ticket),
    "events/list": Call(event_results.list_),
    "events/show": Call(event_results.show),
    "releases/list": Call(release_results.list_),
    "releases/show": Call(release_results.show),
    "releases/set": Call(release_results.set_, changes=True),
    "alerts/list": Call(alert_results.list_),
    "alerts/save": Call(alert_results.save, changes=True, administers=True),
    "alerts/remove": Call(alert_results.remove, changes=True, administers=True),
    "alerts/mute": Call(alert_results.mute, changes=True, administers=True),
    "alerts/test": Call(alert_results.test, changes=True, administers=True),
    "alerts/log": Call(alert_results.log),
    "alerts/channel": Call(alert_results.add_channel, changes=True, administers=True),
    "alerts/remove-channel": Call(alert_results.remove_channel, changes=True, administers=True),
    "alerts/enable": Call(alert_results.enable, changes=True, administers=True),
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
