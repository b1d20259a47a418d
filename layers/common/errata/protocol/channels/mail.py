"""E-mail: to one address, or to the members of a project.

RFC 5322: a line has at most 998 characters; `References` makes a thread of an issue's mails. RFC
8058: `List-Unsubscribe`.
"""

import re
from dataclasses import replace
from html import escape

from errata.models.alert import MEMBERS, Alert, Mail, News, plain
from errata.protocol.channels.channel import (
    MAX_FRAME,
    MAX_PLACE,
    MAX_TITLE,
    Channel,
    metadata,
    roundup_line,
)

MAX_SUBJECT = 150
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+"
)


def write(alert: Alert, _address: str) -> Mail:
    """Return the mail about an alert."""
    news = alert.first
    project = plain(alert.project, 60)
    if alert.is_roundup:
        subject = f"[{project}] {alert.headline}"
        text, html = _roundup(alert)
        thread = alert.id
    else:
        subject = f"[{project}] {news.label} {plain(news.title, MAX_TITLE)}"
        text, html = _about(news)
        thread = news.issue_id or alert.id
    why = f"You get this because of an alert of {project}: {alert.settings_url}"
    return Mail(
        plain(subject, MAX_SUBJECT),
        f"{text}\n\n-- \n{why}\n",
        f'{html}<p style="color:#6a645d">You get this because of an alert of {escape(project)}:'
        f' <a href="{escape(alert.settings_url)}">change it</a>.</p>',
        f"<{thread}@errata>",
        alert.settings_url,
    )


def _about(news: News) -> tuple[str, str]:
    title, place = plain(news.title, MAX_TITLE), plain(news.culprit, MAX_PLACE)
    frames = [plain(each, MAX_FRAME) for each in news.frames]
    known = metadata(news)
    lines = [news.label, title, *([f"in {place}"] if place else []), ""]
    lines += [f"{name}: {value}" for name, value in known]
    lines += ["", *frames] if frames else []
    lines += ["", news.url] if news.url else []
    rows = "".join(
        f"<tr><td>{escape(name)}&nbsp;</td><td>{escape(value)}</td></tr>" for name, value in known
    )
    html = (
        f"<p>{escape(news.label)}</p><h2>{_linked(title, news.url)}</h2>"
        + (f"<p>in <code>{escape(place)}</code></p>" if place else "")
        + f"<table>{rows}</table>"
        + (f"<pre>{escape(chr(10).join(frames))}</pre>" if frames else "")
        + (f"<p>{_linked('Open the issue', news.url)}</p>" if news.url else "")
    )
    return "\n".join(lines), html


def _roundup(alert: Alert) -> tuple[str, str]:
    more = [f"… and {alert.more} more"] if alert.more else []
    lines = [alert.headline, ""]
    for each in alert.news:
        lines += [f"* {roundup_line(each)}", f"  {each.url}"]
    lines += [*more, "", alert.url]
    items = "".join(f"<li>{_linked(roundup_line(each), each.url)}</li>" for each in alert.news)
    html = (
        f"<p>{escape(alert.headline)}</p><ul>{items}</ul>"
        + "".join(f"<p>{escape(each)}</p>" for each in more)
        + f"<p>{_linked('Open the issues', alert.url)}</p>"
    )
    return "\n".join(lines), html


def _linked(text: str, url: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>' if url else escape(text)


def _check(address: str) -> str:
    if len(address) <= 254 and _ADDRESS.fullmatch(address):
        return ""
    return "This is not an e-mail address."


EMAIL = Channel(
    kind="email",
    label="E-mail",
    asks_for="an e-mail address",
    example="oncall@example.com",
    write=write,
    check=_check,
    hint=lambda address: address,
    secret=False,
)
TO_MEMBERS = replace(
    EMAIL, kind=MEMBERS, label="Members by e-mail", asks_for="", example="", check=lambda _: ""
)
