"""What the tests have moto remember is what it would work out."""

from typing import Any

import pytest
from joserfc.jwk import RSAKey
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.core.utils import get_service_model
from moto.utilities.utils import load_resource

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


def test_an_rsa_key_is_the_one_that_was_asked_for() -> None:
    one = load_resource("cognitoidp/resources/jwks-private.json")
    other = RSAKey.generate_key(2048).as_dict(private=True)
    with remembering():
        keys = [RSAKey.import_key(value) for value in (one, other, one)]
    assert keys[0] is keys[2]
    assert [key.as_dict(private=True)["d"] for key in keys[:2]] == [one["d"], other["d"]]
