"""The pages; importing them registers their routes."""

from functions.dashboard.pages import (
    events,
    files,
    home,
    issues,
    organization,
    provider,
    releases,
    settings,
    sign_in,
    sign_out,
)

__all__ = [
    "events",
    "files",
    "home",
    "issues",
    "organization",
    "provider",
    "releases",
    "settings",
    "sign_in",
    "sign_out",
]
