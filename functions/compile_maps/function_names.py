"""Find the functions of original files: JavaScript and TypeScript.

A source map names what is thrown or called, not the function around it. So the original text is
parsed, with tree-sitter, which also reads a text with errors.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser, Query, QueryCursor

from errata.sourcemaps.compile import FunctionStart

# JavaScriptCore's word for code outside of functions. Grouping knows it.
OUTSIDE = "module code"
_ANONYMOUS = "<anonymous>"
# Larger files are not parsed: people do not write such files.
_MAX_TEXT = 4 * 1024 * 1024
# Children of one syntax error, such as unclosed brackets. A query takes quadratic time for them.
_MAX_LOOSE = 5_000
_MAX_NAME = 100
_MAX_DEPTH = 100
# Patterns that name a function come before those that only find it.
_FUNCTIONS = """
(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(function_expression name: (_) @name) @function
(method_definition name: (_) @name) @function
(variable_declarator name: (identifier) @name value: [
  (arrow_function) (function_expression) (generator_function)] @function)
(assignment_expression left: (identifier) @name right: [
  (arrow_function) (function_expression) (generator_function)] @function)
(assignment_expression left: (member_expression property: (_) @name) right: [
  (arrow_function) (function_expression) (generator_function)] @function)
(pair key: (_) @name value: [
  (arrow_function) (function_expression) (generator_function)] @function)
(public_field_definition name: (_) @name value: [
  (arrow_function) (function_expression) (generator_function)] @function)
(class_declaration name: (_) @name body: (class_body) @class)
(abstract_class_declaration name: (_) @name body: (class_body) @class)
(variable_declarator name: (identifier) @name value: (class body: (class_body) @class))
(class name: (_) @name body: (class_body) @class)
(arrow_function) @function
(function_expression) @function
(generator_function) @function
"""
_SINGLE_FILE = re.compile(r"\.(?:vue|svelte|astro)(?:\?|$)")
_SCRIPT = re.compile(r"<script\b[^>]*+>(.*?)</script>", re.DOTALL | re.IGNORECASE)
_NOT_A_LINE_BREAK = re.compile(r"[^\n]")


class _Range(NamedTuple):
    """A function, or the body of a class, in a text. Lines and columns count from 0."""

    start: tuple[int, int]
    end: tuple[int, int]
    name: str
    is_class: bool


def find_functions(path: str, text: str) -> Sequence[FunctionStart]:
    """Return where the innermost function of a file changes, and to which one, in order.

    Columns count UTF-16 code units, as in source maps. Empty for a text that is not parsed.
    """
    if len(text) > _MAX_TEXT:
        return ()
    if _SINGLE_FILE.search(path):
        text = _scripts(text)
    content = text.encode("utf-16-le", "surrogatepass")
    # Only TSX knows JSX, and only TypeScript knows `<T>value`.
    parser, query = _parser(path.partition("?")[0].endswith((".ts", ".mts", ".cts")))
    root = parser.parse(content, encoding="utf16le").root_node
    if _has_too_much_loose(root):
        return ()
    return _starts(sorted(_ranges(query, root), key=lambda each: (each.start, _before(each))))


@cache
def _parser(typescript: bool) -> tuple[Parser, Query]:
    grammar = tree_sitter_typescript
    language = Language(grammar.language_typescript() if typescript else grammar.language_tsx())
    return Parser(language), Query(language, _FUNCTIONS)


def _has_too_much_loose(root: Node) -> bool:
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if node.is_error and node.child_count > _MAX_LOOSE:
            return True
        nodes += [each for each in node.children if each.has_error]
    return False


def _before(each: _Range) -> tuple[int, int]:
    """Return a sort key that puts an outer range before an inner one with the same start."""
    return -each.end[0], -each.end[1]


def _ranges(query: Query, root: Node) -> Iterator[_Range]:
    """Yield the functions and classes of a file."""
    found: dict[tuple[int, int], _Range] = {}
    for _, captures in QueryCursor(query).matches(root):
        is_class = "class" in captures
        (node,) = captures["class" if is_class else "function"]
        key = (node.start_byte, node.end_byte)
        named = captures.get("name")
        name = _text(named[0]) if named else _ANONYMOUS
        known = found.get(key)
        if known is None or known.name == _ANONYMOUS:
            found[key] = _Range(
                _position(node.start_point), _position(node.end_point), name, is_class
            )
    yield from found.values()


def _position(point: tuple[int, int]) -> tuple[int, int]:
    row, column = point
    return row, column // 2  # two bytes for each UTF-16 code unit


def _text(node: Node) -> str:
    text = (node.text or b"").decode("utf-16-le", "replace")
    return text[:_MAX_NAME].strip("'\"`")


def _starts(ranges: list[_Range]) -> list[FunctionStart]:
    """Return where the innermost function changes. `ranges` are in order, outer ones first."""
    starts = [FunctionStart(0, 0, OUTSIDE)]
    opened: list[tuple[_Range, str]] = []

    def close(until: tuple[int, int]) -> None:
        while opened and opened[-1][0].end <= until:
            ended, _ = opened.pop()
            starts.append(FunctionStart(*ended.end, _innermost(opened)))

    for each in ranges:
        close(each.start)
        if len(opened) == _MAX_DEPTH:
            continue
        opened.append((each, _full_name(each, opened)))
        if not each.is_class:
            starts.append(FunctionStart(*each.start, opened[-1][1]))
    close((2**31, 0))
    return starts


def _innermost(opened: list[tuple[_Range, str]]) -> str:
    return next((name for each, name in reversed(opened) if not each.is_class), OUTSIDE)


def _full_name(each: _Range, opened: list[tuple[_Range, str]]) -> str:
    """Return a name as V8 writes it: `Cart.add`, `new Cart`, `add.<anonymous>` for a callback."""
    if each.is_class:
        return each.name
    around = opened[-1] if opened else None
    if around and around[0].is_class:
        return f"new {around[1]}" if each.name == "constructor" else f"{around[1]}.{each.name}"
    if each.name != _ANONYMOUS or around is None:
        return each.name
    outer = around[1].removesuffix(f".{_ANONYMOUS}")
    return each.name if outer == _ANONYMOUS else f"{outer}.{_ANONYMOUS}"


def _scripts(text: str) -> str:
    """Return a single-file component. Spaces replace everything except its scripts."""
    kept = []
    end = 0
    for found in _SCRIPT.finditer(text):
        kept += [_NOT_A_LINE_BREAK.sub(" ", text[end : found.start(1)]), found[1]]
        end = found.end(1)
    return "".join([*kept, _NOT_A_LINE_BREAK.sub(" ", text[end:])])
