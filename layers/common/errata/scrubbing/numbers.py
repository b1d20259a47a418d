"""Payment cards and IBANs, which have a checksum, in texts."""

import re
from string import ascii_uppercase

from errata.scrubbing import EDGE_IN_JSON, FILTERED, compiled

# Patterns are compiled on first use: few events have numbers that look like these.
# Digits without separators, or in groups with the same separator: 4-4-4-4, also with three more
# digits, 4-6-5 and 4-6-4.
_CARD = (
    r"(?<![A-Za-z0-9.])(?:[2-6][0-9]{12,18}"
    r"|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{1,4}(?:\1[0-9]{3})?"
    r"|3[0-9]{3}([ -])[0-9]{6}\2[0-9]{4,5})(?![A-Za-z0-9])"
)
# How each of these begins in an event's JSON.
CARD_IN_JSON = (
    rf"{EDGE_IN_JSON}(?:[2-6][0-9]{{12}}|[2-6][0-9]{{3}}[ -][0-9]{{4}}[ -][0-9]{{4}}[ -][0-9]"
    r"|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4}"
    # A number with a point, as Java writes it.
    r"|[2-6]\.[0-9]{8,18}[eE]\+?1[2-9])"
)
_SEPARATORS = str.maketrans("", "", " -")
# Beginnings of card numbers with the lengths that they have, by network (ISO/IEC 7812-1 ranges as
# the networks publish them): Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay,
# Maestro.
_NETWORKS = (
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11}"
    r"|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}"
    r"|62[0-9]{14,17}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{8,15}"
)
_DOUBLED = str.maketrans("0123456789", "0246813579")

_IBAN = r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}"
IBAN_IN_JSON = rf"(?:{EDGE_IN_JSON}|\.)[A-Z]{{2}}[0-9]{{2}}(?: ?[A-Z0-9]){{11}}"
# Characters of an IBAN by country (SWIFT, "IBAN Registry").
_REGISTRY = (
    "15:NO 16:BE 18:DK,FO,FI,GL,NL,SD,FK 19:MK,SI 20:AT,BA,EE,KZ,XK,LT,LU,MN 21:HR,LV,LI,CH"
    " 22:BH,BG,CR,GE,DE,IE,ME,RS,GB,VA 23:GI,IQ,IL,OM,SO,TL,AE 24:AD,CZ,MD,PK,RO,SA,SK,ES,SE,TN,VG"
    " 25:LY,PT,ST 26:IS,TR 27:FR,GR,IT,MR,MC,SM,BI,DJ 28:AL,AZ,BY,CY,DO,SV,GT,HU,LB,NI,PL"
    " 29:BR,EG,PS,QA,UA 30:JO,KW,MU,YE 31:MT,SC 32:LC 33:RU"
)
_LENGTHS = {
    country: int(length)
    for length, _, countries in (entry.partition(":") for entry in _REGISTRY.split())
    for country in countries.split(",")
}
# An IBAN is written in groups of four, with a space between them.
_GROUPED = 34 + 8
_AS_NUMBERS = {ord(letter): str(int(letter, 36)) for letter in ascii_uppercase}


def without_cards(text: str) -> str:
    """Return a text without the payment cards in it: numbers of a network with a Luhn checksum."""
    return compiled(_CARD).sub(_card, text)


def is_card(digits: str) -> bool:
    """Return whether digits are a payment card: of a network, with a Luhn checksum."""
    return bool(compiled(_NETWORKS).fullmatch(digits)) and _luhn(digits)


def _card(found: re.Match[str]) -> str:
    return FILTERED if is_card(found[0].translate(_SEPARATORS)) else found[0]


def _luhn(digits: str) -> bool:
    """Return whether the check digit is right: ISO/IEC 7812-1, annex B."""
    doubled = digits[-2::-2].translate(_DOUBLED)
    return (sum(map(int, digits[-1::-2])) + sum(map(int, doubled))) % 10 == 0


def without_ibans(text: str) -> str:
    """Return a text without the IBANs in it: the length of their country, a right checksum."""
    parts, end = [], 0
    for found in compiled(_IBAN).finditer(text):
        start = found.start()
        if start < end:
            continue
        if stop := _end_of_iban(text, start):
            parts += [text[end:start], FILTERED]
            end = stop
    return "".join([*parts, text[end:]]) if parts else text


def _end_of_iban(text: str, start: int) -> int:
    """Return where the IBAN that begins at `start` ends, 0 if there is none."""
    length = _LENGTHS.get(text[start : start + 2], 0)
    if not length:
        return 0
    compact = text[start : start + _GROUPED].replace(" ", "")[:length]
    if len(compact) < length or not (compact.isascii() and compact.isalnum() and compact.isupper()):
        return 0
    # ISO 13616-1, "Check digits": the country and the check digits last, letters as numbers.
    number = (compact[4:] + compact[:4]).translate(_AS_NUMBERS)
    if int(number) % 97 != 1:
        return 0
    found = compiled(rf"(?:[A-Z0-9] ?){{{length - 1}}}[A-Z0-9]").match(text, start)
    return found.end() if found and not text[found.end() : found.end() + 1].isalnum() else 0
