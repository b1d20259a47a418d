"""Views, which are saved queries of the list of issues, and the scope of a member."""

from dataclasses import dataclass

MAX_VIEWS = 20
MAX_NAME = 60
# The time ranges to choose from: how long ago an issue was last seen, as a span of a query.
RANGES = ("1h", "24h", "7d", "14d", "30d")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a member looks at: the issues of an environment and of a time range, "" for all.

    `range` is one of `RANGES`.
    """

    environment: str = ""
    range: str = ""

    def __bool__(self) -> bool:
        return bool(self.environment or self.range)


@dataclass(frozen=True, slots=True)
class View:
    """A query that somebody has saved under a name. `sort` is the order of the list."""

    id: str
    name: str
    query: str
    sort: str


@dataclass(frozen=True, slots=True)
class Views:
    """The views of a member or of a project, sorted by name.

    `default` is the id of the view with which the list of issues starts, "" for none.
    """

    views: tuple[View, ...] = ()
    default: str = ""

    def find(self, view_id: str) -> View | None:
        """Return the view with this id, None if there is none."""
        return next((each for each in self.views if each.id == view_id), None)

    def named(self, name: str) -> View | None:
        """Return the view with this name, None if there is none. Ignores case."""
        wanted = name.casefold()
        return next((each for each in self.views if each.name.casefold() == wanted), None)


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A view that everybody has: its name and its query."""

    name: str
    query: str


BUILT_IN = (
    BuiltIn("Open", "is:open"),
    BuiltIn("Mine", "is:open assigned:me"),
    BuiltIn("New", "is:open is:new"),
    BuiltIn("Rising", "is:open is:rising"),
    BuiltIn("Regressed", "is:regressed"),
    BuiltIn("Resolved", "is:resolved"),
    BuiltIn("Ignored", "is:ignored"),
    BuiltIn("All", ""),
)
