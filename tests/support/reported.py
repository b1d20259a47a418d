"""Check what the read API returns for the events of the programs in `tests/clients/sdks`."""

from typing import Any

from tests.support.programs import PAGE, line_of

type Event = dict[str, Any]


def of_class(events: list[Event], name: str) -> Event:
    """Return the only event whose main exception has this class."""
    (found,) = (each for each in events if each["exception_class"] == name)
    return found


def with_message(events: list[Event], message: str) -> Event:
    """Return the only event with this message."""
    (found,) = (each for each in events if each["message"] == message)
    return found


def everywhere(event: Event, sdk: str, server: str | None) -> None:
    """Check what every program sets before it reports."""
    assert event["context"]["user"]["id"] == "42"
    assert event["context"]["user"]["email"] == "kim@example.org"
    assert event["tags"]["cohort"] == "b"
    assert (event["release"], event["environment"]) == ("shop@1.2.3", "staging")
    assert event["server_name"] == server
    assert event["sdk"]["name"].startswith(sdk)
    crumb = next(each for each in event["breadcrumbs"] if each["message"] == "cart opened")
    assert crumb["category"] == "cart"
    assert crumb["timestamp"]
    assert len(event["event_id"]) == 32
    assert event.get("problems") is None


def raised(event: Event, program: str, function: str, code: str) -> Event:
    """Return the in-app frame in which the main exception was raised."""
    main = event["exceptions"][-1]
    assert (main["type"], main["value"]) == (event["exception_class"], event["message"])
    frame: Event = main["frames"][-1]
    assert frame["in_app"] is True
    assert frame["function"] == function
    line = line_of(program, code)
    assert frame["lineno"] == event["line"] == line
    assert event["file"].endswith(program.rpartition("/")[2])
    if program != PAGE:  # a browser does not see the source code of its page
        assert code in frame["context_line"]
        assert frame["pre_context"]
        assert frame["post_context"]
    return frame


def captured(events: list[Event], message: str) -> None:
    """Check that it is a message, even if the SDK sends a stack with it."""
    event = with_message(events, message)
    assert (event["level"], event["exception_class"]) == ("info", None)


def handled(event: Event) -> Any:
    """Whether the application caught the main exception itself."""
    return event["exceptions"][-1]["mechanism"]["handled"]


def of_an_old_sdk(events: list[Event], program: str, function: str, code: str) -> None:
    """Check a message and an exception of an SDK that does not know envelopes."""
    error, message = events
    for event in events:
        assert event["context"]["user"]["id"] == "42"
        assert event["context"]["user"]["email"] == "kim@example.org"
        assert event["tags"]["cohort"] == "b"
        assert (event["release"], event["environment"]) == ("shop@1.2.3", "staging")
        assert event["breadcrumbs"][0]["message"] == "cart opened"
        assert event.get("problems") is None
    assert message["level"] in ("info", "warning")
    assert message["exception_class"] is None
    assert message["message"]
    assert error["level"] == "error"
    main = error["exceptions"][-1]
    assert (main["type"], main["value"]) == (error["exception_class"], error["message"])
    frame = main["frames"][-1]
    assert frame["function"].endswith(function)
    assert frame["lineno"] == error["line"] == line_of(program, code)
    assert error["file"].endswith(program.rpartition("/")[2])


def on_its_page(text: str, event: Event) -> None:
    """Check what the dashboard shows of an event of any SDK. `text` is the page without markup."""
    shown = [
        event["message"],
        event["release"],
        event["environment"],
        event["event_id"],
        "42",
        "kim@example.org",
        "cohort",
        "cart opened",
        event["sdk"]["name"],
    ]
    for exception in event.get("exceptions", []):
        shown += [exception["type"], exception["value"]]
    # In-app frames of the raising code are open, with source code and variables.
    for frame in (event.get("exceptions") or [{}])[-1].get("frames", [])[-3:]:
        if frame["in_app"]:
            shown += [frame["function"], frame.get("context_line", ""), *frame.get("vars", {})]
    # Node calls an unknown function "?". The page does not show that.
    missing = [each for each in shown if each != "?" and " ".join(each.split()) not in text]
    assert not missing, missing


def of_a_python_job(events: list[Event]) -> None:
    program = "python/script.py"
    for event in events:
        everywhere(event, "sentry.python", "worker-7")
        assert event["extra"]["attempt"] == 3
        assert event["contexts"]["cart"] == {"number": 17, "skus": ["LMP-0417", "RUG-7720"]}
        assert event["contexts"]["runtime"]["name"] == "CPython"
        assert event["modules"]["sentry-sdk"] == event["sdk"]["version"]
        assert event["platform"] == "python"

    crash = of_class(events, "NoPriceError")
    frame = raised(crash, program, "price_of", "raise NoPriceError")
    assert frame["vars"] == {"sku": "'RUG-7720'", "prices": {"LMP-0417": "12900"}}
    assert [each["type"] for each in crash["exceptions"]] == ["KeyError", "NoPriceError"]
    assert [each["function"] for each in crash["exceptions"][-1]["frames"]] == [
        "<module>",
        "total",
        "price_of",
    ]
    assert (handled(crash), crash["level"]) == (False, "error")
    assert crash["message"] == "no price for RUG-7720"
    assert crash["grouped_by"].startswith("NoPriceError in price_of (script.py)")

    logged = with_message(events, "stock of LMP-0417 is -1")
    assert logged["logentry"]["message"] == "stock of %s is %d"
    assert logged["logentry"]["params"] == ["LMP-0417", -1]
    assert (logged["logger"], logged["level"]) == ("shop.stock", "error")
    assert logged["exception_class"] is None

    caught = of_class(events, "ValueError")
    assert handled(caught) is True
    assert caught["message"] == "invalid literal for int() with base 10: '12 pieces'"
    assert caught["logentry"] == {
        "message": "line %d of the delivery note makes no sense",
        "params": [4],
        "formatted": "line 4 of the delivery note makes no sense",
    }

    in_thread = of_class(events, "IndexError")
    assert raised(in_thread, program, "pack", "parcels[0] =")["vars"] == {"parcels": []}
    assert handled(in_thread) is False

    captured(events, "Stock is being counted")


