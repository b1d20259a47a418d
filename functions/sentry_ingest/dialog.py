"""GET and POST /api/embed/error-page: the dialog in which people say what happened.

The SDK for browsers opens it with `showReportDialog`: it puts the script into the page, which then
sends its form here. The handler imports this module with the first such request.

Source: the SDK development documentation, "User Feedback".
"""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl

from errata import gateway
from errata.errors import HTTPError, InvalidInputError, StoreError
from errata.models.ids import now_ms
from errata.models.project import Caller
from errata.protocol.body import too_large
from errata.protocol.sentry import feedback as protocol
from errata.protocol.sentry import public_key
from errata.usecases import access, admission, feedback, rate_leases

_SCRIPT = (Path(__file__).parent / "dialog.js").read_text()
# Texts and values of the form that the page may choose. SDKs send them in the query.
_OPTIONS = (
    *("title", "subtitle", "subtitle2", "labelName", "labelEmail", "labelComments"),
    *("labelClose", "labelSubmit", "errorGeneric", "errorFormEntry", "successMessage"),
    *("name", "email"),
)
_MAX_OPTION = 500
_MAX_FORM_BYTES = 32 * 1024
_MAX_FIELDS = 20


def respond(event: gateway.HttpEvent) -> gateway.HttpResponse:
    """Return the script of the dialog, store its form, or return an error response."""
    query = gateway.query(event)
    if gateway.method(event) == "GET":
        return _script(query)
    try:
        _accept(event, query)
    except HTTPError as refused:
        status = 400 if isinstance(refused, InvalidInputError) else refused.status
        content = json.dumps({"detail": refused.message})
        return gateway.response(status, content, gateway.refusal_headers(refused))
    except StoreError as error:
        return gateway.error_response(gateway.unavailable(error))
    return gateway.response(200, "{}")


def _script(query: Mapping[str, str]) -> gateway.HttpResponse:
    chosen = {name: query[name][:_MAX_OPTION] for name in _OPTIONS if query.get(name)}
    # A script's text. `<` is escaped in case somebody puts it into a page.
    options = json.dumps(chosen).replace("<", "\\u003c")
    sent = gateway.response(200, _SCRIPT.replace("{/* options */}", options, 1))
    kind = {"Content-Type": "application/javascript", "X-Content-Type-Options": "nosniff"}
    return {**sent, "headers": {**sent["headers"], **kind}}


def _accept(event: gateway.HttpEvent, query: Mapping[str, str]) -> None:
    at_ms = now_ms()
    dsn = query.get("dsn", "")
    request = admission.AdmissionRequest(
        Caller({"key": "absent"}, gateway.address(event), metered=False),
        body_key=lambda: public_key.of_dsn(dsn),
        project_id=dsn.rpartition("/")[2] or "0",
        find_key=access.find_dsn,
        has_event=lambda: False,
        take=rate_leases.take_for_key,
    )
    opened = admission.identify(request, at_ms)
    body = gateway.body(event)
    if len(body) > _MAX_FORM_BYTES:
        raise too_large(_MAX_FORM_BYTES)
    feedback.accept(protocol.of_form(_form(body), query.get("eventId", "")), opened, at_ms)


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise InvalidInputError(
            {"body": [f"The form has more than {_MAX_FIELDS} fields."]}
        ) from None
