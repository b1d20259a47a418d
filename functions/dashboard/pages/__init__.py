"""The pages. Importing them registers their routes."""

from functions.dashboard.pages import (
    events,
    files,
    home,
    issue,
    issue_events,
    issues,
    member,
    organization,
    provider,
    releases,
    rules,
    settings,
    sign_in,
    sign_out,
    team,
)

__all__ = [
    "events",
    "files",
    "home",
    "issue",
    "issue_events",
    "issues",
    "member",
    "organization",
    "provider",
    "releases",
    "rules",
    "settings",
    "sign_in",
    "sign_out",
    "team",
]
