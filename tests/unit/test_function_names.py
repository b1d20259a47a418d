"""The functions of original files, as the frames of an event name them."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.compile_maps.function_names import find_functions
from tests.support.cpu import cpu_s

CODE = """import x from "y";
export class Cart {
  #items = [];
  constructor(a) { this.a = a; }
  add(item: Item) {
    item.tags.forEach((tag) => { throw new Error("é"); });
  }
  static of = () => new Cart();
  get total() { return 1; }
}
export const price = <T,>(a: T) => a;
function outer() { function inner() { return 2; } return inner; }
const o = { go() { return 3; }, "run it": function () { return 4; } };
module.exports.send = async function () { return 5; };
export default function () { boom(); }
const Late = class { early() { return 6; } };
boom(7);
"""


def around(path: str, text: str, mark: str) -> str:
    """The function around a text."""
    line = next(number for number, each in enumerate(text.split("\n")) if mark in each)
    at = (line, text.split("\n")[line].index(mark))
    starts = find_functions(path, text)
    return starts[bisect_right(starts, at, key=lambda each: (each.line, each.column)) - 1].name


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        ("this.a = a", "new Cart"),
        ("item.tags", "Cart.add"),
        ("throw", "Cart.add.<anonymous>"),
        ("new Cart()", "Cart.of"),
        ("return 1", "Cart.total"),
        ("=> a;", "price"),
        ("return 2", "inner"),
        ("return inner", "outer"),
        ("return 3", "go"),
        ("return 4", "run it"),
        ("return 5", "send"),
        ("boom();", "<anonymous>"),
        ("return 6", "Late.early"),
        ("boom(7)", "module code"),
        ("import x", "module code"),
    ],
)
def test_a_position_is_in_the_innermost_function(mark: str, name: str) -> None:
    assert around("src/cart.tsx", CODE, mark) == name


def test_columns_count_as_in_source_maps() -> None:
    text = "/* 😀é */ function a() { return 1 }"
    starts = find_functions("a.js", text)
    assert [each.column for each in starts[1:]] == [
        len(part.encode("utf-16-le")) // 2 for part in (text[: text.index("function")], text)
    ]


def test_the_scripts_of_a_component_are_read() -> None:
    text = (
        "<template>\n<p>{{ a }}</p></template>\n<script setup lang='ts'>\nfunction go() { x() }\n"
    )
    assert around("App.vue", f"{text}</script>", "x()") == "go"


def test_typescript_and_jsx_are_read() -> None:
    assert around("a.ts", "const f = () => <Item>boom();", "boom") == "f"
    assert around("a.jsx", "const App = () => <p>{boom()}</p>;", "boom") == "App"


@pytest.mark.parametrize("loose", ["(", "[", "{", "`${"])
def test_unclosed_brackets_take_little_time(loose: str) -> None:
    assert find_functions("a.ts", loose * 100_000) == ()
    # Without the limit, about ten seconds.
    assert cpu_s(lambda: find_functions("a.ts", loose * 100_000), 2) < 2


def test_a_text_with_errors_or_of_excessive_size_does_not_raise() -> None:
    assert around("a.js", "function ok() { one() }\nfunction ( {{{ ", "one") == "ok"
    assert find_functions("a.js", "f();" * 2_000_000) == ()
    deep = "function f(){" * 3_000 + "}" * 3_000
    assert 100 <= len(find_functions("a.js", deep)) < 300


@given(st.text("function(){}=>class \n;ab'`$/", max_size=60))
def test_the_starts_of_any_text_are_in_order(text: str) -> None:
    starts = [(each.line, each.column) for each in find_functions("a.ts", text)]
    assert starts == sorted(starts)
