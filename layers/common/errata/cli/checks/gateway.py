"""API Gateway: the API's settings, its log, and the keys and usage plans that limit requests."""

from collections.abc import Iterator
from typing import Any

from errata.cli.checks.base import Deployment, Finding, finding
from errata.usecases import usage_keys

# Quotas of AWS for an account and region. AWS does not raise the first one on request.
MOST_GATEWAY_KEYS = 10_000
MOST_PLANS = 300
_NEARLY = 0.9
_FAMILY = "/endpointConfiguration/ipAddressType"


def api(deployment: Deployment) -> Iterator[Finding]:
    """Check whether the API has the settings of the template."""
    client = deployment.client("apigateway")
    found = client.get_rest_api(restApiId=deployment.gateway.api_id)
    source = found.get("apiKeySource")
    yield finding(
        source == "AUTHORIZER",
        "keys from the authorizer",
        f"The API takes gateway keys from {source} and not from AUTHORIZER: requests get 401.",
        _change(deployment, "replace", "/apiKeySource", "AUTHORIZER"),
    )
    yield finding(
        "*/*" in found.get("binaryMediaTypes", []),
        "binary bodies",
        "The API does not treat bodies as binary, so compressed ones are damaged.",
        _change(deployment, "add", "/binaryMediaTypes/*~1*"),
    )
    # The local stack does not return it.
    family = found.get("endpointConfiguration", {}).get("ipAddressType", "")
    yield finding(
        family in ("dualstack", ""),
        "IPv4 and IPv6" if family else "",
        f"The API answers {family} only: clients without IPv4 do not reach it.",
        _change(deployment, "replace", _FAMILY, "dualstack"),
    )
    for _, name in deployment.resources.get("AWS::ApiGateway::DomainName", []):
        domain = client.get_domain_name(domainName=name)
        family = domain.get("endpointConfiguration", {}).get("ipAddressType", "")
        yield finding(
            family in ("dualstack", ""),
            f"{name} too" if family else "",
            f"The domain {name} answers {family} only: clients without IPv4 do not reach it.",
            f"aws apigateway update-domain-name --domain-name {name} --patch-operations"
            f" op=replace,path={_FAMILY},value=dualstack",
        )


def _change(deployment: Deployment, op: str, path: str, value: str = "") -> str:
    # CloudFormation does not notice what others change: a deployment alone does not undo it.
    api_id, stage = deployment.gateway.api_id, deployment.gateway.stage
    change = f"op={op},path={path}" + (f",value={value}" if value else "")
    return (
        f"aws apigateway update-rest-api --rest-api-id {api_id} --patch-operations '{change}',"
        f" then aws apigateway create-deployment --rest-api-id {api_id} --stage-name {stage}"
    )


def log_role(deployment: Deployment) -> Iterator[Finding]:
    """Check whether API Gateway may write the access log, from which losses are counted."""
    arn = deployment.client("apigateway").get_account().get("cloudwatchRoleArn", "")
    remedy = " then ".join(
        deployment.make_deploy(f"ApiGatewayLogRole={each}") for each in ("existing", "create")
    )
    if not arn:
        yield Finding("API Gateway has no role to write logs with in this region.", remedy, False)
        return
    name = arn.rpartition("/")[2]
    client = deployment.client("iam")
    try:
        client.get_role(RoleName=name)
    except client.exceptions.NoSuchEntityException:
        yield Finding(f"The role {name} does not exist. API Gateway logs with it.", remedy, False)
        return
    yield Finding(name)


def gateway_keys(deployment: Deployment) -> Iterator[Finding]:
    """Check whether each key's gateway key is in a usage plan of this API."""
    number = 0
    for project, lost, counted in usage_keys.find_lost(deployment.gateway):
        number += counted
        yield finding(
            not lost,
            "",
            f"Gateway keys of project {project.id} are gone: all its requests get 401.",
            deployment.stack.command(f"keys repair {project.id}"),
        )
    yield Finding(f"{number} in use")


def limits(deployment: Deployment) -> Iterator[Finding]:
    """Check whether the account may have more gateway keys and usage plans."""
    client = deployment.client("apigateway")
    keys, plans = _count(client, "get_api_keys"), _count(client, "get_usage_plans")
    yield finding(
        keys < MOST_GATEWAY_KEYS * _NEARLY,
        f"{keys} of {MOST_GATEWAY_KEYS} gateway keys",
        f"The account has {keys} gateway keys. AWS allows {MOST_GATEWAY_KEYS} in a region.",
        "Revoke keys, or delete projects, that nobody uses.",
    )
    yield finding(
        plans < MOST_PLANS * _NEARLY,
        f"{plans} of {MOST_PLANS} usage plans",
        f"The account has {plans} usage plans. AWS allows {MOST_PLANS} in a region.",
        "Give projects the same rate limits, or ask for more: Service Quotas, API Gateway.",
    )


def _count(client: Any, operation: str) -> int:
    pages = client.get_paginator(operation).paginate(PaginationConfig={"PageSize": 500})
    return sum(len(page["items"]) for page in pages)
