"""Find an issue or an event by the first digits of its id."""

import re
from itertools import islice

from errata.errors import AmbiguousError
from errata.models.event import Stored
from errata.models.ids import minted_ms, sdk_event_id
from errata.models.issue import Issue
from errata.models.titles import title
from errata.models.visible import Visible
from errata.protocol.read import iso
from errata.store import event_queries
from errata.store.issues import find_by_prefix

# Fewer digits would stand for many issues. An event's first eight digits say when it came, to a
# minute.
_ISSUE = re.compile(r"(?=[0-9a-f]*[a-f])[0-9a-f]{4,31}")
_EVENT = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,27}")
# How many choices are shown.
_MOST = 10


def issue(visible: Visible, prefix: str) -> Issue | None:
    """Return the issue whose id begins with a text, if it has 4 to 31 digits and a letter.

    A text without a letter is an issue's number.

    Raises:
        AmbiguousError: the ids of several issues begin with it.
    """
    if not _ISSUE.fullmatch(prefix):
        return None
    found = find_by_prefix(visible, prefix, _MOST + 1)
    if len(found) > 1:
        choices = {each.id: each.title for each in found[:_MOST]}
        raise AmbiguousError(f"The ids of several issues begin with {prefix}", choices)
    return found[0] if found else None


def event(visible: Visible, prefix: str) -> Stored | None:
    """Return the event whose id begins with a text of at least eight digits.

    Raises:
        AmbiguousError: the ids of several events begin with it.
    """
    if not _EVENT.fullmatch(prefix) or sdk_event_id(prefix):
        return None
    digits = prefix.replace("-", "")
    groups = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    begin = "-".join(each for each in groups if each)
    pages = event_queries.newest_first(visible.project_id, begin, f"{begin}~", _MOST + 1)
    found = [each for page in islice(pages, 1) for each in page.events if visible.shows(each)]
    if len(found) > 1:
        choices = {
            each.id: f"{iso(minted_ms(each.id))}, {title(each.fields)}" for each in found[:_MOST]
        }
        raise AmbiguousError(f"The ids of several events begin with {prefix}", choices)
    return found[0] if found else None
