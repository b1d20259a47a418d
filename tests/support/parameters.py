"""Check the parameters of calls as botocore would. The product's clients do not do it.

Almost all calls are to DynamoDB, and correct. For these, this is several times faster.
"""

from collections.abc import Callable
from typing import Any

from botocore.validate import ParamValidator

type Check = Callable[[Any], bool]
# By the shape's name. Only DynamoDB's shapes, whose names are their own.
_checks: dict[str, Check] = {}


def check(operation: Any, parameters: dict[str, Any]) -> None:
    """Fail if botocore would refuse these parameters of an operation, a model of botocore."""
    known = operation.service_model.service_name == "dynamodb"
    if not known or not is_valid(operation.input_shape)(parameters):
        report = ParamValidator().validate(parameters, operation.input_shape)
        assert not report.has_errors(), f"{operation.name}: {report.generate_report()}"


def is_valid(shape: Any) -> Check:
    """Return a function that is true only for values that botocore accepts.

    It is false for all others, and for accepted ones that are rare.
    """
    if shape.name not in _checks:
        # A shape may contain itself.
        _checks[shape.name] = lambda value: _checks[shape.name](value)
        _checks[shape.name] = _made(shape)
    return _checks[shape.name]


def _made(shape: Any) -> Check:
    least = shape.metadata.get("min", 0)
    match shape.type_name:
        case "string":
            return lambda value: type(value) is str and len(value) >= least
        case "blob":
            return lambda value: type(value) is bytes
        case "boolean":
            return lambda value: type(value) is bool
        case "integer":
            return lambda value: type(value) is int and value >= least
        case "list":
            item = is_valid(shape.member)
            return lambda value: (
                type(value) is list and len(value) >= least and all(map(item, value))
            )
        case "map":
            return _map(is_valid(shape.key), is_valid(shape.value))
        case "structure" if not (shape.is_tagged_union or shape.is_document_type):
            return _structure(shape)
    return lambda _: False


def _map(key: Check, item: Check) -> Check:
    def holds(value: Any) -> bool:
        return type(value) is dict and all(map(key, value)) and all(map(item, value.values()))

    return holds


def _structure(shape: Any) -> Check:
    members = {name: is_valid(member) for name, member in shape.members.items()}
    required = frozenset(shape.metadata.get("required", ()))

    def holds(value: Any) -> bool:
        if type(value) is not dict or not required <= value.keys():
            return False
        for name, each in value.items():
            if name not in members or not members[name](each):
                return False
        return True

    return holds
