"""Sign-in with Cognito's user pool: passwords, challenges, tokens.

Callers must not see Cognito's own error messages, because these show whether an account exists.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

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
# AdminRespondToAuthChallenge, `Session`. botocore refuses a shorter one. Only a form that somebody
# has manipulated has one.
_MIN_SESSION = 20
_WAIT = "Too many attempts. Wait a minute, then try again."


_TOTP: Literal["SOFTWARE_TOKEN_MFA"] = "SOFTWARE_TOKEN_MFA"
_CODE = re.compile("[0-9]{6}")
_WRONG_CODES = {
    *("CodeMismatchException", "ExpiredCodeException", "EnableSoftwareTokenMFAException")
}
_WRONG_CODE = "The code is wrong, or was used before. Enter the next one that your app shows."


class WrongCodeError(UnauthorizedError):
    """A code is wrong, too old, or was used before."""


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


@dataclass(frozen=True, slots=True)
class CodeNeeded:
    """The password is right, and the account has a second factor.

    Pass `username` and `session` to `with_code`.
    """

    username: str
    session: str


type SignInStep = Tokens | NewPassword | CodeNeeded


def with_password(email: str, password: str) -> SignInStep:
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
    return _step(response, email)


def with_new_password(username: str, password: str, session: str) -> SignInStep:
    """Complete a first sign-in with a new password that the user has chosen.

    `username` must be the one in the challenge. An alias, such as the e-mail, can start a sign-in
    but cannot complete it (AdminRespondToAuthChallenge, `ChallengeResponses`).

    Raises:
        InvalidInputError: the user pool does not accept the password.
        UnauthorizedError: the session has ended; sign in again.
        RateLimitedError: Cognito has seen too many tries.
    """
    return _respond("NEW_PASSWORD_REQUIRED", username, session, {"NEW_PASSWORD": password})


def with_code(username: str, code: str, session: str) -> SignInStep:
    """Complete a sign-in with a code of the second factor. `username` is that of the challenge.

    Raises:
        InvalidInputError: the code is wrong, or was used before.
        UnauthorizedError: the session has ended; sign in again.
        RateLimitedError: Cognito has seen too many tries.
    """
    _check_code(code)
    try:
        return _respond(_TOTP, username, session, {"SOFTWARE_TOKEN_MFA_CODE": code})
    except WrongCodeError as error:
        raise InvalidInputError({"code": [_WRONG_CODE]}) from error


def again(email: str, password: str, code: str) -> Tokens:
    """Sign in a user who is signed in: with the password, and a code if there is a second factor.

    Raises:
        InvalidInputError: the code is missing or wrong.
        UnauthorizedError: the password is wrong.
        RateLimitedError: Cognito has seen too many tries.
    """
    step = with_password(email, password)
    if isinstance(step, CodeNeeded):
        step = with_code(step.username, code, step.session)
    if isinstance(step, Tokens):
        return step
    raise UnauthorizedError("Sign in again and choose a password there.")


def _respond(
    challenge: Literal["NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"],
    username: str,
    session: str,
    challenge_response: dict[str, str],
) -> SignInStep:
    if len(session) < _MIN_SESSION:
        raise UnauthorizedError("The session has ended.")
    try:
        response = clients.cognito_idp_once().admin_respond_to_auth_challenge(
            UserPoolId=settings().user_pool_id,
            ClientId=settings().user_pool_client_id,
            ChallengeName=challenge,
            ChallengeResponses={"USERNAME": username, **challenge_response},
            Session=session,
        )
    except StoreError as error:
        raise _sign_in_error(error) from error
    return _step(response, username)


def has_second_factor(email: str) -> bool:
    """Return whether the account asks for a code after the password."""
    user = clients.cognito_idp().admin_get_user(UserPoolId=settings().user_pool_id, Username=email)
    return _TOTP in user.get("UserMFASettingList", [])


def new_second_factor(access_token: str) -> str:
    """Return a new secret for an authenticator app. It counts once a code has confirmed it."""
    response = clients.cognito_idp_once().associate_software_token(AccessToken=access_token)
    return response["SecretCode"]


def confirm_second_factor(access_token: str, code: str) -> None:
    """Turn on the second factor, with a code that the app has made from the new secret.

    Raises:
        InvalidInputError: the code is wrong.
        RateLimitedError: Cognito has seen too many tries.
    """
    _check_code(code)
    try:
        clients.cognito_idp_once().verify_software_token(AccessToken=access_token, UserCode=code)
        clients.cognito_idp_once().set_user_mfa_preference(
            AccessToken=access_token,
            SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
        )
    except StoreError as error:
        if error.code in _WRONG_CODES:
            raise InvalidInputError({"code": [_WRONG_CODE]}) from error
        raise _sign_in_error(error) from error


def end_second_factor(access_token: str) -> None:
    """Turn off the second factor."""
    clients.cognito_idp_once().set_user_mfa_preference(
        AccessToken=access_token, SoftwareTokenMfaSettings={"Enabled": False}
    )


def _check_code(code: str) -> None:
    if not _CODE.fullmatch(code):
        raise InvalidInputError({"code": ["The code of the second factor has six digits."]})


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
    step = _step(response, "")
    if not isinstance(step, Tokens):
        raise UnauthorizedError("Sign in again.")
    return step


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


def _step(response: Any, username: str) -> SignInStep:
    if "AuthenticationResult" in response:
        result = response["AuthenticationResult"]
        return Tokens(
            result["IdToken"], result.get("RefreshToken", ""), result.get("AccessToken", "")
        )
    username = response.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP") or username
    match response.get("ChallengeName"):
        case "NEW_PASSWORD_REQUIRED":
            return NewPassword(username, response["Session"])
        case "SOFTWARE_TOKEN_MFA":
            return CodeNeeded(username, response["Session"])
    raise UnauthorizedError("Errata does not support the sign-in step that this account needs.")


def _sign_in_error(error: StoreError) -> HTTPError:
    """Return the error to show to the user. Raise `error` again if the user did not cause it."""
    name = error.code
    if name in _TOO_MANY:
        return RateLimitedError(RETRY_AFTER_S, _WAIT)
    if name == "InvalidPasswordException":
        return InvalidInputError({"password": ["A password must have at least 12 characters."]})
    if name in ("CodeMismatchException", "ExpiredCodeException"):
        return WrongCodeError("The code is wrong or too old. Request a new one.")
    if name in _WRONG | {"InvalidParameterException", "UserNotConfirmedException"}:
        return UnauthorizedError("Wrong e-mail or password.")
    raise error
