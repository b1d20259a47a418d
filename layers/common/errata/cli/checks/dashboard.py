"""Check the dashboard: its pages, sign-in with a temporary account, and the mails of sign-in."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

from errata.cli.checks.base import Finding, finding, note
from errata.cli.checks.client import EndpointResponse
from errata.cli.checks.trial import Trial, delete_account, has_account
from errata.config import settings
from errata.store import accounts

_FORM = re.compile(r"__Host-errata-form=([^;, ]+)")
_SESSION = re.compile(r"__Host-errata=([^;, ]+)")
_KEYS = "/.well-known/jwks.json"


def pages(running: Trial) -> Iterator[Finding]:
    """Check whether the sign-in page is there, and the keys that sign its tokens."""
    home = running.client.get("/dashboard", wanted=(303,))
    yield finding(
        home.status == 303,
        "leads to its pages",
        f"The dashboard responds with {home}.",
        _remedy(running, home),
    )
    page = running.client.get("/dashboard/sign-in")
    yield finding(
        page.status == 200 and _secure(page, _FORM),
        "sign-in page",
        f"The sign-in page responds with {page.status}, or sets no cookie of this host only.",
        _remedy(running, page),
    )
    host = running.deployment.client("cognito-idp").meta.endpoint_url.rstrip("/")
    keys = running.client.get(f"{host}/{settings().user_pool_id}{_KEYS}")
    yield finding(
        bool(keys.json.get("keys")),
        "keys of Cognito",
        f"Cognito does not show the keys of the user pool: {keys}",
        "The user pool may be deleted: aws cognito-idp describe-user-pool --user-pool-id "
        + settings().user_pool_id,
    )


def sign_in(running: Trial) -> Iterator[Finding]:
    """Check that an account can sign in. Creates the account, and deletes it afterwards."""
    email, password = running.account
    accounts.create(email, mailed=False)
    try:
        accounts.set_password(email, password)
        yield from _signed_in(running, email, password)
    finally:
        delete_account(running.deployment, email)


def _signed_in(running: Trial, email: str, password: str) -> Iterator[Finding]:
    form = _FORM.search(running.client.get("/dashboard/sign-in").headers.get("set-cookie", ""))
    token = form[1] if form else ""
    fields = {"email": email, "password": password, "csrf": token, "next": "projects"}
    entered = running.client.post(
        "/dashboard/sign-in",
        urlencode(fields).encode(),
        wanted=(303,),
        Content_Type="application/x-www-form-urlencoded",
        Cookie=f"__Host-errata-form={token}",
    )
    session = _SESSION.search(entered.headers.get("set-cookie", ""))
    yield finding(
        entered.status == 303 and _secure(entered, _SESSION),
        "signed in",
        f"Signing in with the right password gives {entered.status} and no session.",
        _remedy(running, entered),
    )
    if not session:
        return
    page = running.client.get("/dashboard/projects", Cookie=f"__Host-errata={session[1]}")
    yield finding(
        page.status == 200,
        "page shown",
        f"After signing in, the first page responds with {page.status}.",
        _remedy(running, page),
    )


def _secure(response: EndpointResponse, cookie: re.Pattern[str]) -> bool:
    # Browsers take a cookie with this prefix only with these attributes.
    sent = response.headers.get("set-cookie", "")
    return bool(cookie.search(sent)) and {"Secure", "HttpOnly", "Path=/"} <= set(
        re.split(r"[;,] ?", sent)
    )


def _remedy(running: Trial, response: EndpointResponse) -> str:
    if response.status in (404, 429):
        deploy = f"Deploy this release: {running.deployment.make_deploy()}"
        return deploy if response.status == 404 else "Try again later."
    return f"Read the log: {running.log('DashboardLogs')}"


def mail(running: Trial) -> Iterator[Finding]:
    """Check whether Cognito accepts an invitation for an address, not whether it arrives."""
    email = running.mail
    if not email:
        yield Finding("not tried: errata doctor --mail ADDRESS sends an invitation")
        return
    if has_account(running.deployment, email):
        yield note(
            f"{email} has an account, so it cannot be invited.",
            "Use an address without an account.",
        )
        return
    try:
        accounts.create(email)
    finally:
        delete_account(running.deployment, email)
    sender = "SES" if running.deployment.parameters.get("MailIdentityArn") else "Cognito"
    yield Finding(
        f"{sender} accepted an invitation to {email}. Check that it arrives. Its password does"
        " not work, because the account is deleted again."
    )
