"""Pages of lists: the header `Link`, as Sentry's API has it ("Paginating Results")."""

import base64
import binascii
from urllib.parse import quote, urlencode

from errata.errors import BadRequestError
from functions.web_api.context import Context
from functions.web_api.request import ApiResponse

MAX_PER_PAGE = 100
_MAX_CURSOR = 2_000


def start(context: Context) -> str:
    """Return the text that the cursor of a request was made from, "" for the first page.

    The text comes from the caller: it may be any.

    Raises:
        BadRequestError: it is not a cursor of this API.
    """
    cursor: str = context.query.get("cursor", "")
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError(cursor)
        return base64.urlsafe_b64decode(cursor.encode("ascii")).decode()
    except (ValueError, binascii.Error):
        raise BadRequestError("The cursor is not valid. Start again without one.") from None


def per_page(context: Context, default: int = MAX_PER_PAGE) -> int:
    """Return how many entries a page has, from `per_page` or `limit`: 1 to 100.

    Raises:
        BadRequestError: it is not a number from 1 to 100.
    """
    text: str = context.query.get("per_page") or context.query.get("limit") or str(default)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= MAX_PER_PAGE):
        raise BadRequestError(f"per_page must be a number from 1 to {MAX_PER_PAGE}.")
    return int(text)


def page(context: Context, content: object, next_start: str) -> ApiResponse:
    """Return a page of a list. `next_start` says where the next page starts, "" if there is none.

    The next request has it as its cursor: `start` returns it then.
    """
    links = [("previous", start(context), False), ("next", next_start, bool(next_start))]
    return ApiResponse(
        content, headers={"Link": ", ".join(_link(context, *each) for each in links)}
    )


def _link(context: Context, relation: str, to: str, more: bool) -> str:
    cursor = base64.urlsafe_b64encode(to.encode()).decode()
    others = [(k, v) for k, v in context.query.items(multi=True) if k != "cursor"]
    url = f"{context.request.web_url}{quote(context.request.path)}/"
    url += f"?{urlencode([*others, ('cursor', cursor)])}"
    return f'<{url}>; rel="{relation}"; results="{str(more).lower()}"; cursor="{cursor}"'
