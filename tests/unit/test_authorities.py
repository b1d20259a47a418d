"""The authorities of AWS's endpoints are also in botocore's bundle, and stay valid."""

import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore

from errata.store.authorities import AMAZON

_BLOCK = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def test_each_authority_is_one_of_amazon_and_in_the_bundle_of_botocore() -> None:
    everybody = set(_BLOCK.findall((Path(botocore.__file__).parent / "cacert.pem").read_text()))
    ours = set(_BLOCK.findall(AMAZON))
    assert len(ours) == 5
    assert ours < everybody
    found = ssl.create_default_context(cadata=AMAZON).get_ca_certs()
    names = {dict(part[0] for part in each["subject"])["commonName"] for each in found}  # type: ignore[misc]  # typeshed has no form for a subject
    assert names == {
        *(f"Amazon Root CA {number}" for number in range(1, 5)),
        "Starfield Services Root Certificate Authority - G2",
    }


def test_no_authority_expires_soon() -> None:
    for found in ssl.create_default_context(cadata=AMAZON).get_ca_certs():
        ends_s = ssl.cert_time_to_seconds(str(found["notAfter"]))
        assert datetime.fromtimestamp(ends_s, UTC) > datetime.now(UTC) + timedelta(days=365)
