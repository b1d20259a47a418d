"""The page of an event that a Sentry SDK has sent."""

import html
import json
import re
from itertools import islice
from typing import Any
from urllib.parse import urljoin

import pytest

from errata.models.event import SDK_FIELDS
from errata.models.ids import DAY_MS, day_name, issue_id
from errata.usecases import issues
from tests.support import sdk, sdk_events, stream
from tests.support.account import Clock, Project
from tests.support.browser import Browser, Shown
from tests.support.calls import recorded
from tests.support.hostile_events import HOSTILE_EVENTS
from tests.support.pages import HOSTILE, MAX_BYTES, MAX_CALLS, OWNER, only_our_markup
from tests.support.visible import visible_in


def show(browser: Browser, project: Project, *events: dict[str, Any]) -> Shown:
    """Store events and look at each. Return the page of the last one."""
    for event_id in sdk_events.put(project, *events):
        shown = browser.get(f"projects/{project.id}/events/{event_id}")
        assert shown.status == 200
        assert shown.size <= MAX_BYTES
        only_our_markup(shown.html)
    return shown


def card(shown: Shown, title: str) -> str:
    """Return the text of the part with this title."""
    found = re.search(rf"<(h[23])[^>]*>{title}.*?(?=<\1|</section>)", shown.html, re.S)
    assert found, title
    return Shown("", 200, {}, found[0], 0).text


def trace(shown: Shown) -> str:
    """Return the text of the stack trace."""
    _, _, found = shown.html.partition('<section class="card flush" id="trace"')
    return Shown("", 200, {}, "<p " + found.partition("</section>")[0], 0).text


def test_the_main_exception_comes_first_and_its_cause_second(
    browser: Browser, busy: Project
) -> None:
    shown = show(browser, busy, sdk_events.PYTHON)
    stack = trace(shown)
    assert "VoucherError: no voucher applies unhandled, via flask" in stack.replace(
        "unhandled , via", "unhandled, via"
    )
    assert "JSON shop/cart.py:28 in apply" in stack
    assert "2 frames from libraries: flask flask/app.py:917 in dispatch_request" in stack
    assert "caused by KeyError: 'chair' shop/cart.py:20 in total" in stack
    assert "fatal unhandled" in shown.text


def test_the_head_names_the_root_cause_and_a_search_finds_it(
    browser: Browser, busy: Project
) -> None:
    shown = show(browser, busy, sdk_events.PYTHON)
    head = shown.html.partition("</h1>")[2].partition('aria-label="Summary"')[0]
    assert 'caused by <a href="#cause">KeyError: &#39;chair&#39;</a>' in head
    cause = shown.html.partition(' id="cause">')[2]
    assert cause.index("KeyError: &#39;chair&#39;</h3>") < cause.index("</section>")
    assert shown.html.count('id="cause"') == 1
    listed = browser.get(f"projects/{busy.id}/issues?query=%22KeyError:+'chair'%22")
    assert "no voucher applies" in listed.text
    raw = browser.get(f"{shown.url}?raw=1").html
    assert '<a href="#trace">KeyError: &#39;chair&#39;</a>' in raw
    deeper = [{"type": "OSError", "value": "disk full"}, *sdk_events.PYTHON["exceptions"]]
    shown = show(browser, busy, {**sdk_events.PYTHON, "exceptions": deeper})
    assert 'root cause <a href="#cause">OSError: disk full</a>' in shown.html
    shown = show(browser, busy, {**sdk_events.PYTHON, "exceptions": deeper[-1:]})
    assert "#cause" not in shown.html


def test_the_head_of_an_event_shows_request_status_and_browser(
    browser: Browser, busy: Project
) -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
    url = "https://shop.example.org/checkout"
    request = {"method": "GET", "url": f"{url}?step=2", "headers": {"User-Agent": firefox}}
    event = {
        **sdk_events.PYTHON,
        "url": request["url"],
        "context": {"request": request},
        "contexts": {"response": {"status_code": 500}},
    }
    shown = show(browser, busy, event)
    summary = "Request GET /checkout Status 500 Browser Firefox 144 on Linux"
    assert trace(shown).startswith(summary), trace(shown)
    link = re.search(r'<a href="([^"]+)">GET /checkout</a>', shown.html)
    assert link
    found = browser.get(urljoin(shown.url, html.unescape(link[1])))
    assert "Found: 1." in found.text


