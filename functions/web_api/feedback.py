"""List the user feedback of a project."""

from errata.usecases import feedback
from functions.web_api import cursors
from functions.web_api.context import Context
from functions.web_api.feedback_schemas import feedback_schema
from functions.web_api.request import ApiResponse


def list_of_project(context: Context, organization: str, project: str) -> ApiResponse:
    """Return what people have written about errors of a project, newest first."""
    size = cursors.per_page(context)
    visible = context.visible(context.project(organization, project))
    found = feedback.newest(visible, size, cursors.start(context))
    following = found[-1].id if len(found) == size else ""
    return cursors.page(context, [feedback_schema(each) for each in found], following)
