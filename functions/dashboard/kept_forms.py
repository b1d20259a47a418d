"""Keep what a user typed into a form if the session ends before the form is sent.

The sign-in page carries the fields of the form in hidden fields, and nothing is stored. After the
sign-in, the browser sends them to the form's page again (status 307), which shows the form with
them. It does nothing else: whoever signs in must send the form again. So nobody can make a member
send a form, and only forms of our own pages are kept: another site cannot fill in one either.
"""

from collections.abc import Iterable
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from errata.errors import InvalidInputError
from functions.dashboard.text import weight
from functions.dashboard.web import PageRequest

_PREFIX = "kept."
# In bytes, on the page and in the form that carries them, which must stay below `MAX_FORM_BYTES`.
_MAX_BYTES = 48_000
_MAX_FIELDS = 200

type FormFields = list[tuple[str, str]]


def keep(request: PageRequest) -> None:
    """Keep the fields of a form for the sign-in page. Leaves out a form that is too large."""
    try:
        fields = [
            (_PREFIX + name, value)
            for name, value in request.form.items(multi=True)
            if name != "csrf"
        ]
    except InvalidInputError:
        return
    on_page = sum(weight(name) + weight(value) for name, value in fields)
    size = max(on_page, len(urlencode(fields)))
    request.too_long_to_keep = size > _MAX_BYTES or len(fields) > _MAX_FIELDS
    request.kept = [] if request.too_long_to_keep else fields


def carried(fields: Iterable[tuple[str, str]]) -> FormFields:
    """Return the kept fields of a form that carries them."""
    return [(name, value) for name, value in fields if name.startswith(_PREFIX)]


def restore(request: PageRequest) -> None:
    """Give a request the fields that it carries, and nothing else."""
    found = carried(request.form.items(multi=True))
    request.form = MultiDict((name.removeprefix(_PREFIX), value) for name, value in found)
    request.restored = True