def test_minified_code_links_to_the_set_up_of_source_maps(browser: Browser, busy: Project) -> None:
    assert "minified" not in show(browser, busy, sdk_events.JAVASCRIPT).text
    frame = {"filename": "/static/app.js", "function": "t", "lineno": 1, "colno": 20_451}
    exceptions = [{"type": "TypeError", "value": "x", "frames": [{**frame, "in_app": True}]}]
    shown = show(browser, busy, {**sdk_events.JAVASCRIPT, "exceptions": exceptions})
    assert "This code is minified, and the project has no source maps." in shown.text
    link = re.search(r'<a href="([^"]+)">Set up source maps</a>', shown.html)
    assert link
    assert "sentry-cli sourcemaps upload" in browser.get(urljoin(shown.url, link[1])).text
    mapped = [{**exceptions[0], "frames": [{**frame, "in_app": True, "sent": frame}]}]
    shown = show(browser, busy, {**sdk_events.JAVASCRIPT, "exceptions": mapped})
    assert "This code is minified" not in shown.text


def test_nested_values_of_variables_are_shown_without_the_sdk_s_quotes(
    browser: Browser, busy: Project
) -> None:
    nested = {"code": "'AUTUMN'", "prices": ["1", {"a": "None"}], "<b>": "'<b>'"}
    frame = {**sdk_events.APPLY, "vars": {"voucher": nested}}
    exceptions = [{"type": "E", "value": "x", "frames": [frame]}]
    shown = show(browser, busy, {**sdk_events.PYTHON, "exceptions": exceptions})
    assert "voucher {code: 'AUTUMN', prices: [1, {a: None}], <b>: '<b>'}" in shown.text
    text = browser.get(f"{shown.url}.md").html
    assert "code: 'AUTUMN', prices: [1, {a: None}]" in text
    # Other SDKs send the values themselves.
    script = {**sdk_events.JAVASCRIPT, "exceptions": exceptions}
    assert '"code": "\'AUTUMN\'"' in show(browser, busy, script).text


def test_in_app_frames_are_open_with_code_and_variables(browser: Browser, busy: Project) -> None:
    html, _, _ = show(browser, busy, sdk_events.PYTHON).html.partition(">Threads</h2>")
    html = html[html.index('id="trace"') :]
    assert html.count("<details open>") == 3
    frame = html[html.index("<details open>") : html.index("</details>")]
    assert 'title="/app/shop/cart.py"' in frame
    # Numbered from the first line on, without the common indentation.
    assert '<ol class="code" start="25"><li>try:</li><li>    total = self.total()</li>' in frame
    marked = re.findall(r'<li class="here" aria-current="true">([^<]*)</li>', frame)
    assert marked == ["    raise VoucherError(&#34;no voucher applies&#34;) from error"]
    # The line of code uses this variable, so it comes first.
    used = '<dl class="vars"><dt class="used">voucher</dt><dd class="used">&#39;SPRING26&#39;</dd>'
    assert used in frame
    folded = html[html.index('<li class="library"><details>') :]
    assert "return self.view_functions[rule.endpoint](**view_args)" in folded


