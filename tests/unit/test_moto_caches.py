"""What the tests have moto remember is what it would work out."""

from typing import Any

import pytest
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.core.utils import get_service_model

from tests.support.moto_caches import remembering


class Dict:
    """An object with other names for a member than a dictionary has."""


def names(found: Any) -> list[str]:
    """Every name under which a member of an answer may be found, in turn, without repetition."""
    model: Any = get_service_model("dynamodb")
    return [
        f"{shape.name} {key} {name}"
        for shape in map(model.shape_for, model.shape_names)
        if shape.type_name == "structure"
        for key, member in shape.members.items()
        for name in dict.fromkeys(
            XFormedAttributePicker().get_possible_keys(
                AttributePickerContext(found, key, member, None, model, "")
            )
        )
    ]


@pytest.mark.parametrize("found", [{}, Dict()], ids=["a dictionary", "an object"])
def test_a_member_is_found_under_the_same_names(found: Any) -> None:
    own = names(found)
    assert len(own) > 500
    with remembering():
        assert names(found) == own
        assert names(found) == own
