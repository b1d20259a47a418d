"""`/api/0/`: what the token may do, and who it stands for."""

from errata.models.member import User
from errata.models.token import SENTRY_SCOPES
from errata.store.members import user_hash
from functions.web_api.context import Context
from functions.web_api.request import ApiResponse
from functions.web_api.schemas import Auth, Root, UserSchema


def show(context: Context) -> ApiResponse:
    """Return the version of the API, the scopes of the token, and its member."""
    bearer = context.bearer
    scopes = list(SENTRY_SCOPES[bearer.token.scope])
    user = to_user(bearer.user) if bearer.user else None
    return ApiResponse(Root(auth=Auth(scopes=scopes), user=user))


def to_user(user: User) -> UserSchema:
    """Return a user as the API has it."""
    return to_user_of(user.email, user.preferences.name)


def to_user_of(email: str, name: str = "") -> UserSchema:
    """Return the user with this e-mail address. The id is what stands for it in keys of rows."""
    return UserSchema(id=user_hash(email), email=email, username=email, name=name or email)