def test_every_part_of_an_sdk_s_event_is_shown_under_its_title(
    browser: Browser, busy: Project
) -> None:
    shown = show(browser, busy, sdk_events.PYTHON)
    assert "payment.provider twint" in card(shown, "Tags")
    assert card(shown, "Runtime") == "Runtime name CPython version 3.13.0"
    assert card(shown, "order") == "order number 7781 gift false"
    assert card(shown, "Template") == "Template filename cart.html lineno 3"
    assert card(shown, "Other fields") == "Other fields time_spent 12"
    assert "message checkout of %s failed" in card(shown, "Log entry")
    assert "cart_age_seconds 1812" in card(shown, "Extra")
    assert card(shown, "Request").startswith("Request POST 1 header Host a.b")
    fields = card(shown, "Fields")
    assert "transaction checkout logger shop.checkout platform python dist 77" in fields
    about = card(shown, "Event<")
    assert "sentry.python.flask 2.19.0" in about
    assert "SDK event id fd2e5cf6b5ac4f2ebb3fcb7ea0c0b0c5" in about
    assert "Grouped by VoucherError in shop.cart.apply" in about
    threads = card(shown, "Threads")
    assert threads.startswith("Threads worker-2, BLOCKED crashed")
    assert threads.endswith("MainThread current")
    assert "<summary>Modules</summary>" in shown.html
    assert "flask 3.1.0" in shown.text
    assert re.search(r"08:09:00\.500 \S+ \S+ query SELECT 1", shown.text)
    wrong = (
        "Errata could not store all parts of this event as they were sent: "
        "user.id must be a string."
    )
    assert wrong in shown.text


def test_the_stack_trace_of_a_browser_s_event_is_shown(browser: Browser, busy: Project) -> None:
    stack = trace(show(browser, busy, sdk_events.JAVASCRIPT))
    assert "Error: cannot render the cart unhandled, via onerror" in stack
    assert "2 frames from libraries: @acme/ui, react-dom" in stack
    assert "caused by TypeError: Cannot read properties of undefined (reading 'price')" in stack
    assert "https://shop.example.org/static/cart.js:7:27 in Cart.total" in stack
    assert " in ?" not in stack


def test_an_exception_group_shows_its_members(browser: Browser, busy: Project) -> None:
    group = {"exception_id": 0, "is_exception_group": True}
    member = {"exception_id": 1, "parent_id": 0, "source": "exceptions[0]"}
    exceptions = [
        {"type": "OSError", "value": "disk full", "mechanism": member},
        {"type": "ExceptionGroup", "value": "two jobs failed", "mechanism": group},
    ]
    stack = trace(show(browser, busy, {"exceptions": exceptions}))
    assert "ExceptionGroup: two jobs failed" in stack
    assert "including OSError: disk full" in stack


def test_the_innermost_frame_is_open_if_none_is_in_app(browser: Browser, busy: Project) -> None:
    exceptions = [
        {
            "type": "E",
            "frames": [sdk_events.FLASK, {**sdk_events.FLASK, "lineno": 5}, sdk_events.FLASK],
        }
    ]
    html = show(browser, busy, {"exceptions": exceptions}).html
    assert html.count("<details open>") == 1
    assert "2 frames from libraries: flask" in html


def test_frames_of_a_text_are_shown_like_frames_that_were_sent_as_data(
    browser: Browser, busy: Project
) -> None:
    text = (
        'Traceback (most recent call last):\n  File "/app/a.py", line 7, in f\n    g()\n'
        '  File "/lib/python3.13/json/decoder.py", line 3, in g\n    h()\n'
        '  File "/lib/python3.13/json/decoder.py", line 4, in h\n    no\nE: no\n'
    )
    html = show(browser, busy, {"stack_trace": text}).html
    assert '<ol class="code" start="7"><li>g()</li></ol>' in html
    assert "2 frames from libraries: json" in html
    assert "Raw text" in html


def test_an_event_says_when_it_was_received(browser: Browser, busy: Project, clock: Clock) -> None:
    shown = show(browser, busy, {**sdk_events.PYTHON, "received_at": clock.ms - 7_200_000})
    assert "received 2 h ago" in shown.text
    response = json.loads(browser.get(f"{shown.url}/json").html)
    assert response["event_id"] == sdk_events.PYTHON["event_id"]


