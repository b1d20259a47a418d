"""IP addresses and e-mail addresses in texts. They are replaced only if a rule says so."""

import re
from ipaddress import ip_address

import re2

from errata.scrubbing import FILTERED, compiled

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"(?<![\w.]){_BYTE}(?:\.{_BYTE}){{3}}(?!\w|\.[0-9])"
# Something like an IPv6 address (RFC 4291, 2.2). Whether it is one is checked afterwards: times and
# hardware addresses look alike.
_IPV6 = r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:(?:\.[0-9]{1,3}){3})?(?![\w:])"
# In a URL, `@` may be percent-encoded. A local part has at most 64 characters (RFC 5321,
# 4.5.3.1.1): only the last 64 of a longer one are replaced.
_EMAIL = (
    r"[\w.!#$'*+^`~-]{1,64}+(?:@|%40)"
    r"[^\W_][\w-]{0,62}(?:\.[^\W_][\w-]{0,62}){0,7}\.[^\W\d_][\w-]{1,62}"
)
# Matches a part of every IP address, to search many texts at once. RE2 is faster than `re`, and has
# no look-behind.
_PART_OF_IP = re2.compile(
    r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|::[0-9A-Fa-f]|[0-9A-Fa-f]::"
    r"|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){5}"
)


def may_have_ip_address(texts: bytes) -> bool:
    """Return whether one of many texts may have an IP address in it."""
    return _PART_OF_IP.search(texts) is not None


def without_ip_addresses(text: str, instead: str = FILTERED) -> str:
    """Return a text with something instead of the IP addresses in it."""
    if text.count(":") > 1:  # first: an IPv6 address may end with an IPv4 address
        text = compiled(_IPV6).sub(lambda found: _ipv6(found, instead), text)
    return compiled(_IPV4).sub(instead, text) if "." in text else text


def without_email_addresses(text: str, instead: str = FILTERED) -> str:
    """Return a text with something instead of the e-mail addresses in it."""
    if "@" in text or "%40" in text:
        text = compiled(_EMAIL).sub(instead, text)
    return text


def _ipv6(found: re.Match[str], instead: str) -> str:
    # In "at ::1: refused", the last colon belongs to the sentence.
    text, end = found[0], ""
    if text.endswith(":") and not text.endswith("::"):
        text, end = text[:-1], ":"
    try:
        known = ip_address(text)
    except ValueError:
        return found[0]
    return instead + end if int(known) else found[0]
