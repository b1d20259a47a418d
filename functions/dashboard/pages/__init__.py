"""The pages. Importing them registers their routes."""

from functions.dashboard.pages import (
    account,
    events,
    files,
    home,
    issues,
    member,
    organization,
    password,
    provider,
    releases,
    rules,
    second_factor,
    settings,
    sign_in,
    sign_out,
    team,
)

__all__ = [
    "account",
    "events",
    "files",
    "home",
    "issues",
    "member",
    "organization",
    "password",
    "provider",
    "releases",
    "rules",
    "second_factor",
    "settings",
    "sign_in",
    "sign_out",
    "team",
]