def test_an_issue_shows_how_it_was_grouped(browser: Browser, busy: Project) -> None:
    for fields, reason in (
        (sdk_events.PYTHON, "VoucherError in shop.cart.apply"),
        ({"message": "a"}, "the same message, exception class, file and line"),
        ({"message": "b", "fingerprint": "mine"}, "the sender's fingerprint"),
        (
            {"message": "c", "fingerprint": "x", "grouped_by": "fingerprint: pay"},
            "the sender's fingerprint: pay",
        ),
    ):
        sdk_events.put(busy, dict(fields))
        (issue,) = (each for each in issues.list_issues(visible_in(busy.id)) if each.count == 1)
        assert (
            f"Grouped by {reason} Fingerprint"
            in browser.get(f"projects/{busy.id}/issues/{issue.id}").text
        )
        issues.delete(visible_in(busy.id, 1), issue.id, OWNER)


def test_grouped_by_is_cut_to_500_characters(busy: Project) -> None:
    sdk_events.put(busy, {**sdk_events.PYTHON, "grouped_by": "x" * 2_000})
    issue = issues.find(visible_in(busy.id), issue_id(busy.id, sdk_events.PYTHON["fingerprint"]))
    assert issue.grouped_by == "x" * 500


ODD: tuple[Any, ...] = (
    "text",
    7,
    True,
    None,
    [],
    [[]],
    [None, 1, "x"],
    {},
    {"x": None},
    {"frames": {"y": [1]}},
)


@pytest.mark.parametrize("name", [*SDK_FIELDS, "context", "breadcrumbs", "received_at"])
def test_a_field_of_an_unexpected_type_does_not_break_the_page(
    browser: Browser, busy: Project, name: str
) -> None:
    show(browser, busy, *({**sdk_events.PYTHON, name: odd} for odd in ODD))


@pytest.mark.parametrize(
    "name", ["frames", "mechanism", "type", "value", "vars", *sdk_events.TOTAL]
)
def test_a_part_of_an_exception_of_an_unexpected_type_does_not_break_the_page(
    browser: Browser, busy: Project, name: str
) -> None:
    events = []
    for odd in ODD:
        frame = {**sdk_events.TOTAL, name: odd}
        exceptions = [{"type": "E", "frames": [frame, frame]}, {"frames": [frame], name: odd}]
        threads = [{"name": "t", "frames": [frame], name: odd}]
        events.append({**sdk_events.PYTHON, "exceptions": exceptions, "threads": threads})
    show(browser, busy, *events)


def event_with(value: str, number: int) -> dict[str, Any]:
    """Return an event with this value in every field of an SDK, `number` times in lists.

    A frame has more lines and variables than a page shows of one, but not more than a few.
    """
    many = {f"{value}{n}": value for n in range(number)}
    texts = dict.fromkeys(("filename", "abs_path", "module", "function", "context_line"), value)
    lines = [value] * min(number, 20)
    frame = {
        **{"lineno": 9, **texts, "pre_context": lines, "post_context": lines},
        "vars": dict(islice(many.items(), 50)),
    }
    frames = [{**frame, "in_app": n % 3 > 0} for n in range(number)]
    mechanism = {"type": value, "handled": False, "help_link": value, "source": value}
    exception = {"type": value, "value": value, "mechanism": mechanism, "frames": frames}
    names = ("event_id", "platform", "logger", "transaction", "dist", "sentry_level", "grouped_by")
    return {
        **dict.fromkeys(("message", "exception_class", "file", "url", *names), value),
        "fingerprint": "f",
        "grouping": "v2",
        "sdk": {"name": value, "version": value},
        **dict.fromkeys(("tags", "extra", "modules", "debug_meta"), many),
        "contexts": {value: many, **{f"{value}{n}": {"name": value} for n in range(number)}},
        "logentry": {"message": value, "params": [value]},
        "exceptions": [exception] * min(number, 20),
        "threads": [{"name": value, "crashed": True, "frames": frames[:5]}] * number,
        "breadcrumbs": [{"category": value, "message": value, "data": many}] * number,
        "context": {"user": many, "request": {"url": value, "headers": many}, value: value},
        "problems": [{"field": value, "problem": value}] * number,
    }


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (HOSTILE, 1),
        (HOSTILE, 30),
        ("javascript:alert(1)", 2),
        ("\u202e\x00\x1b", 5),
        # The most markup for each character shown, and the least.
        ("x", 100),
        ("&", 100),
        ("", 100),
        ("\n", 60),
        ("\U0001f4a5" * 300, 10),
        ("&" * 30_000, 3),
    ],
    ids=["hostile", "often", "link", "unseen", "tiny", "escaped", "empty", "lines", "wide", "long"],
)
def test_any_contents_of_an_sdk_s_event_are_shown_as_text(
    browser: Browser, busy: Project, value: str, number: int
) -> None:
    event = event_with(value, number)
    page = show(browser, busy, event)
    with recorded() as calls:
        browser.get(f"{page.url}?raw=1")
    assert len(calls) <= MAX_CALLS
    issue = browser.get(f"projects/{busy.id}/issues/{issue_id(busy.id, 'f')}")
    assert issue.size <= MAX_BYTES
    only_our_markup(issue.html)


