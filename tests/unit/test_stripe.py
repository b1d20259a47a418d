"""Stripe's signatures, against values that its own library made."""

import hmac

import pytest

from errata.errors import BadRequestError
from errata.protocol.stripe import verify
from tests.support.stripe import stripe_signature

SECRET = "whsec_test"
AT_S = 1_795_340_000
# By stripe 16.1.0: WebhookSignature.generate_signature_header(body, SECRET, AT_S).
VECTORS = {
    '{"id":"evt_1","object":"event"}': (
        "857a2b96e86a5de035fea4ed011374003e166bb58892cfd34470905388f4f586"
    ),
    '{"name":"Zoë"}': "1818c2818d9ee98fa76ceaccfe4e76cd12093631af90ac2a5ba93201192ccee0",
}
BODY, GOOD = next(iter(VECTORS.items()))
OTHER = "0" * 64


def verified(header: str, body: bytes = BODY.encode(), secret: str = SECRET, age: int = 0) -> bool:
    try:
        verify(body, header, secret, AT_S + age)
    except BadRequestError:
        return False
    return True


@pytest.mark.parametrize(("body", "signature"), VECTORS.items())
def test_a_signature_by_stripe_s_own_library_is_accepted(body: str, signature: str) -> None:
    header = f"t={AT_S},v1={signature}"
    assert verified(header, body.encode())
    assert stripe_signature(body, SECRET, AT_S) == header


@pytest.mark.parametrize(
    "header",
    [
        f"t={AT_S},v1={OTHER},v1={GOOD}",
        f"t={AT_S},v1={GOOD},v1={OTHER}",
        f"v1={GOOD},t={AT_S}",
        f"t={AT_S},v1=é,v1={GOOD},v0=ignored,v2",
    ],
)
def test_one_matching_signature_of_several_is_enough(header: str) -> None:
    assert verified(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "=",
        f"v1={GOOD}",
        f"t={AT_S}",
        f"t={AT_S},v1=",
        f"t={AT_S},v1={OTHER}",
        f"t={AT_S},v0={GOOD}",
        f"t={AT_S},v1={GOOD[:-1]}",
        f"t={AT_S},v1={GOOD}0",
        f"t={AT_S},v1=\ud800",
        f"t={AT_S + 1},v1={GOOD}",
        f"t=+{AT_S},v1={GOOD}",
        f"t=,t={AT_S},v1={GOOD}",
        f"t={'9' * 5_000},v1={GOOD}",
        f"t=\uff11{str(AT_S)[1:]},v1={GOOD}",
    ],
)
def test_a_header_without_a_valid_signature_and_timestamp_is_refused(header: str) -> None:
    assert not verified(header)


def test_a_timestamp_must_be_digits() -> None:
    # Only somebody with the secret can sign this. It must still be refused, and not fail.
    signature = hmac.digest(SECRET.encode(), f"{AT_S}x.{BODY}".encode(), "sha256").hex()
    assert not verified(f"t={AT_S}x,v1={signature}")


def test_a_signature_is_valid_for_one_body_and_one_secret() -> None:
    header = f"t={AT_S},v1={GOOD}"
    assert not verified(header, BODY.encode() + b" ")
    assert not verified(header, b"\xff")
    assert not verified(header, secret="whsec_other")


@pytest.mark.parametrize("secret", ["", " "])
def test_an_empty_secret_accepts_no_signature(secret: str) -> None:
    assert not verified(stripe_signature(BODY, secret, AT_S), secret=secret)


@pytest.mark.parametrize(("age", "accepted"), [(-3_600, True), (300, True), (301, False)])
def test_a_signature_is_valid_for_five_minutes(age: int, accepted: bool) -> None:
    assert verified(f"t={AT_S},v1={GOOD}", age=age) is accepted