def of_flask(events: list[Event]) -> None:
    of_a_python_view(events, "python/flask_app.py", "12900")
    request = of_class(events, "ZeroDivisionError")["context"]["request"]
    assert request["url"] == "https://shop.example.org/checkout/17"
    assert request["data"] == {"sku": "LMP-0417", "count": 2}
    assert request["headers"]["User-Agent"] == "Shopper/1.0"


def of_fastapi(events: list[Event]) -> None:
    of_a_python_view(events, "python/fastapi_app.py", "25800")
    request = of_class(events, "ZeroDivisionError")["context"]["request"]
    assert request["url"].endswith("/checkout/17")
    assert request["data"] == {"count": 2}


def of_a_python_view(events: list[Event], program: str, cents: str) -> None:
    for event in events:
        everywhere(event, "sentry.python", "web-1")
        assert event["context"]["request"]["method"] == "POST"
        assert event["context"]["request"]["query_string"] == "people=0"
        assert event["url"] == event["context"]["request"]["url"]
        assert "checkout" in event["transaction"]
    crash = of_class(events, "ZeroDivisionError")
    frame = raised(crash, program, "share", "return cents // people")
    assert frame["vars"] == {"cents": cents, "people": "0"}
    assert handled(crash) is False
    # The framework's own frames are included, and are not in-app.
    assert {each["in_app"] for each in crash["exceptions"][-1]["frames"]} == {True, False}
    captured(events, "A checkout began")


def of_a_node_job(events: list[Event]) -> None:
    program = "node/script.mjs"
    for event in events:
        everywhere(event, "sentry.javascript.node", "worker-7")
        assert event["extra"]["attempt"] == 3
        assert event["contexts"]["cart"] == {"number": 17, "skus": ["LMP-0417", "RUG-7720"]}
    crash = of_class(events, "NoPriceError")
    frame = raised(crash, program, "priceOf", "throw new NoPriceError")
    assert frame["vars"]["sku"] == "RUG-7720"
    assert [each["type"] for each in crash["exceptions"]] == ["TypeError", "NoPriceError"]
    assert (crash["level"], crash["sentry_level"], handled(crash)) == ("error", "fatal", False)
    rejected = of_class(events, "RangeError")
    raised(rejected, program, "pack", "throw new RangeError")
    assert handled(rejected) is False
    captured(events, "Stock is being counted")
    logged = [each["message"] for each in crash["breadcrumbs"] if each["category"] == "console"]
    assert logged == ["counted 2 articles"]


def of_express(events: list[Event]) -> None:
    for event in events:
        everywhere(event, "sentry.javascript.node", "web-1")
        assert event["context"]["request"]["method"] == "POST"
        assert event["context"]["request"]["data"] == '{"sku":"LMP-0417"}'
        assert event["url"].endswith("/checkout/17?people=0")
    crash = of_class(events, "TypeError")
    raised(crash, "node/express.mjs", "share", "return `${payer.name}")
    assert handled(crash) is False
    captured(events, "A checkout began")


def of_rack(events: list[Event]) -> None:
    for event in events:
        everywhere(event, "sentry.ruby", "web-1")
        assert event["context"]["request"]["url"] == "https://shop.example.org/checkout/17"
        assert event["transaction"] == "/checkout/17"
        assert event["extra"] == {"attempt": 3}
    crash = of_class(events, "NoPriceError")
    frame = raised(crash, "ruby/app/shop.rb", "rescue in price_of", "raise NoPriceError")
    assert frame["vars"]["sku"] == "RUG-7720"
    assert [each["type"] for each in crash["exceptions"]] == ["KeyError", "NoPriceError"]
    captured(events, "A checkout began")


def of_a_page(events: list[Event]) -> None:
    for event in events:
        everywhere(event, "sentry.javascript.browser", None)
        assert event["url"].endswith(f"/{PAGE}")
        assert "Chrome" in event["context"]["request"]["headers"]["User-Agent"]
    crash = of_class(events, "TypeError")
    assert raised(crash, PAGE, "share", "return `${payer.name}")["colno"] > 1
    assert handled(crash) is False
    clicked = [each["message"] for each in crash["breadcrumbs"] if each["category"] == "ui.click"]
    assert clicked == ["body > button"]
    captured(events, "A checkout began")
