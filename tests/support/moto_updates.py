"""Make moto's update expressions faster without changing what it does. `moto_caches` applies these.

Each of these took a large part of a test's time, and is avoided here:

- The same expression is parsed again, and copied object by object.
- Three of the ten checks depend on nothing but the expression, its names and the table's keys.
- An expression is traversed ten times, with a slow check of each node's type.
"""

import pickle
from functools import cache
from typing import Any

import pytest
from moto.dynamodb.parsing import ast_nodes, expressions, validators

# moto has no type hints for these.
_Traverser: Any = vars(ast_nodes)["DepthFirstTraverser"]
_Parser: Any = vars(expressions)["UpdateExpressionParser"]
_Validator: Any = vars(validators)["Validator"]
_Node: Any = vars(ast_nodes)["Node"]
_with_clauses = (vars(ast_nodes)["Expression"], vars(ast_nodes)["UpdateExpressionFunction"])
# Their processors come first.
_OF_NAMES = [
    vars(validators)[name]
    for name in (
        "ActionCountValidator",
        "OverlappingPathsValidator",
        "UpdateHashRangeKeyValidator",
    )
]
_parsed = cache(_Parser.make)
# Expressions that passed these checks, with their names and the table's keys.
_passed: set[tuple[object, ...]] = set()
_nodes_of_class: dict[type, tuple[type, ...]] = {}
_uses: dict[tuple[type, ...], dict[type, int]] = {}
# `issubclass` is slow for abstract classes.
_is_a: Any = cache(issubclass)


def patch_updates(patch: pytest.MonkeyPatch) -> None:
    """Replace the slow functions of moto until the patch is undone."""
    patch.setattr(_Parser, "make", _parsed)
    patch.setattr(_Validator, "__init__", prepare)
    patch.setattr(_Validator, "validate", validate)
    # Of parsed expressions, which are trees of small objects.
    patch.setattr(validators, "deepcopy", lambda value: pickle.loads(pickle.dumps(value)))
    patch.setattr(_Traverser, "nodes_to_be_processed", nodes_to_be_processed)
    patch.setattr(_Traverser, "traverse_node_recursively", traverse)
    patch.setattr(_Node, "find_clauses", find_clauses)


@cache
def _pickled(expression: Any) -> bytes:
    """Return an expression of `_parsed`, which are never changed, as bytes to be copied."""
    return pickle.dumps(expression)


def prepare(
    validator: Any,
    expression: Any,
    expression_attribute_names: dict[str, str] | None,
    expression_attribute_values: Any,
    item: Any,
    table: Any,
) -> None:
    """Copy the expression that will be checked."""
    validator.expression_attribute_names = expression_attribute_names
    validator.expression_attribute_values = expression_attribute_values
    validator.item, validator.table = item, table
    validator.processors = validator.get_ast_processors()
    validator.node_to_validate = pickle.loads(_pickled(expression))
    names = frozenset((expression_attribute_names or {}).items())
    validator.key = (expression, names, tuple(table.table_key_attrs))


def validate(validator: Any) -> Any:
    """Check an expression, and return it with what it refers to."""
    processors = validator.processors
    first = len(_OF_NAMES)
    assert [type(each) for each in processors[:first]] == _OF_NAMES
    node = validator.node_to_validate
    for processor in processors[first if validator.key in _passed else 0 :]:
        node = processor.traverse(node)
    _passed.add(validator.key)
    return node


def nodes_to_be_processed(traverser: Any) -> tuple[type, ...]:
    """Return the types of nodes that this kind of traverser processes."""
    kind = type(traverser)
    if kind not in _nodes_of_class:
        _nodes_of_class[kind] = tuple(traverser._processing_map())
    return _nodes_of_class[kind]


def traverse(traverser: Any, node: Any, number: int = -1) -> Any:
    """Process a node's children, then the node itself. Return what takes its place."""
    kinds = traverser.nodes_to_be_processed()
    own = type(traverser).pre_processing_of_child is not _Traverser.pre_processing_of_child
    before = traverser.pre_processing_of_child if own else None
    return _visit(traverser.process, before, _uses.setdefault(kinds, {}), kinds, node, number)


def _visit(
    process: Any, before: Any, uses: dict[type, int], kinds: Any, node: Any, number: int
) -> Any:
    """`uses` has for each type: 0 if it is no node, 1 if it has children, 2 if it is processed."""
    use = uses.get(type(node))
    if use is None:
        use = uses[type(node)] = issubclass(type(node), _Node) + issubclass(type(node), kinds)
    if not use:
        return node
    parent = node.parent
    for index, child in enumerate(node.children or ()):
        if before:
            before(node, index)
        _visit(process, before, uses, kinds, child, index)
    if use == 2:
        node = process(node)
        node.parent = parent
        if parent:
            parent.children[number] = node
    return node


def find_clauses(node: Any, kinds: list[type]) -> list[Any]:
    """Return the nodes of these kinds in an expression, also those in its clauses."""
    found = []
    for child in node.children or ():
        if type(child) in kinds:
            found.append(child)
        elif _is_a(type(child), _with_clauses):
            found += child.find_clauses(kinds)
    return found
