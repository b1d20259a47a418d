"""Grouping v2: which parts of names, files and messages count."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from errata.grouping.v2 import group
from errata.grouping.v2.message import constant, fixed
from errata.grouping.v2.names import bundle, file, name
from errata.models.event import Event

FROZEN = json.loads((Path(__file__).parent / "grouping_texts.json").read_text())


def called(function: str, platform: str = "javascript") -> str:
    """The function in the reason, of a frame in `cart.js`."""
    frame = {"filename": "cart.js", "function": function, "in_app": True}
    event: Event = {"platform": platform, "exceptions": [{"type": "E", "frames": [frame]}]}
    return group(event).grouped_by.removeprefix("E in ").removesuffix("cart.js)").rstrip(" (")


@pytest.mark.parametrize(
    ("kind", "keep"),
    [("message", constant), ("name", name), ("file", file), ("bundle", bundle)],
)
def test_a_frozen_text_keeps_its_constant_part(kind: str, keep: Callable[[str], str]) -> None:
    """A changed text splits open issues: leave v2 as it is, and add a v3.

    Each text of `grouping_texts.json` is at the edge of a rule: just long enough, or just not.
    """
    assert {written: keep(written) for written in FROZEN[kind]} == FROZEN[kind]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("total", "total"),
        ("utf8", "utf8"),
        ("func1", "func1"),
        ("base64_encode",) * 2,
        ("?", ""),
        ("<anonymous>", ""),
        ("<module>", ""),
        ("shop.v2.cart",) * 2,
        ("<lambda>", "<lambda>"),
        ("<lambda_3>", "<lambda>"),
        ("closure@3", "closure"),
        ("lambda$total$0", "lambda$total"),
        ("access$000", "access"),
        ("Cart$1", "Cart$1"),
        ("shop.Cart$$Lambda$14/0x00000008000c2840", "shop.Cart$$Lambda"),
        ("shop.Cart$$Lambda/0x00007f1c4c0d2e10", "shop.Cart$$Lambda"),
        ("Cart$$EnhancerBySpringCGLIB$$abcdefab", "Cart$$EnhancerBySpringCGLIB"),
        ("GeneratedMethodAccessor173", "GeneratedMethodAccessor"),
        ("main.main.func1", "main.main.func"),
        ("main.main.func1.2", "main.main.func"),
        ("(*Cart).Total.gowrap1", "(*Cart).Total.gowrap"),
        ("f-range1", "f-range"),
        ("class@anonymous\0/srv/shop/cart.php:12$0::total", "class@anonymous::total"),
        ("Base@anonymous\0/srv/a.php:3$1f", "Base@anonymous"),
        ("{closure:Shop\\Cart::total():42}", "{closure}"),
        ("_app_views_show_html_erb___3847928374652934_23460", "_app_views_show_html_erb"),
        ("_app_views_show_html_erb__384_460", "_app_views_show_html_erb"),
        ("core::ops::call_once::h3f2a1bc9d8e7f6a5", "core::ops::call_once::"),
        ("{{closure}}",) * 2,
        ("{closure#0}", "{closure}"),
        ("closure #1 in f", "closure in f"),
        ("<Total>b__3_0", "<Total>b__"),
        ("<>c__DisplayClass3_0", "<>c__DisplayClass"),
        ("<Total>g__Sum|3_0", "<Total>g__Sum"),
        ("__45-[Cart total]_block_invoke_2", "__45-[Cart total]_block_invoke"),
        ("handler_0x7f3a5c0d2e10", "handler_"),
        ("app.3f2a1bc9", "app."),
        ("total.cold", "total"),
    ],
)
def test_a_name_loses_the_numbers_that_a_compiler_added(written: str, kept: str) -> None:
    assert name(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("total", "total"),
        ("Cart.total", "total"),
        ("Object.total", "total"),
        ("new Cart", "Cart"),
        ("async Cart.total", "total"),
        ("Cart.total [as sum]", "total"),
        ("async Promise.all (index 0)", "all"),
        ("Cart/this.total", "total"),
        ("#total",) * 2,
        ("Cart.get total [as total]", "total"),
        ("?", ""),
        ("async", ""),
        ("total/<", ""),
        ("Object.<anonymous>", ""),
        ("HTMLButtonElement.<anonymous>", ""),
        ("total<", "total"),
        ("toX", "toX"),
        ("Cart.toX", "toX"),
        ("total$1", "total"),
        ("<unknown>", ""),
        ("anonymous", ""),
    ],
)
def test_function_names_of_all_javascript_engines_are_the_same(written: str, kept: str) -> None:
    assert called(written) == (kept or "cart.js")
    assert called(written, "node") == (kept or "cart.js")


def test_names_of_other_languages_stay_qualified() -> None:
    assert called("Cart.total", "python") == "Cart.total"
    frames = [{"filename": "cart", "function": "Cart.total", "in_app": True}]
    for platform in ({}, {"platform": None}, {"platform": ["javascript"]}):
        event: Any = {**platform, "frames": frames}
        assert group(event).grouped_by == "frames in Cart.total (cart)"
    assert group({"platform": "node", "frames": frames}).grouped_by == "frames in total (cart)"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("cart.py", "cart.py"),
        ("shop/cart.py", "shop/cart.py"),
        ("<anonymous>", ""),
        ("/srv/app/shop/cart.py", "shop/cart.py"),
        ("cart.py:12", "cart.py"),
        ("C:\\work\\shop\\cart.cs", "shop/cart.cs"),
        ("C:\\cart.cs", "cart.cs"),
        ("https://cdn.example.org/assets/app.3f2a1bc9.js?v=1#x", "assets/app.js"),
        ("https://a.example.org/js/main.8d7e6f5a.chunk.js", "js/main.chunk.js"),
        ("/static/js/2.f3a9b1c0.chunk.js", "js/.chunk.js"),
        ("/assets/chunk-AB12CD34.js", "assets/chunk.js"),
        ("/assets/index-BX3kT9_a.js", "assets/index.js"),
        ("/assets/index-BxKTjaQd.mjs", "assets/index.mjs"),
        ("/assets/CartItem-D_x3-kT9.js", "assets/CartItem.js"),
        ("/_nuxt/BxKT9aQd.js", "_nuxt/.js"),
        ("/chunks/117-9d8e7f6a5b4c3d2e.js", "chunks/.js"),
        ("lib/CartItem.js",) * 2,
        ("lib/S3Client.js",) * 2,
        ("lib/base64url.js",) * 2,
        ("lib/Vector3D.js",) * 2,
        ("my-utils/my-utils.js",) * 2,
        ("C#/cart.cs",) * 2,
        ("home/ada/cart.py", "home/cart.py"),
        ("/build/9f86d081884c7d65/x.py", "build/x.py"),
        ("/srv/releases/20260101120000/cart.js", "releases/cart.js"),
        ("/srv/releases/3f2a1bc/cart.js", "releases/cart.js"),
        ("/x/lodash@4.17.21/lodash.js", "lodash/lodash.js"),
        ("npm/react@18/index.js", "react/index.js"),
        ("gems/rack-2.2.8/rack.rb", "rack/rack.rb"),
        ("js/jquery-3.6.0.min.js", "js/jquery.min.js"),
        ("x/v2/a.js", "v2/a.js"),
        ("x/v1.2.3/app-1.2.3-beta.1.js", "x/app.js"),
        ("webpack:///./src/cart.js?1a2b", "src/cart.js"),
        ("webpack-internal:///(rsc)/./src/cart.tsx", "src/cart.tsx"),
        ("app:///dist/cart.js", "dist/cart.js"),
        ("node:internal/fs", "internal/fs"),
        ("blob:https://a.example.org/3f2a1bc9-1111-4222-8333-0123456789ab", ""),
        ("https://shop.example.org/orders/17", "orders/"),
    ],
)
def test_a_file_keeps_its_folder_and_its_name(written: str, kept: str) -> None:
    assert file(written) == kept


def test_functions_of_main_scripts_are_distinguished_by_their_files() -> None:
    def script(path: str) -> str:
        frame = {"module": "__main__", "filename": path, "function": "main", "in_app": True}
        return group({"exceptions": [{"type": "E", "frames": [frame]}]}).grouped_by

    assert script("jobs/nightly.py") == "E in main (jobs/nightly.py)"
    assert script("jobs/hourly.py") != script("jobs/nightly.py")


def test_a_frame_without_a_file_name_is_named_by_its_path_or_its_package() -> None:
    def reason(**where: str) -> str:
        frame = {"function": "f", "in_app": True, **where}
        return group({"exceptions": [{"type": "E", "frames": [frame]}]}).grouped_by

    assert reason(abs_path="/srv/shop/cart.c", package="/lib/shop.so") == "E in f (shop/cart.c)"
    assert reason(package="/usr/lib/shop.so") == "E in f (lib/shop.so)"
    assert reason(module="__main__") == "E in f (__main__)"
    assert reason() == "E in f"


def test_an_inline_script_has_no_file() -> None:
    def reason(path: str) -> str:
        frame = {"filename": path, "function": "pay", "in_app": True}
        event: Event = {"platform": "javascript", "exceptions": [{"type": "E", "frames": [frame]}]}
        return group(event).grouped_by

    assert reason("https://a.example.org/orders/17") == "E in pay"
    assert reason("https://a.example.org/js/cart.js#/orders/17") == "E in pay (js/cart.js)"


@pytest.mark.parametrize(
    "text",
    [
        "Loading chunk 17 failed",
        "Failed to fetch dynamically imported module: https://a.example.org/cart.js",
        "Unable to preload CSS",
    ],
)
@pytest.mark.parametrize("platform", ["javascript", "node"])
def test_code_that_cannot_be_loaded_is_one_issue(text: str, platform: str) -> None:
    loading = "a part of the application that cannot be loaded"
    for fields in (
        {"exceptions": [{"type": "TypeError", "value": text}]},
        {"exceptions": [{"type": "TypeError"}], "message": text},
        {"message": text},
    ):
        event: Any = {"platform": platform, **fields}
        elsewhere: Any = {**event, "platform": "python"}
        assert group(event).grouped_by == loading
        assert group(elsewhere).grouped_by != loading


@pytest.mark.parametrize(
    ("function", "kept"),
    [
        ("Cart#total", "total (cart.rb)"),
        ("block in Cart#total", "block in total (cart.rb)"),
        ("block in <main>", "cart.rb"),
    ],
)
def test_a_method_of_ruby_loses_its_class(function: str, kept: str) -> None:
    frame = {"filename": "cart.rb", "function": function, "in_app": True}
    assert group({"platform": "ruby", "frames": [frame]}).grouped_by == f"frames in {kept}"


def test_modules_of_bundles_lose_their_hashes() -> None:
    def module(name: str) -> str:
        frame = {"module": name, "filename": "cart.js", "function": "f", "in_app": True}
        event: Event = {"platform": "node", "exceptions": [{"type": "E", "frames": [frame]}]}
        return group(event).grouped_by

    assert module("routes:cart") == "E in routes:cart.f"
    for nameless in ("", "<anonymous>", "<unknown>", "?"):
        assert module(nameless) == "E in f (cart.js)"
    assert module("chunks:index-BX3kT9_a") == module("chunks:index-D_x3-kT9")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("can't find the user's cart", "can't find the user's cart"),
        ("took 12ms, 1.5 s, 1h30m15s", "took <number>, <number> s, <number>"),
        ("-5.5e-10 of 1,000,000.5 is 20%, 3rd", "<number> of <number> is <number>"),
        ("worker-7 utf8 v1.2.3 #17", "worker-<number> utf<number> v<number> #<number>"),
        ("rows 1, 2,3 and 4", "rows <number> and <number>"),
        ("'a' \"b\" `c` “d” „e“ «f» b'g' \u2018h\u2019", "a b c d e f g h"),
        ("no 'a' \"b\" `c` “d” „e“ «f» b'g' \u2018h\u2019", "no" + " <quoted>" * 8),
        ("no 'Bob's cart' in 'a', 'b', 'c'", "no <quoted> in <quoted>"),
        ('{"sku": 12, "name": "a \\" b"}', "{name, sku}"),
        ("{name} is 12", "{name} is <number>"),
        ('said \\"hi 5\\"', "said <quoted>"),
        ("to jo.b+x@mail.example.org: no", "to <email>: no"),
        ("lodash@4.17.21", "lodash@<number>"),
        ("3F2A1BC9-1111-4222-8333-0123456789AB", "<uuid>"),
        ("commit 3f2a1bc9d8 of 0xDEADbeef is dead", "commit <id> of <hex> is dead"),
        ("cus_9f8Gh3K2 / AB12CD34", "cus_<id> / <id>"),
        (
            "10.0.0.7:5432, [::1]:80, fe80::1%eth0, 2001:db8:0:0::17",
            "<ip>, [<ip>]:<number>, <ip>, <ip>",
        ),
        ("aa:bb:cc:dd:ee:0f 01-23-45-67-89-ab", "<mac> <mac>"),
        ("2026-01-05T10:00:00.123+02:00 2026-01-05 10:00:00,5 10:00:00", "<time> <time> <time>"),
        ("Mon, 05 Jan 2026 10:00:00 GMT; Mon Jan  5 10:00:00 2026", "<time>; <time>"),
        ("20260105T100000Z", "<time>"),
        (
            "(https://jo:pw@api.example.org:80/cart/12?a=1#b).",
            "(https://api.example.org:<number>/cart/<id>).",
        ),
        ("std::vector a::b", "std::vector a::b"),
        ("a\n\t b\u00a0c  ", "a b c"),
        ("%s of %(name)s {} {name}", "%s of %(name)s {} {name}"),
        *(
            (f"no {word} 'price' of 'jo'", f"no {word} 'price' of <quoted>")
            for word in (
                *("relation", "table", "column", "constraint", "index", "module", "module named"),
                *("property", "attribute", "reading", "setting", "field", "function", "method"),
                *("class", "template", "view", "package", "argument", "parameter", "variable"),
                *("command", "TABLE"),
            )
        ),
        ("no timetable 'price'", "no timetable <quoted>"),
        *(
            (f"after 3 s: {code}", f"after <number> s: {code}")
            for code in (
                *("status 404", "status: 404", "status code 404", "statusCode=404", "HTTP 404"),
                *(
                    "exit code 137",
                    "error_code=7",
                    'response status "500"',
                    "[Errno 2]",
                    "error code 7",
                    "response code 502",
                    "exit_status: 3",
                    "got 502",
                    "returned 404",
                    "received 503",
                    "answered with 429",
                    "Errno -2",
                ),
                *("SQLSTATE[23000]", "SQLSTATE 40P01", "signal 11", "Code: -1009", "code=260"),
                *("React error #418", "ERROR 1062 (x)", "404 Client Error", "503: Service"),
            )
        ),
        (
            "in 3 s: zip code 12345 and 404 rows",
            "in <number> s: zip code <number> and <number> rows",
        ),
        ("/home/jo/a C:\\Users\\jo\\b /srv/home/x", "<home>/a <home>\\b /srv/home/x"),
        ("\u0663 of \uff15", "<number> of <number>"),
    ],
)
def test_a_message_keeps_its_words_and_loses_its_values(written: str, kept: str) -> None:
    assert constant(written) == kept


def test_a_long_message_is_cut_to_a_thousand_characters() -> None:
    assert constant("x" * 1_001) == "x" * 1_000
    # Two thousand characters are read; a quoted value that is cut there is still one.
    assert constant(f'"{"y" * 1_990}" for joanna') == "<quoted> for joa"
    assert constant(f'"{"y" * 1_900}" {"a" * 200}') == "<quoted> " + "a" * 97
    assert constant(f'no "{"y" * 2_000}') == "no <quoted>"
    assert constant(f'"{"y" * 1_999}') == f'"{"y" * 999}'
    assert constant("no cart " * 900) == ("no cart " * 125).strip()
    assert constant(f'bad JSON: "{"x" * 5_000}"') == "bad JSON: <quoted>"
    assert constant(f'bad JSON: "{"y" * 700}" for jo') == "bad JSON: <quoted> for jo"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///home/ada/shop/a.py", "file:///home/<home>/shop/a.py"),
        ("file:///C:/Users/ada/x.js", "file:///C:/Users/<home>/x.js"),
        ("file:///srv/home/ada", "file:///srv/home/<home>"),
        ("file:///home", "file:///home"),
        ("file:///a/b/home/ada/x", "file:///a/b/home/ada/x"),
        ("file:///home/ada/x?back=1://y", "file:///home/<home>/x"),
        ("https://a.example/home/ada", "https://a.example/home/ada"),
    ],
)
def test_the_user_s_home_is_replaced_in_a_file_url(url: str, path: str) -> None:
    assert constant(url) == path


def test_words_of_the_line_of_code_and_all_codes_are_kept() -> None:
    assert fixed("alpha 404 beta 503", "alpha beta") == "alpha beta 404 503"
    assert fixed("alpha beta gamma delta", "alpha beta") == "alpha beta"
    assert fixed("alpha beta gamma", "alpha") == "alpha beta gamma"


def test_the_message_of_a_log_line_keeps_its_words() -> None:
    assert constant('msg="user 12 gone" n=3') == 'msg="user <number> gone" n=<number>'
    assert constant('msg="user 12 ="') == 'msg="user <number> ="'
    largest = json.dumps({"msg": "user 12 gone", "rest": "x" * 8_157})
    assert len(largest) == 8_192
    assert constant(largest) == "user <number> gone"
    assert constant(largest.replace("x", "xx", 1)).startswith("{msg: user <number> gone")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("InternalError", "too much recursion"),
        ("RangeError", "Maximum call stack size exceeded"),
        ("RangeError", "Maximum call stack size exceeded."),
    ],
)
def test_endless_recursion_is_one_issue_in_all_engines(kind: str, value: str) -> None:
    frames = [{"filename": "app.js", "function": "pay", "in_app": True}]
    exception = {"type": kind, "value": value, "frames": frames}
    found = group({"platform": "javascript", "exceptions": [exception]})
    assert found.grouped_by == "RangeError in pay (app.js)"
    assert found.fingerprint == "8120b9213447184cdd00bb5e9ab46d07"  # frozen
    exception["frames"] = []
    assert group({"platform": "javascript", "exceptions": [exception]}).grouped_by == "RangeError"
