"""Sign-in with Cognito's user pool: passwords, challenges, tokens.

Callers must not see Cognito's own error messages, because these show whether an account exists.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from errata.config import settings
from errata.errors import (
    HTTPError,
    InvalidInputError,
    RateLimitedError,
    StoreError,
    UnauthorizedError,
)
from errata.store import clients

_WRONG = {"NotAuthorizedException", "UserNotFoundException", "PasswordResetRequiredException"}
_TOO_MANY = {"TooManyRequestsException", "LimitExceededException", "TooManyFailedAttemptsException"}
RETRY_AFTER_S = 60
# AdminRespondToAuthChallenge, `Session`. botocore refuses a shorter one, which only a form that
# somebody has changed can have.
_MIN_SESSION = 20
_WAIT = "Too many attempts. Wait a minute, then try again."


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens from Cognito. `refresh` is "" if the old refresh token stays valid.

    `access` lets its owner change their own account. It is never stored.
    """

    id: str
    refresh: str
    access: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A first sign-in with the temporary password. A new password must be set.

    Pass `username` and `session` to `with_new_password`.
    """

    username: str
    session: str


def with_password(email: str, password: str) -> Tokens | NewPassword:
    """Sign in with a password.

    Raises:
        UnauthorizedError: the password is wrong, the account does not exist, or it may not sign in
            this way.
        RateLimitedError: Cognito has seen too many tries.
    """
    try:
        response = clients.cognito_idp_once().admin_initiate_auth(
            UserPoolId=settings().user_pool_id,
            ClientId=settings().user_pool_client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": email, "PASSWORD": password},
        )
    except StoreError as error:
        raise _sign_in_error(error) from error
    return _outcome(response, email)


def with_new_password(username: str, password: str, session: str) -> Tokens | NewPassword:
    """Complete a first sign-in with a new password that the user has chosen.

    `username` must be the one in the challenge. An alias, such as the e-mail, can start a sign-in
    but cannot complete it (AdminRespondToAuthChallenge, `ChallengeResponses`).

    Raises:
        InvalidInputError: the user pool does not accept the password.
        UnauthorizedError: the session has ended; sign in again.
        RateLimitedError: Cognito has seen too many tries.
    """
    if len(session) < _MIN_SESSION:
        raise UnauthorizedError("The session has ended.")
    try:
        response = clients.cognito_idp_once().admin_respond_to_auth_challenge(
            UserPoolId=settings().user_pool_id,
            ClientId=settings().user_pool_client_id,
            ChallengeName="NEW_PASSWORD_REQUIRED",
            ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": password},
            Session=session,
        )
    except StoreError as error:
        raise _sign_in_error(error) from error
    return _outcome(response, username)


def change_password(access_token: str, password: str, new_password: str) -> None:
    """Replace the password of the account that the access token belongs to.

    Raises:
        InvalidInputError: the user pool does not accept the new password.
        UnauthorizedError: the password is wrong.
        RateLimitedError: Cognito has seen too many tries.
    """
    try:
        clients.cognito_idp_once().change_password(
            AccessToken=access_token, PreviousPassword=password, ProposedPassword=new_password
        )
    except StoreError as error:
        raise _sign_in_error(error) from error


def refresh(refresh_token: str, client_id: str) -> Tokens:
    """Return new tokens. `client_id` is the app client that got the refresh token.

    Raises:
        UnauthorizedError: the account is deleted or disabled, or the token was revoked.
        RateLimitedError: Cognito has seen too many tries.
    """
    try:
        response = clients.cognito_idp_once().admin_initiate_auth(
            UserPoolId=settings().user_pool_id,
            ClientId=client_id,
            AuthFlow="REFRESH_TOKEN_AUTH",
            AuthParameters={"REFRESH_TOKEN": refresh_token},
        )
    except StoreError as error:
        raise _sign_in_error(error) from error
    outcome = _outcome(response, "")
    if isinstance(outcome, NewPassword):
        raise UnauthorizedError("Sign in again.")
    return outcome


def revoke(refresh_token: str, client_id: str) -> None:
    """Revoke a refresh token and all tokens that were made with it."""
    clients.cognito_idp_once().revoke_token(Token=refresh_token, ClientId=client_id)


@cache
def provider_client() -> str:
    """Return the id of the app client for sign-in with the team's own identity providers."""
    response = clients.ssm().get_parameter(Name=settings().sign_in_client)
    return response["Parameter"]["Value"]


def send_code(email: str) -> None:
    """Mail a code for a new password. The result is the same if the account does not exist.

    Raises:
        RateLimitedError: Cognito has sent too many codes.
    """
    try:
        clients.cognito_idp_once().forgot_password(
            ClientId=settings().user_pool_client_id, Username=email
        )
    except StoreError as error:
        if error.code in _TOO_MANY:
            raise RateLimitedError(RETRY_AFTER_S, _WAIT) from error
        # The account has no password of its own yet, or no verified address. Do not show that.
        if error.code not in _WRONG | {"InvalidParameterException"}:
            raise


def set_password(email: str, password: str, mailed_code: str) -> None:
    """Set a new password with the code that was mailed.

    Raises:
        InvalidInputError: the user pool does not accept the password.
        UnauthorizedError: the code is wrong or too old.
        RateLimitedError: Cognito has seen too many tries.
    """
    try:
        clients.cognito_idp_once().confirm_forgot_password(
            ClientId=settings().user_pool_client_id,
            Username=email,
            Password=password,
            ConfirmationCode=mailed_code,
        )
    except StoreError as error:
        raise _sign_in_error(error) from error


def _outcome(response: Any, username: str) -> Tokens | NewPassword:
    if "AuthenticationResult" in response:
        result = response["AuthenticationResult"]
        return Tokens(
            result["IdToken"], result.get("RefreshToken", ""), result.get("AccessToken", "")
        )
    if response.get("ChallengeName") == "NEW_PASSWORD_REQUIRED":
        given = response.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP")
        return NewPassword(given or username, response["Session"])
    raise UnauthorizedError("Errata does not support the sign-in step that this account needs.")


def _sign_in_error(error: StoreError) -> HTTPError:
    """Return the error to show to the user. Raise `error` again if the user did not cause it."""
    name = error.code
    if name in _TOO_MANY:
        return RateLimitedError(RETRY_AFTER_S, _WAIT)
    if name == "InvalidPasswordException":
        return InvalidInputError({"password": ["A password must have at least 12 characters."]})
    if name in ("CodeMismatchException", "ExpiredCodeException"):
        return UnauthorizedError("The code is wrong or too old. Have another one sent.")
    if name in _WRONG | {"InvalidParameterException", "UserNotConfirmedException"}:
        return UnauthorizedError("Wrong e-mail or password.")
    raise error
