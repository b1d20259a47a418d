"""Functions that the forms of all pages share.

A page has several forms and one URL. The name of the pressed button is the action, its value the
object of the action.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from errata.config import settings
from errata.errors import BadRequestError, HTTPError, InvalidInputError
from errata.models.gateway_key import Gateway
from errata.models.member import Team
from errata.usecases.usage_keys import Unmetered
from functions.dashboard.render import page
from functions.dashboard.routing import RequestContext, get, post
from functions.dashboard.set_up import Snippet, snippets
from functions.dashboard.web import PageRequest, PageResponse, redirect

# The most teams in a list: as many as a project or member may have, so that it includes all chosen
# teams.
MOST_TEAMS = 50


class SignedOutMeanwhileError(HTTPError):
    """The session ended before the form arrived. The member has signed in since."""

    status = 200

    def __init__(self) -> None:
        super().__init__(
            "You were signed out before this arrived. Check what you have entered, then send it"
            " again."
        )


logger = logging.getLogger("errata")

type Action = Callable[[RequestContext, str], PageResponse]


@dataclass(frozen=True, slots=True)
class Failed:
    """A refused form: its name, the reason, and the values that the user entered."""

    action: str = ""
    text: str = ""
    status: int = 200
    typed: Mapping[str, str] = field(default_factory=dict)
    teams: frozenset[str] = frozenset()


def act(
    ctx: RequestContext,
    actions: Mapping[str, Action],
    again: Callable[[RequestContext, Failed], PageResponse],
) -> PageResponse:
    """Run the action of a form. If it is refused, return the page with the error (`again`).

    A form that the sign-in page has kept is only shown again.

    Raises:
        BadRequestError: the form has none of the actions.
    """
    for name, action in actions.items():
        if name in ctx.request.form:
            try:
                if ctx.request.restored:
                    raise SignedOutMeanwhileError
                return action(ctx, ctx.request.form[name])
            except HTTPError as refused:
                typed = ctx.request.form
                text = text_of(refused)
                return again(ctx, Failed(name, text, refused.status, typed, chosen_teams(ctx)))
    raise BadRequestError("Unknown action. Reload the page.")


def text_of(refused: HTTPError) -> str:
    """Return what an error says, with all that is wrong with the fields."""
    if isinstance(refused, InvalidInputError):
        return " ".join(text for texts in refused.errors.values() for text in texts)
    return refused.message


def chosen_teams(ctx: RequestContext) -> frozenset[str]:
    """Return the teams that are checked in a form."""
    return frozenset(filter(None, ctx.request.form.getlist("team")))


def offered(teams: Sequence[Team], chosen: frozenset[str]) -> list[Team]:
    """Return the teams to offer: chosen ones first, then as many others as fit."""
    return sorted(teams, key=lambda team: team.id not in chosen)[:MOST_TEAMS]


def whole_number(ctx: RequestContext, name: str, what: str) -> int | None:
    """Return the number in a field, None if it is empty.

    Raises:
        InvalidInputError: the field contains anything else.
    """
    text = ctx.request.form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise InvalidInputError({name: [f"The {what} must be a whole number."]})
    return int(text)


def gateway(request: PageRequest) -> Gateway:
    """Return the API that serves this page; its usage plans count the requests of keys."""
    return Gateway(settings().stack_name, request.api_id, request.stage)


def gateway_agreed(refusal: Unmetered) -> bool:
    """Return whether the call to API Gateway succeeded. If not, log why."""
    if refusal is not None:
        logger.warning("the gateway did not do as asked", exc_info=refusal)
    return refusal is None


def show_key(
    ctx: RequestContext,
    title: str,
    key: str,
    unmetered: Unmetered,
    back: tuple[str, str],
    dsn: str = "",
) -> PageResponse:
    """Show a new key and how to send with it. The key is shown only once.

    `back` is a path and its name. `dsn` is the DSN that was made with the key.
    """
    return _show_once(
        ctx,
        title,
        key,
        back,
        metered=gateway_agreed(unmetered),
        dsn=dsn,
        programs=snippets(ctx.request.api_url, key, dsn),
    )


def show_secret(
    ctx: RequestContext, title: str, secret: str, back: tuple[str, str]
) -> PageResponse:
    """Show a webhook's signing secret. It is shown only once."""
    return _show_once(ctx, title, secret, back, metered=True, dsn="", programs=[])


def show_token(ctx: RequestContext, title: str, token: str, back: tuple[str, str]) -> PageResponse:
    """Show a new token of the web API. It is shown only once."""
    return show_secret(ctx, title, token, back)


def _show_once(
    ctx: RequestContext,
    title: str,
    secret: str,
    back: tuple[str, str],
    *,
    metered: bool,
    dsn: str,
    programs: list[Snippet],
) -> PageResponse:
    return page(
        ctx.request,
        "once.html",
        ctx.now_ms,
        200,
        ctx,
        title=title,
        secret=secret,
        back=back,
        metered=metered,
        dsn=dsn,
        snippets=programs,
    )


def settings_page(
    ctx: RequestContext, template: str, failed: Failed, messages: Mapping[str, str], **shown: object
) -> PageResponse:
    """Return a page of a project's settings, which its admins may change.

    `messages` are the texts about what was done, by the value of `?said`.
    """
    return page(
        ctx.request,
        template,
        ctx.now_ms,
        failed.status,
        ctx=ctx,
        may_change=ctx.user.administers(ctx.project.organization),
        failed=failed,
        message=messages.get(ctx.request.args.get("said", "")),
        **shown,
    )


def settings_routes(
    name: str,
    show: Callable[[RequestContext, Failed], PageResponse],
    actions: Mapping[str, Action],
) -> None:
    """Register a page of a project's settings, `projects/<id>/<name>`, and its forms.

    Members read the page. Owners and admins send the forms.
    """
    path = f"projects/<project:project_id>/{name}"

    def change(ctx: RequestContext) -> PageResponse:
        ctx.must_administer(ctx.project.organization)
        return act(ctx, actions, show)

    get(path)(lambda ctx: show(ctx, Failed()))
    post(path, keeps=True)(change)


def organization_routes(
    path: str,
    show: Callable[[RequestContext, Failed], PageResponse],
    actions: Mapping[str, Action],
) -> None:
    """Register a page of an organization, `orgs/<id>/<path>`. It is for owners and admins."""
    path = f"orgs/<organization:organization_id>/{path}"

    def open_page(ctx: RequestContext) -> PageResponse:
        ctx.must_administer(ctx.organization.id)
        return show(ctx, Failed())

    def change(ctx: RequestContext) -> PageResponse:
        ctx.must_administer(ctx.organization.id)
        return act(ctx, actions, show)

    get(path)(open_page)
    post(path, keeps=True)(change)


def done(ctx: RequestContext, name: str) -> PageResponse:
    """Redirect to the page of a form, which shows the message `name` (see `settings_page`)."""
    return redirect(f"{ctx.request.root}{ctx.request.path.strip('/')}?said={name}")
