"""Change a user's own settings of the dashboard: name, time zone, theme, and the scope of lists."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from zoneinfo import available_timezones

from errata.errors import InvalidInputError
from errata.models.alert import MAILED
from errata.models.member import THEMES, Preferences, Reach, User
from errata.models.quiet import is_quiet_hours
from errata.models.views import RANGES, Scope
from errata.models.webhook import Secrets
from errata.protocol.channels import CHANNELS
from errata.store import members, webhook_secrets
from errata.usecases import channels
from errata.usecases.channels import AlertTarget

MAX_NAME = 60
MAX_ENVIRONMENT = 200
# The kinds of channels that a member can have. Mail goes to the address of the account only.
OWN = {name: c.label for name, c in CHANNELS.items() if c.secret and c.for_people and c.asks_for}
# Other names are old names of the same zones, or fixed differences to UTC.
_REGIONS = (
    *("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia"),
    *("Europe", "Indian", "Pacific"),
)


@cache
def zones() -> tuple[str, ...]:
    """Return the names of the time zones to choose from, in order."""
    found = [zone for zone in available_timezones() if zone.partition("/")[0] in _REGIONS]
    return ("UTC", *sorted(found))


def save_alerts(
    user: User, unwanted: Iterable[str], quiet: str, kind: str, address: str, at_ms: int
) -> None:
    """Set how a user wants to be told of alerts.

    `unwanted` are kinds of alerts. `kind` is that of the user's own channel, "" for mail. An empty
    `address` keeps that of the channel, if it has this kind already.

    Raises:
        InvalidInputError: a value is not allowed. Nothing was changed.
    """
    errors: dict[str, list[str]] = {}
    if quiet and not is_quiet_hours(quiet):
        errors["quiet"] = ["Quiet hours need a start and an end that differ."]
    keeps = not address and kind == user.reach.kind
    if kind and kind not in OWN:
        errors["kind"] = ["Choose a kind of channel from the list."]
    elif kind and not keeps and (problem := channels.problem_of(AlertTarget(kind, address))):
        errors["address"] = [problem]
    if errors:
        raise InvalidInputError(errors)
    hint = user.reach.hint if keeps else CHANNELS[kind].hint(address) if kind else ""
    reach = Reach(quiet, kind, hint, user.reach.since)
    name = members.user_hash(user.email)
    if kind and not keeps:
        webhook_secrets.save_secrets(webhook_secrets.OF_MEMBERS, name, Secrets(address))
    if reach != user.reach or address:
        reach = replace(reach, since=at_ms)
    members.save_alerts(user.email, set(unwanted) & set(MAILED), reach)
    if user.reach.kind and not kind:
        webhook_secrets.delete_secrets(webhook_secrets.OF_MEMBERS, name)


def save(email: str, preferences: Preferences) -> None:
    """Store the preferences of a user. `email` is in lower case.

    Raises:
        InvalidInputError: a value is not allowed.
    """
    errors: dict[str, list[str]] = {}
    if len(preferences.name) > MAX_NAME or not (preferences.name or " ").isprintable():
        errors["name"] = [f"A name has up to {MAX_NAME} characters, in one line."]
    if preferences.zone and preferences.zone not in zones():
        errors["zone"] = ["This time zone does not exist. Choose one from the list."]
    if preferences.theme not in THEMES:
        errors["theme"] = ["The theme must be light, dark, or that of the system."]
    if errors:
        raise InvalidInputError(errors)
    members.save_preferences(email, preferences)


def save_scope(email: str, scope: Scope) -> None:
    """Store the scope in which a user looks at issues. `email` is in lower case.

    Raises:
        InvalidInputError: a value is not allowed.
    """
    errors: dict[str, list[str]] = {}
    if len(scope.environment) > MAX_ENVIRONMENT:
        errors["environment"] = [f"An environment has up to {MAX_ENVIRONMENT} characters."]
    if scope.range not in ("", *RANGES):
        errors["range"] = [f"The time range must be one of {', '.join(RANGES)}."]
    if errors:
        raise InvalidInputError(errors)
    members.save_scope(email, scope)
