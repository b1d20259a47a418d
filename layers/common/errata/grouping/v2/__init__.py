"""Grouping v2, for events from SDKs. Frozen.

An event is grouped by the first of these that it has:

1. the client's fingerprint;
2. the types of its exceptions, with the locations (module and function) of their in-app frames, and
   with the line of code or the value where types and locations say too little;
3. its message, with placeholders for the variable parts, and its logger.

The whole folder is frozen: a change here would split every open issue. Add a v3 instead.
"""

from errata.grouping.v2.group import Grouping, group

__all__ = ["Grouping", "group"]
