"""What `errata doctor` says of things that a deployed stack would need long to reach."""

from typing import Any

import pytest

from errata.cli import checks
from errata.config import settings
from errata.models.gateway_key import Gateway
from tests.support.cli import STACK, Deployed, aws
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


@pytest.mark.parametrize(("setting", "tables"), [("projects", 1), ("all", 3)])
def test_the_tables_that_the_parameter_names_can_be_recovered(
    deployed: Deployed, setting: str, tables: int
) -> None:
    deployment = checks.Deployment(Gateway(STACK, deployed.api_id, "v1"), local=False)
    deployment.__dict__["stack"] = {
        "Parameters": [{"ParameterKey": "PointInTimeRecovery", "ParameterValue": setting}]
    }
    found = list(checks.CHECKS["recovery"](deployment))
    assert len([each for each in found if each.remedy]) == tables
    enabled: Any = {"PointInTimeRecoveryEnabled": True}
    names = (settings().projects_table, settings().events_table, settings().issues_table)
    for table in names[:tables]:
        aws("dynamodb").update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification=enabled
        )
    found = list(checks.CHECKS["recovery"](deployment))
    assert [each.remedy for each in found] == [""] * tables
