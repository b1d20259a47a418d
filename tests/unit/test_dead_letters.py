"""The template's dead-letter queues: each asynchronous failure ends in one of them."""

from typing import Any

from dev.template import nested
from errata import config
from errata.cli.stack import OPTIONAL, SETTINGS
from tests.support.template import of_type, resources

QUEUES = of_type("AWS::SQS::Queue")
DEAD_LETTERS = {name: queue for name, queue in QUEUES.items() if name.endswith("DeadLetterQueue")}


def dead_letter_queue(function: dict[str, Any], source: dict[str, Any]) -> str:
    """Return the dead-letter queue of a source, for what its function has failed at permanently."""
    match source["Type"]:
        case "DynamoDB":
            arn = source["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
        case "SQS":
            queue = QUEUES[source["Properties"]["Queue"]["Fn::GetAtt"][0]]
            arn = queue["RedrivePolicy"]["deadLetterTargetArn"]
        case _:  # an asynchronous invocation
            arn = function["DeadLetterQueue"]["TargetArn"]
    name: str = arn["Fn::GetAtt"][0]
    return name


def test_every_asynchronous_source_has_a_dead_letter_queue() -> None:
    found = {
        dead_letter_queue(function, source)
        for function in of_type("AWS::Serverless::Function").values()
        for source in function.get("Events", {}).values()
        if source["Type"] != "Api"
    }
    # The source of a function in a nested stack is a resource of that, and gets the queue's ARN.
    found |= {
        resources()[stack]["Properties"]["Parameters"][
            source["DestinationConfig"]["OnFailure"]["Destination"]["Ref"]
        ]["Fn::GetAtt"][0]
        for stack in nested()
        for source in of_type("AWS::Lambda::EventSourceMapping", stack).values()
        if "DestinationConfig" in source
    }
    # A queue as a source has its own dead-letter queue.
    found |= {
        QUEUES[
            resources()[stack]["Properties"]["Parameters"][source["EventSourceArn"]["Ref"]][
                "Fn::GetAtt"
            ][0]
        ]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for stack in nested()
        for source in of_type("AWS::Lambda::EventSourceMapping", stack).values()
        if "DestinationConfig" not in source
    }
    # So does a function that AWS invokes asynchronously.
    found |= {
        resources()[stack]["Properties"]["Parameters"][
            function["DeadLetterConfig"]["TargetArn"]["Ref"]
        ]["Fn::GetAtt"][0]
        for stack in nested()
        for function in of_type("AWS::Lambda::Function", stack).values()
        if "DeadLetterConfig" in function
    }
    assert found == set(DEAD_LETTERS)


def test_dead_letter_queues_are_encrypted_and_keep_messages_for_14_days() -> None:
    for queue in DEAD_LETTERS.values():
        assert queue == {"MessageRetentionPeriod": 14 * 86_400, "SqsManagedSseEnabled": True}


def test_every_dead_letter_queue_can_be_redriven() -> None:
    urls = {f"{name.removesuffix('Queue')}Url" for name in DEAD_LETTERS}
    outputs = {*SETTINGS, *OPTIONAL}
    assert {name for name in outputs if name.endswith("DeadLetterUrl")} == urls
    assert len(config.QUEUES) == len(DEAD_LETTERS)
