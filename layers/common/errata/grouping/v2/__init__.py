"""Grouping v2, of events from SDKs: what the client says, else where it broke, else what it says.

In this order: the client's fingerprint; the types of the exceptions with the places (module and
function) of their in-app frames; the message without what differs in it. Frozen, the whole folder:
a change here would split every open issue. Add a v3 instead.
"""

from errata.grouping.v2.group import Grouping, group

__all__ = ["Grouping", "group"]
