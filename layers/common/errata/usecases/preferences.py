"""Change a user's own settings of the dashboard: name, time zone and theme."""

from functools import cache
from zoneinfo import available_timezones

from errata.errors import InvalidInputError
from errata.models.member import THEMES, Preferences
from errata.store import members

MAX_NAME = 60
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
