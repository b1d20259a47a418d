"""Stream of ArtifactsTable: compile what was uploaded, and delete what is not used any more."""

from typing import Any

from errata.models.ids import now_ms
from errata.usecases import attachments, compile_maps
from functions.compile_maps.function_names import find_functions


def handler(event: dict[str, Any], _context: Any) -> None:
    """Handle the changes of a batch. Lambda repeats a run that fails."""
    for record in event["Records"]:
        keys = record["dynamodb"]["Keys"]
        project_id, sort_key = keys["pk"]["S"], keys["sk"]["S"]
        kind, _, name = sort_key.partition("#")
        match kind:
            case "bundle":
                compile_maps.compile_bundle(project_id, name, now_ms(), find_functions)
            case "fetch":
                compile_maps.compile_fetched(project_id, sort_key, now_ms(), find_functions)
            case "map":
                compile_maps.delete_unused_map(project_id, name)
            case "attachment":
                attachments.delete_files(project_id, name)
            case "deleted":
                compile_maps.delete_project_artifacts(project_id)
