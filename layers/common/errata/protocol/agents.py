"""Read browser, system and device from a user agent, with ua-parser.

It compiles its expressions when they are first needed, which takes about a tenth of a second. So
it is imported only for events that have a user agent and do not say the browser themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# Characters of a user agent that are read. Longer ones take more than a millisecond, and no browser
# sends them.
_MAX_CHARACTERS = 400
# Chrome on Android says "K" for every device.
_UNKNOWN = ("Other", "K")


@dataclass(frozen=True, slots=True)
class Agent:
    """The browser, operating system and device of the affected user. "" if not known."""

    browser: str = ""
    system: str = ""
    device: str = ""

    def __str__(self) -> str:
        """Return the browser and the system in words."""
        return " on ".join(filter(None, (self.browser, self.system)))


def agent(fields: Mapping[str, Any]) -> Agent:
    """Return what an event says of the browser: its contexts, otherwise its user agent."""
    contexts = fields.get("contexts")
    sent = contexts if isinstance(contexts, dict) else {}
    read = _read(user_agent(fields)) if not (sent.get("browser") and sent.get("os")) else Agent()
    return Agent(
        _named(sent.get("browser")) or read.browser,
        # Without a browser, the event is from a server. Its system is not that of a user.
        _named(sent.get("os")) if sent.get("browser") else read.system,
        read.device,
    )


def user_agent(fields: Mapping[str, Any]) -> str:
    """Return the user agent of an event's request, "" if there is none."""
    context = fields.get("context")
    request = context.get("request") if isinstance(context, dict) else None
    headers = request.get("headers") if isinstance(request, dict) else None
    if isinstance(headers, dict):
        headers = list(headers.items())
    for each in headers if isinstance(headers, list) else ():
        if isinstance(each, list | tuple) and len(each) == 2:
            name, value = each
            if isinstance(name, str) and name.lower() == "user-agent":
                return value[:_MAX_CHARACTERS] if isinstance(value, str) else ""
    return ""


def _named(sent: Any) -> str:
    if not isinstance(sent, dict) or not isinstance(sent.get("name"), str):
        return ""
    version = sent.get("version")
    short = version.partition(".")[0] if isinstance(version, str) else ""
    return f"{sent['name']} {short}".strip()[:100]


@lru_cache(maxsize=2_000)
def _read(text: str) -> Agent:
    if not text:
        return Agent()
    from ua_parser import parse

    found = parse(text)
    device = found.device.family if found.device else ""
    return Agent(
        _version(found.user_agent), _version(found.os), "" if device in _UNKNOWN else device
    )


def _version(part: Any) -> str:
    if part is None or part.family == "Other":
        return ""
    return f"{part.family} {part.major or ''}".strip()