@pytest.mark.parametrize("name", ["exceptions", "threads", "contexts", "tags", "breadcrumbs"])
@pytest.mark.parametrize("value", ["x", "&", "\U0001f4a5"])
def test_no_single_part_makes_the_page_too_large(
    browser: Browser, busy: Project, name: str, value: str
) -> None:
    show(browser, busy, {"message": "m", name: event_with(value, 200)[name]})


def test_every_part_of_a_large_event_gets_some_of_the_byte_budget(
    browser: Browser, busy: Project
) -> None:
    parts = ("tags", "contexts", "extra", "breadcrumbs", "threads", "modules", "exceptions")
    full = {name: value for name, value in event_with("w" * 200, 30).items() if name in parts}
    shown = show(browser, busy, {"message": "m", **full})
    assert "www" in trace(shown)
    for title in ("Tags", "Extra", "Threads"):
        assert "www" in card(shown, title)
    for part in ('class="crumbs"', "<summary>Modules</summary>"):
        assert "www" in shown.html[shown.html.index(part) :]
    assert "Long values are shortened here" in shown.text


def test_all_frames_can_be_opened_and_every_trace_has_a_raw_text(
    browser: Browser, busy: Project
) -> None:
    shown = show(browser, busy, sdk_events.PYTHON)
    path = shown.url.rpartition("/")[2]
    assert f'{path}?frames=all#trace">Open all frames' in shown.html
    opened = browser.get(f"{shown.url}?frames=all")
    for each, closed in ((shown, True), (opened, False)):
        _, _, found = each.html.partition('id="trace"')
        assert ('<li class="library"><details>' in found.partition("</section>")[0]) == closed
    assert "Fold libraries" in opened.text
    # The SDK sent data, not a text.
    raw = browser.get(f"{shown.url}?raw=1")
    assert (
        "VoucherError: no voucher applies shop/cart.py:28 in apply raise VoucherError" in raw.text
    )
    assert "caused by: KeyError: &#39;chair&#39;\n  shop/cart.py:20 in total\n" in raw.html
    assert ">Frames</a>" in raw.html
    # The threads are texts, too.
    assert "worker-2, BLOCKED\n  shop/cart.py:20 in total\n" in raw.html


