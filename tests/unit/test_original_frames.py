"""Frames of events: which ones source maps apply to, and what replaces them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errata.models.artifact import debug_key, file_url, normal_debug_id, url_key
from errata.models.event import Event
from errata.sourcemaps import frames
from errata.sourcemaps.compiled import Original
from errata.usecases import linked_maps, original_frames, text_frames
from tests.support.bundles import DEBUG_ID, SENT_DEBUG_ID
from tests.support.template import ROOT

URL = "https://shop.example.com/app.js"


def event(*sent: dict[str, Any], **more: Any) -> Event:
    """An event of a browser with these frames, the innermost one last."""
    made: Any = {"platform": "javascript", "exceptions": [{"frames": list(sent)}], **more}
    found: Event = made
    return found


def frame(**more: Any) -> dict[str, Any]:
    return {"filename": URL, "lineno": 1, "colno": 21, "function": "t", "in_app": True, **more}


def original(**more: Any) -> Original:
    of = {"source": 3, "path": "webpack://shop/./src/cart.ts", "line": 2, "column": 10}
    return Original(**{**of, "function": "Cart.add", "name": "", **more})


def test_a_frame_is_found_by_its_debug_id_then_by_its_url_in_the_release() -> None:
    images = [{"type": "sourcemap", "code_file": URL, "debug_id": SENT_DEBUG_ID}]
    sent = event(frame(), release="shop@1", dist="7", debug_meta={"images": images})
    (found,) = frames.candidates(sent)
    assert (found.line, found.column) == (0, 20)
    assert found.keys == (
        debug_key(DEBUG_ID),
        url_key("shop@1", "7", "~/app.js"),
        url_key("shop@1", "7", URL),
    )
    assert frames.candidates(event(frame(), platform="python")) == []
    assert frames.candidates(event(frame(sent={}))) == []
    assert frames.candidates(event(frame(filename="node:internal"))) == []


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("https://shop.example.com/assets/app.js?v=1#top", "~/assets/app.js"),
        ("app:///dist/server.js", "~/dist/server.js"),
        ("/srv/dist/server.js", "~/srv/dist/server.js"),
        ("~/app.js", "~/app.js"),
        ("http://[/app.js", ""),
    ],
)
def test_a_file_has_one_url_on_all_hosts(path: str, url: str) -> None:
    assert file_url(path) == url


def test_debug_ids_have_one_form() -> None:
    assert normal_debug_id(SENT_DEBUG_ID.upper()) == normal_debug_id(DEBUG_ID) == DEBUG_ID
    assert normal_debug_id("x") == normal_debug_id(None) == ""


def test_a_replaced_frame_keeps_its_sent_fields() -> None:
    sent = event(frame(abs_path=URL, module="app", context_line="min", vars={"a": 1}))
    (found,) = frames.candidates(sent)
    found.original, found.map_id = original(), "m1"
    assert frames.replace_frames([found]) == 1
    frames.set_file(sent)
    assert sent["exceptions"][0]["frames"][0] == {
        "filename": "src/cart.ts",
        "abs_path": "webpack://shop/./src/cart.ts",
        "lineno": 3,
        "colno": 11,
        "function": "Cart.add",
        "in_app": True,
        "vars": {"a": 1},
        "sent": {
            "filename": URL,
            "abs_path": URL,
            "module": "app",
            "function": "t",
            "lineno": 1,
            "colno": 21,
            "in_app": True,
            "context_line": "min",
        },
        "map": {"id": "m1", "source": 3},
    }
    assert (sent["file"], sent["line"]) == ("src/cart.ts", 3)
    assert frames.candidates(sent) == []


def test_a_function_without_source_text_is_named_as_its_caller_names_it() -> None:
    found = frames.candidates(event(frame(colno=5, function="e"), frame()))
    inner, outer = found
    inner.original = original(function="")
    outer.original = original(function="", name="addToCart")
    frames.replace_frames(found)
    assert inner.frame["function"] == "addToCart"
    assert outer.frame["function"] == "e"


@pytest.mark.parametrize(
    ("path", "short", "in_app"),
    [
        ("webpack:///./src/a.ts", "src/a.ts", True),
        ("webpack://shop/src/App.vue?1a2b", "src/App.vue", True),
        ("../../src/a.ts", "src/a.ts", True),
        ("src/a.ts", "src/a.ts", True),
        ("webpack:///./node_modules/vue/index.js", "node_modules/vue/index.js", False),
        ("../node_modules/vue/index.js", "node_modules/vue/index.js", False),
        ("webpack:///webpack/bootstrap", "webpack/bootstrap", False),
        ("\0vite/preload-helper.js", "\0vite/preload-helper.js", False),
    ],
)
def test_paths_lose_the_prefixes_of_bundlers(path: str, short: str, in_app: bool) -> None:
    (found,) = frames.candidates(event(frame()))
    found.original = original(path=path)
    frames.replace_frames([found])
    assert (found.frame["filename"], found.frame["in_app"]) == (short, in_app)


def test_the_numbers_of_frames_and_files_are_limited() -> None:
    many = [frame(filename=f"https://shop.example.com/{number}.js") for number in range(500)]
    found = frames.candidates(event(*many))
    assert [each.url for each in found] == [f"~/{number}.js" for number in range(499, 489, -1)]
    assert len(frames.candidates(event(*[frame() for _ in range(500)]))) == frames.MAX_FRAMES


def test_a_frame_that_stays_minified_has_a_reason() -> None:
    images = [{"type": "sourcemap", "code_file": URL, "debug_id": SENT_DEBUG_ID}]
    (with_id,) = frames.candidates(event(frame(), debug_meta={"images": images}))
    (of_release,) = frames.candidates(event(frame(), release="r"))
    (of_neither,) = frames.candidates(event(frame()))
    (without_column,) = frames.candidates(event(frame(colno=None), release="r"))
    assert frames.why_not(with_id, known=False) == f"Debug id {DEBUG_ID} was never uploaded."
    assert frames.why_not(with_id, known=True) == (
        "The source map has no mapping for line 1, column 21."
    )
    assert frames.why_not(of_release, known=False) == (
        "No source map of ~/app.js was uploaded for its release."
    )
    assert frames.why_not(of_neither, known=False) == (
        "The event has no debug id for this file, and no release."
    )
    assert frames.why_not(without_column, known=True) == "The frame has no line or no column."


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FRAMES = st.lists(
    st.dictionaries(
        st.sampled_from(["filename", "abs_path", "lineno", "colno", "function", "sent", "in_app"]),
        ANYTHING | st.just(URL) | st.integers(1, 99),
    )
    | ANYTHING,
    max_size=4,
)


@given(FRAMES, ANYTHING, ANYTHING, ANYTHING)
def test_any_event_is_processed_without_an_error(
    sent: Any, release: Any, debug_meta: Any, threads: Any
) -> None:
    made: Any = {"platform": "node", "release": release, "debug_meta": debug_meta}
    made |= {"exceptions": [{"frames": sent}, 7], "threads": [threads], "frames": sent}
    found = frames.candidates(made)
    for each in found:
        each.original = original()
    frames.replace_frames(found)
    frames.set_file(made)


def test_the_document_explains_every_reason() -> None:
    document = " ".join((ROOT / "docs" / "source-maps.md").read_text().split())
    images = [{"type": "sourcemap", "code_file": URL, "debug_id": DEBUG_ID}]
    (plain,) = frames.candidates(event(frame(lineno=1, colno=250)))
    (by_id,) = frames.candidates(event(frame(), debug_meta={"images": images}))
    (by_release,) = frames.candidates(event(frame(), release="shop@1"))
    (nowhere,) = frames.candidates(event(frame(lineno=None)))
    stack = "Error: x\n    at t (https://a.example/other.js:1:1)\n    at t (/app.js:1:1)"
    of_stack = text_frames.candidates({"minified_stack": stack})
    text_frames.of_one_file(of_stack, "app.js")
    reasons = [
        frames.why_not(plain, known=False),
        frames.why_not(plain, known=True),
        frames.why_not(nowhere, known=True),
        frames.why_not(by_id, known=False).replace(DEBUG_ID, "…"),
        frames.why_not(by_release, known=False),
        linked_maps.FETCHING.partition(". ")[0],
        linked_maps.LATE.partition(". ")[0],
        original_frames.LATE.removesuffix("."),
        original_frames.NO_TIME.partition(". ")[0],
        of_stack[-1].frame["minified"],
    ]
    assert [each for each in reasons if each not in document] == []
