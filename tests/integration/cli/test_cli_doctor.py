"""What `errata doctor` says of things that a deployed stack would need long to reach."""

import pytest

from errata.cli import checks
from errata.models.gateway_key import Gateway
from tests.support.cli import STACK, Deployed
from tests.support.unclaimed import generated


def test_it_warns_before_strangers_have_filled_the_limit(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errata.usecases.unclaimed.MAX_UNCLAIMED", 10)
    deployment = checks.Deployment(Gateway(STACK, deployed.api_id, "v1"), local=False)
    for _ in range(8):
        generated()
    (found,) = checks.CHECKS["unclaimed projects"](deployment)
    assert (found.detail, found.remedy) == ("8 of at most 10", "")
    generated()
    (found,) = checks.CHECKS["unclaimed projects"](deployment)
    assert found.detail.startswith("9 of at most 10 projects belong to nobody.")
    assert "delete --unclaimed" in found.remedy
