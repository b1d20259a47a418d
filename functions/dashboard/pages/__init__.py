"""The pages. Importing them registers their routes."""

from functions.dashboard.pages import (
    events,
    files,
    home,
    issues,
    member,
    organization,
    provider,
    releases,
    rules,
    scrubbing,
    settings,
    sign_in,
    sign_out,
    team,
)

__all__ = [
    "events",
    "files",
    "home",
    "issues",
    "member",
    "organization",
    "provider",
    "releases",
    "rules",
    "scrubbing",
    "settings",
    "sign_in",
    "sign_out",
    "team",
]
