"""What a command of `errata` returns, for the command itself and for the web API.

The functions in `errata.usecases.*_results` do the work of a command. They get a project and what
the caller may see of it, and return plain JSON values. The command calls them with AWS credentials,
and the web API with a token, so that both print the same.
"""

from dataclasses import dataclass

from errata.models.project import Project
from errata.models.result import Result as Result
from errata.models.visible import Visible


@dataclass(frozen=True, slots=True)
class Work:
    """What a command works on: a project with its slug, as the caller `by` sees it."""

    project: Project
    visible: Visible
    by: str
