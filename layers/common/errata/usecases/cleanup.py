"""Delete what `clear` has put out of sight."""

from errata.store import events, issues


def clean(project_id: str) -> None:
    """Delete a project's cleared events, and the issues of the generation before.

    May be cut off and run again. Works by the boundary as it stands, so that one run also does the
    work of clears that came before it.
    """
    boundary = events.boundary(project_id)
    for generation in range(max(0, boundary.generation - 3), boundary.generation):
        issues.delete_generation(issues.partition(project_id, generation))
    events.delete_cleared(project_id, boundary)
