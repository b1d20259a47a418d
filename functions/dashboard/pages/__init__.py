"""The pages, by path. A page's module registers its routes, and is imported with its first request.

All pages together take more CPU time to import than all the rest of a start, and few of them are
opened while an execution environment lives.
"""

from importlib import import_module

# Paths by module. `*` stands for an id or a name.
PATHS = {
    "account": ["account"],
    "across": ["orgs/*/issues"],
    "activity": ["projects/*/issues/*/activity"],
    "alerts": ["projects/*/alerts"],
    "attachments": ["projects/*/attachments", "projects/*/events/*/attachments/*"],
    "assign": ["projects/*/issues/*/assign"],
    "capture": ["projects/*/capture"],
    "event_lists": ["projects/*/events", "projects/*/issues/*/events"],
    "events": ["projects/*/events/*", "projects/*/events/*/json", "projects/*/events/*/ticket"],
    "feedback": ["projects/*/feedback"],
    "files": ["static/*/*"],
    "find": ["find"],
    "home": ["", "projects", "projects/menu"],
    "issue": [
        "projects/*/issues/*",
        "projects/*/issues/*/first",
        "projects/*/issues/*/refresh",
    ],
    "issue_changes": ["projects/*/issues/changes", "projects/*/issues/changes/*"],
    "issue_events": ["projects/*/issues/*/tags"],
    "issues": ["projects/*", "projects/*/issues"],
    "member": ["orgs/*/member"],
    "merge": ["projects/*/issues/*/merge"],
    "monitors": ["projects/*/monitors", "projects/*/monitors/*"],
    "open_telemetry": ["projects/*/opentelemetry"],
    "organization": ["orgs/*", "orgs/*/use", "orgs/*/audit"],
    "password": ["account/password"],
    "provider": ["with/*", "callback"],
    "releases": ["projects/*/releases", "projects/*/releases/*", "projects/*/stats"],
    "rules": ["projects/*/rules"],
    "scrubbing": ["projects/*/scrubbing", "orgs/*/scrubbing"],
    "search": [
        "projects/*/issues/suggest",
        "projects/*/issues/environments",
        "projects/*/issues/scope",
        "orgs/*/issues/suggest",
        "orgs/*/issues/scope",
    ],
    "second_factor": ["account/second-factor"],
    "settings": ["projects/*/settings"],
    "sign_in": [
        "sign-in",
        "new-password",
        "sign-in-code",
        "forgot-password",
        "reset-password",
        "renew",
    ],
    "sign_out": ["sign-out", "signed-out"],
    "source_maps": ["projects/*/sourcemaps"],
    "team": ["orgs/*/teams/*"],
    "tokens": ["account/tokens", "orgs/*/tokens"],
    "tracker": ["projects/*/tracker"],
    "views": ["projects/*/issues/views"],
}
_MODULES = [(path.split("/"), module) for module, paths in PATHS.items() for path in paths]


def load(path: str) -> None:
    """Import the modules whose pages may have this path, such as `/projects/1/issues`."""
    sent = path.removeprefix("/").split("/")
    for parts, module in _MODULES:
        if len(parts) == len(sent) and all(
            part in ("*", name) for part, name in zip(parts, sent, strict=True)
        ):
            import_module(f"{__name__}.{module}")


def load_all() -> None:
    """Import the modules of all pages."""
    for module in PATHS:
        import_module(f"{__name__}.{module}")
