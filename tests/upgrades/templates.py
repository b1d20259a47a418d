"""Find what a stack would lose by an update from one template to another.

Source: the CloudFormation reference, "Update requires" of each property.
"""

from typing import Any

type Resources = dict[str, dict[str, Any]]

# Types of resources that hold data, or that somebody outside knows, each with the properties whose
# change replaces the resource. Of a user pool, those too whose change CloudFormation refuses.
REPLACING = {
    "AWS::DynamoDB::Table": (
        "TableName",
        "KeySchema",
        "LocalSecondaryIndexes",
        "ImportSourceSpecification",
        # Another view type makes another stream, and the records of the old one are lost.
        "StreamSpecification",
    ),
    "AWS::SQS::Queue": ("QueueName", "FifoQueue"),
    "AWS::SSM::Parameter": ("Name",),
    "AWS::Cognito::UserPool": (
        "UserPoolName",
        "UsernameAttributes",
        "UsernameConfiguration",
        "AliasAttributes",
        "Schema",
    ),
    "AWS::Cognito::UserPoolClient": ("UserPoolId", "GenerateSecret"),
    "AWS::Cognito::UserPoolDomain": ("UserPoolId", "Domain"),
    # Another source, or a mapping that is made anew, starts at another place of the stream.
    "AWS::Lambda::EventSourceMapping": (
        "EventSourceArn",
        "StartingPosition",
        "StartingPositionTimestamp",
        "SelfManagedEventSource",
    ),
    # The API's URL stands in every client.
    "AWS::ApiGateway::RestApi": ("Mode",),
    "AWS::ApiGateway::Stage": ("StageName", "RestApiId"),
    "AWS::ApiGateway::DomainName": ("DomainName",),
    # Gateway keys of projects belong to a plan by its id.
    "AWS::ApiGateway::UsagePlan": (),
    "AWS::ApiGateway::ApiKey": ("Name", "Value", "GenerateDistinctId"),
}
# RetainExceptOnCreate deletes a resource only if the deployment that made it is rolled back.
RETAINED = ("Retain", "RetainExceptOnCreate")
# Those with data: a copy in another stack would begin empty.
WITH_DATA = (
    "AWS::DynamoDB::Table",
    "AWS::SQS::Queue",
    "AWS::Cognito::UserPool",
    "AWS::S3::Bucket",
)


def losses(before: Resources, after: Resources) -> list[str]:
    """Return what is lost by an update between two templates that SAM has processed."""
    found: list[str] = []
    for name, old in before.items():
        kind, retained = old["Type"], old.get("DeletionPolicy") in RETAINED
        if kind not in REPLACING and not retained:
            continue
        new = after.get(name)
        if new is None or new["Type"] != kind:
            found.append(f"{name}: removed")
            continue
        if new.get("Condition") != old.get("Condition"):
            found.append(f"{name}: Condition")
        if retained and new.get("DeletionPolicy") not in RETAINED:
            found.append(f"{name}: DeletionPolicy")
        one, other = old.get("Properties", {}), new.get("Properties", {})
        changed = (each for each in REPLACING.get(kind, ()) if one.get(each) != other.get(each))
        found += [f"{name}: {each}" for each in changed]
        if kind == "AWS::DynamoDB::Table":
            found += [f"{name}: {problem}" for problem in _of_indexes(one, other)]
    return found


def _of_indexes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what DynamoDB refuses: it takes one index more or less with an update."""
    old, new = (
        {each["IndexName"]: each for each in table.get("GlobalSecondaryIndexes", ())}
        for table in (before, after)
    )
    found = []
    if len(set(old) ^ set(new)) > 1:
        found.append("more than one index comes or goes")
    for name in set(old) & set(new):
        for part in ("KeySchema", "Projection"):
            if old[name][part] != new[name][part]:
                found.append(f"{part} of the index {name}")
    old_types, new_types = (
        {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
        for table in (before, after)
    )
    for name in set(old_types) & set(new_types):
        if old_types[name] != new_types[name]:
            found.append(f"type of {name}")
    return found