def test_an_event_as_markdown_links_to_its_page(
    browser: Browser, busy: Project, clock: Clock
) -> None:
    shown = show(browser, busy, sdk_events.PYTHON)
    copied = re.search(r'href="([^"]*)" data-copy-from="([^"]*)"', shown.html)
    assert copied
    assert copied[1] == copied[2]
    event, today = shown.url.rpartition("/")[2], day_name(clock.ms // DAY_MS)
    with recorded() as calls:
        found = browser.get(f"projects/{busy.id}/events/{event}.md")
    assert len(calls) <= MAX_CALLS
    assert found.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert found.html.startswith("## `VoucherError: no voucher applies`\nin `shop.cart in apply`\n")
    assert f"- issue: `SHOP-2-1, open`\n- seen: `1 event since {today}" in found.html
    assert f"- event: <{shown.url}>\n" in found.html


def test_breadcrumbs_come_newest_first_by_kind_and_older_ones_are_folded(
    browser: Browser, busy: Project
) -> None:
    kinds = ({"category": "ui.click"}, {"category": "httplib"}, {"type": "log", "level": "error"})
    crumbs = [{"message": f"crumb {n:02d}", **kinds[n % 3]} for n in range(30)]
    shown = show(browser, busy, {"message": "m", "breadcrumbs": crumbs})
    assert re.findall(r"crumb (\d\d)", shown.text) == [f"{n:02d}" for n in range(29, -1, -1)]
    newest, _, older = shown.html.partition("<summary>10 older</summary>")
    assert (newest.count("crumb "), older.count("crumb ")) == (20, 10)
    assert re.findall(r'id="k-(\w+)" checked>\w+ <span class="faint">(\d+)<', shown.html) == [
        ("http", "10"),
        ("log", "10"),
        ("ui", "10"),
    ]


def test_parts_beyond_the_maximum_numbers_are_counted(browser: Browser, busy: Project) -> None:
    crumbs = [{"message": f"crumb {n:02d}"} for n in range(75)]
    exceptions = [{"type": f"E{n}Error", "value": "x"} for n in range(14)]
    threads = [{"id": n, "name": f"worker-{n}", "frames": [sdk_events.TOTAL]} for n in range(23)]
    event = {"message": "m", "breadcrumbs": crumbs}
    shown = show(browser, busy, {**event, "exceptions": exceptions, "threads": threads})
    assert "Breadcrumbs 60 of 75 (all are in the JSON ), newest first" in shown.text
    assert "… 2 more exceptions. See the JSON." in trace(shown)
    assert "… 3 more threads. See the JSON." in card(shown, "Threads")
    fewer = {"exceptions": exceptions[:13], "threads": threads[:20], "breadcrumbs": crumbs[:60]}
    shown = show(browser, busy, {**event, **fewer})
    assert "Breadcrumbs 60, newest first" in shown.text
    assert "… 1 more exception. See the JSON." in trace(shown)
    assert "more thread" not in shown.text


def test_nested_exception_groups_are_shown_as_a_tree(browser: Browser, busy: Project) -> None:
    def raised(name: str, number: int, parent: int | None = None, **about: Any) -> dict[str, Any]:
        mechanism = {"exception_id": number, **about}
        if parent is not None:
            mechanism["parent_id"] = parent
        return {"type": name, "value": "x", "mechanism": mechanism}

    exceptions = [
        raised("KeyError", 4, 1),
        raised("OSError", 3, 2),
        raised("InnerGroup", 2, 0, is_exception_group=True),
        raised("ValueError", 1, 0),
        raised("OuterGroup", 0, is_exception_group=True),
    ]
    shown = show(browser, busy, {"exceptions": exceptions})
    found = re.findall(r'<div class="in-(\d)">.*?<h3>(\w+): x</h3>', shown.html, re.S)
    assert found == [
        ("0", "OuterGroup"),
        ("1", "ValueError"),
        ("1", "KeyError"),
        ("1", "InnerGroup"),
        ("2", "OSError"),
    ]


@pytest.mark.parametrize("name", HOSTILE_EVENTS)
def test_pages_of_hostile_events_stay_within_the_maximum_size(
    browser: Browser, busy: Project, name: str
) -> None:
    event_id = sdk.capture(busy, **{"exception": None, **HOSTILE_EVENTS[name]})
    assert stream.deliver(stream.records()) == []
    for query in ("", "?frames=all", "?raw=1"):
        own = browser.get(f"projects/{busy.id}/events/{event_id}").url
        shown = browser.get(own + query)
        assert (shown.status, shown.size <= MAX_BYTES) == (200, True)
        only_our_markup(shown.html)
        assert "Event 1 of 1" in shown.text
