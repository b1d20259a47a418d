"""Cognito's user pool, as those meet it who manage its accounts."""

from errata.config import settings
from errata.errors import InvalidInputError, StoreError
from errata.store import clients


def create(email: str, *, mailed: bool = True) -> bool:
    """A new account, to which Cognito mails its first password; False when there is one already.

    `mailed` False where no mail can be sent: somebody has to set a password then.

    Raises:
        InvalidInputError: Cognito takes no such address.
    """
    try:
        clients.cognito_idp().admin_create_user(
            UserPoolId=settings().user_pool_id,
            Username=email,
            UserAttributes=[
                {"Name": "email", "Value": email},
                # Whoever has the password got it there.
                {"Name": "email_verified", "Value": "true"},
            ],
            **({"DesiredDeliveryMediums": ["EMAIL"]} if mailed else {"MessageAction": "SUPPRESS"}),
        )
    except StoreError as error:
        if error.code == "UsernameExistsException":
            return False
        if error.code == "InvalidParameterException":
            raise InvalidInputError(
                {"email": [f"{email} is not an address that Cognito takes."]}
            ) from error
        raise
    return True


def invite_again(email: str) -> bool:
    """Mail a new first password; False when the account has a password of its own, or is none.

    The one before holds for seven days (template.yaml).
    """
    try:
        clients.cognito_idp().admin_create_user(
            UserPoolId=settings().user_pool_id,
            Username=email,
            MessageAction="RESEND",
            DesiredDeliveryMediums=["EMAIL"],
        )
    except StoreError as error:
        if error.code in ("UnsupportedUserStateException", "UserNotFoundException"):
            return False
        raise
    return True


def set_password(email: str, password: str) -> None:
    """Give an account a password that need not be changed; for operators on the local stack."""
    clients.cognito_idp().admin_set_user_password(
        UserPoolId=settings().user_pool_id, Username=email, Password=password, Permanent=True
    )
