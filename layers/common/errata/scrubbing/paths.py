"""Exempt paths: which parts of an event stay as they are.

A path names the parts of an event from the outside in, with dots between them, as the field
`scrubbed` does. `*` stands for one part, `**` for any number of parts: `contexts.*.token`,
`**.page_token`. Entries of arrays are numbers from 0.
"""

from typing import Any

# A node of the tree of all paths: the names that may follow, and the four numbers below.
type Node = dict[Any, Any]
# The nodes that a part of an event may be at. () if no path leads there or below.
type Nodes = tuple[Node, ...]

_ANY_ONE, _ANY_NUMBER, _ENDS, _STAYS = 0, 1, 2, 3


def start(paths: tuple[tuple[str, ...], ...]) -> Nodes:
    """Return where an event itself is: at the root of the tree of these paths."""
    root: Node = {}
    for path in paths:
        node = root
        for part in path:
            if part == "**":
                node = node.setdefault(_ANY_NUMBER, {_STAYS: True})
            else:
                node = node.setdefault(_ANY_ONE if part == "*" else part, {})
        node[_ENDS] = True
    return _with_any_number(root)


def below(nodes: Nodes, name: str) -> Nodes:
    """Return where the part with this name is. A name with dots counts as several parts."""
    for part in name.split("."):
        found: list[Node] = []
        for node in nodes:
            if _STAYS in node:
                found.append(node)
            for key in (part, _ANY_ONE):
                if key in node:
                    found += _with_any_number(node[key])
        nodes = tuple(found)
        if not nodes:
            break
    return nodes


def is_exempt(nodes: Nodes) -> bool:
    """Return whether an exempt path ends at one of these nodes."""
    return any(_ENDS in node for node in nodes)


def leads_to(nodes: Nodes, path: str) -> bool:
    """Return whether a part with this path is exempt, or is within an exempt one."""
    for part in path.split("."):
        nodes = below(nodes, part)
        if is_exempt(nodes):
            return True
    return False


def _with_any_number(node: Node) -> Nodes:
    """Return a node, and the nodes after it if `**` stands for no part."""
    found = [node]
    while _ANY_NUMBER in found[-1]:
        found.append(found[-1][_ANY_NUMBER])
    return tuple(found)
