"""The kinds of channels that alerts go to. A new kind needs a module here, and its name below."""

import re
from urllib.parse import urlsplit

from errata.protocol.channels.channel import Channel, Outgoing
from errata.protocol.channels.discord import DISCORD
from errata.protocol.channels.eventbridge import EVENTBRIDGE
from errata.protocol.channels.mail import EMAIL, TO_MEMBERS
from errata.protocol.channels.pagerduty import PAGERDUTY
from errata.protocol.channels.slack import MATTERMOST, SLACK
from errata.protocol.channels.teams import TEAMS

__all__ = ["CHANNELS", "Channel", "Outgoing", "kind_of_url"]

CHANNELS: dict[str, Channel] = {
    each.kind: each
    for each in (SLACK, MATTERMOST, TEAMS, DISCORD, PAGERDUTY, EMAIL, TO_MEMBERS, EVENTBRIDGE)
}


def kind_of_url(url: str) -> Channel | None:
    """Return the kind of channel that a URL belongs to; None if it may belong to any."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return None
    found = (each for each in CHANNELS.values() if each.hosts and re.fullmatch(each.hosts, host))
    return next(found, None)
