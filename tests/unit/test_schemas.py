"""Our schemas equal those of pydantic_core."""

import pytest
from pydantic_core import core_schema

from errata.protocol import schemas
from errata.protocol.schemas import ANY, BOOL, INT, NONE, OBJECT, TEXT, CoreSchema


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ANY, core_schema.any_schema()),
        (BOOL, core_schema.bool_schema()),
        (INT, core_schema.int_schema()),
        (NONE, core_schema.none_schema()),
        (TEXT, core_schema.str_schema()),
        (OBJECT, core_schema.dict_schema(keys_schema=core_schema.str_schema())),
        (schemas.literal("a", "b"), core_schema.literal_schema(["a", "b"])),
        (schemas.items(INT), core_schema.list_schema(core_schema.int_schema())),
        (
            schemas.items(TEXT, max_length=3),
            core_schema.list_schema(core_schema.str_schema(), max_length=3),
        ),
        (
            schemas.one_of(TEXT, INT),
            core_schema.union_schema([core_schema.str_schema(), core_schema.int_schema()]),
        ),
        (schemas.nullable(BOOL), core_schema.nullable_schema(core_schema.bool_schema())),
        (
            schemas.null_if_invalid(ANY),
            core_schema.with_default_schema(
                core_schema.any_schema(), default=None, on_error="default"
            ),
        ),
        (
            schemas.fields({"a": TEXT}, "ignore"),
            core_schema.typed_dict_schema(
                {
                    "a": core_schema.typed_dict_field(
                        core_schema.nullable_schema(core_schema.str_schema()), required=False
                    )
                },
                extra_behavior="ignore",
            ),
        ),
    ],
)
def test_a_schema_equals_the_one_of_pydantic_core(ours: CoreSchema, theirs: CoreSchema) -> None:
    assert ours == theirs
