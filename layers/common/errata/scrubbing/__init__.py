"""Replaces secrets in an event by `[Filtered]`, before the event is grouped and stored.

- `names`: which names of fields, parameters and variables say that their value is a secret.
- `values`: which values are secrets by their form, such as a payment card.
- `texts`: names with values within a text, such as a query string.
- `search`: whether an event may have any of it. Most events have nothing.
- `fields`: walks through the fields of an event.

Source of the first rules: Sentry Relay's default rules for data scrubbing.
"""

import re
from functools import lru_cache

FILTERED = "[Filtered]"
# What may stand before a number in an event's JSON: neither a letter nor a digit.
EDGE_IN_JSON = r"(?:^|[^A-Za-z0-9.]|\\[bfnrt]|\\u[0-9A-Fa-f]{4})"


@lru_cache(maxsize=100)
def compiled(expression: str) -> re.Pattern[str]:
    """Return an expression, compiled when it is first needed: few events need one.

    The rules are fewer than the cache holds.
    """
    return re.compile(expression)
