"""Read options whose values are `on`, `off` and `default`."""

from errata.errors import InvalidInputError
from errata.usecases import projects


def switch(name: str, text: str | None) -> "bool | projects.Default | None":
    """Return what an option says; None if it is not given.

    Raises:
        InvalidInputError: it is not `on`, `off` or `default`.
    """
    match text:
        case "on" | "off":
            return text == "on"
        case None:
            return None
        case "default":
            return "default"
    option = name.replace("_", "-")
    raise InvalidInputError({name: [f"--{option} must be on, off or default."]})
