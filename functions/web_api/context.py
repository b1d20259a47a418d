"""The context of a request to the web API: who asks, and what they may see."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pydantic import BaseModel, ValidationError
from werkzeug.datastructures import MultiDict

from errata.config import settings
from errata.errors import (
    BadRequestError,
    BodyTooLargeError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)
from errata.models.organization import Organization
from errata.models.project import Project
from errata.models.token import Bearer
from errata.models.visible import Visible
from errata.usecases import organizations, slugs
from errata.usecases.projects import operator_access
from errata.usecases.visible import find_visible
from functions.web_api.request import ApiRequest

# Enough to change many issues by their ids. Releases and upload chunks have limits of their own.
MAX_BODY_BYTES = 256 * 1024
_NO_ORGANIZATION = "This organization does not exist, or the token is not for it."
_NO_PROJECT = "This project does not exist, or the token does not see it."


@dataclass(frozen=True, slots=True)
class Context:
    """A request together with the one who sends it."""

    request: ApiRequest
    bearer: Bearer
    now_ms: int

    @property
    def query(self) -> MultiDict[str, str]:
        """The query parameters. A parameter may be repeated."""
        return self.request.query

    def read[M: BaseModel](self, model: type[M], most: int = MAX_BODY_BYTES) -> M:
        """Return the body of the request, of at most `most` bytes, as this model.

        Raises:
            BadRequestError: the body is no JSON.
            BodyTooLargeError: it is too large.
            InvalidInputError: names every bad field.
        """
        if len(self.request.body) > most:
            raise BodyTooLargeError(f"The body has more than {most} bytes.")
        try:
            return model.model_validate_json(self.request.body or b"{}")
        except ValidationError as error:
            raise invalid(error) from None

    def organization(self, name: str) -> Organization:
        """Return an organization by its id, which is its slug, too.

        Raises:
            NotFoundError: it does not exist, or the token is for another one.
        """
        self.check_organization(name)
        return organizations.find(name)

    def check_organization(self, name: str) -> str:
        """Return the id of an organization that the token opens. Makes no call.

        Raises:
            NotFoundError: the token is for another one.
        """
        if name != self.bearer.organization:
            raise NotFoundError(_NO_ORGANIZATION)
        return name

    def project(self, organization: str, name: str) -> Project:
        """Return a project by its id or slug. Old slugs work, too.

        Raises:
            NotFoundError: it does not exist, or the token does not see it.
        """
        self.check_organization(organization)
        project = slugs.find_named(organization, name, self.now_ms)
        if project is None or not self.bearer.sees(project):
            raise NotFoundError(_NO_PROJECT)
        return project

    def projects(self, organization: str, names: Iterable[str | int]) -> list[Project]:
        """Return the projects with these ids or slugs, each once.

        Raises:
            InvalidInputError: one does not exist, or the token does not see it.
            NotFoundError: the token is for another organization.
        """
        self.check_organization(organization)
        found = {}
        for name in dict.fromkeys(map(str, names)):
            try:
                project = self.project(organization, name)
            except NotFoundError:
                message = f"The project {name} does not exist, or the token does not see it."
                raise InvalidInputError({"projects": [message]}) from None
            found[project.id] = project
        return list(found.values())

    def visible(self, project: Project) -> Visible:
        """Return what the token may see of a project, and in which role. Makes one call."""
        return self.as_bearer(find_visible(operator_access(project), self.now_ms))

    def as_bearer(self, visible: Visible) -> Visible:
        """Return what can be seen of a project, with the role of the token."""
        return replace(visible, member=self.bearer.token.member, role=self.bearer.role)

    def must_administer(self) -> None:
        """Check that the token is that of an owner or admin, or of the organization.

        Raises:
            ForbiddenError: it is not.
        """
        if not self.bearer.administers:
            raise ForbiddenError("Only owners and admins can do this.")

    def must_release(self) -> None:
        """Check that the token may create releases and upload files.

        Raises:
            ForbiddenError: it is of a viewer, or only reads.
        """
        if not self.bearer.may_release:
            raise ForbiddenError("You are a viewer here. You can only read.")

    @property
    def dashboard_url(self) -> str:
        """Base URL of the dashboard, for links. Without a slash at its end."""
        return (settings().dashboard_url or f"{self.api_url}/dashboard").rstrip("/")

    @property
    def api_url(self) -> str:
        """Base URL of the API, without a slash at its end."""
        return self.request.api_url or self.bearer.token.api_url

    @property
    def sdk_url(self) -> str:
        """Base URL of the SDK endpoint, which DSNs name."""
        return settings().sdk_url or self.api_url


def invalid(error: ValidationError) -> BadRequestError | InvalidInputError:
    """Return the error that names every bad field of a body or a query."""
    errors: dict[str, list[str]] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        if each["type"] == "json_invalid":
            return BadRequestError("The body is no JSON.")
        field = ".".join(map(str, each["loc"])) or "body"
        errors.setdefault(field, []).append(f"{field}: {each['msg']}.")
    return InvalidInputError(errors)
