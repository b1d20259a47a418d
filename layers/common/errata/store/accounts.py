"""Create accounts in Cognito's user pool, for operators and admins."""

from collections.abc import Iterator
from typing import Any

from errata.config import settings
from errata.errors import InvalidInputError, StoreError
from errata.store import clients


def create(email: str, *, mailed: bool = True) -> bool:
    """Create an account and mail its temporary password. Returns False if it already exists.

    If `mailed` is False, no mail is sent. The caller must then set a password.

    Raises:
        InvalidInputError: Cognito does not accept the address.
    """
    try:
        clients.cognito_idp().admin_create_user(
            UserPoolId=settings().user_pool_id,
            Username=email,
            UserAttributes=[
                {"Name": "email", "Value": email},
                # Cognito mails a code for a forgotten password only to a verified address. If the
                # temporary password is mailed, it reaches nobody else. If not, the operator who
                # sets the password vouches for the address.
                {"Name": "email_verified", "Value": "true"},
            ],
            **({"DesiredDeliveryMediums": ["EMAIL"]} if mailed else {"MessageAction": "SUPPRESS"}),
        )
    except StoreError as error:
        if error.code == "UsernameExistsException":
            return False
        if error.code == "InvalidParameterException":
            raise InvalidInputError(
                {"email": [f"Cognito does not accept {email} as an e-mail address."]}
            ) from error
        raise
    return True


def invite_again(email: str) -> bool:
    """Mail a new temporary password, if the account has no password of its own yet.

    Returns False if the account has a password of its own, or does not exist. A temporary password
    is valid for seven days (template.yaml).
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


def list_accounts() -> Iterator[tuple[str, bool]]:
    """Yield the e-mail of each account, and whether it is enabled.

    Leaves out accounts of identity providers: Cognito makes them at the next sign-in.
    """
    request: Any = {"UserPoolId": settings().user_pool_id}
    while True:
        page = clients.cognito_idp().list_users(**request)
        for user in page["Users"]:
            attributes = {each["Name"]: each.get("Value", "") for each in user["Attributes"]}
            if user["UserStatus"] != "EXTERNAL_PROVIDER" and attributes.get("email"):
                yield attributes["email"], user["Enabled"]
        if not page.get("PaginationToken"):
            return
        request["PaginationToken"] = page["PaginationToken"]


def set_password(email: str, password: str) -> None:
    """Set an account's permanent password. For operators of the local stack."""
    clients.cognito_idp().admin_set_user_password(
        UserPoolId=settings().user_pool_id, Username=email, Password=password, Permanent=True
    )


def end_second_factor(email: str) -> bool:
    """Turn off an account's second factor. Returns False if the pool has no such account."""
    try:
        clients.cognito_idp().admin_set_user_mfa_preference(
            UserPoolId=settings().user_pool_id,
            Username=email,
            SoftwareTokenMfaSettings={"Enabled": False, "PreferredMfa": False},
        )
    except StoreError as error:
        if error.code == "UserNotFoundException":
            return False
        raise
    return True
