"""The template's alarms: each is documented and notifies the operator. None without a topic."""

import json
import re

from tests.support.template import ROOT, of_type, resources

DOCUMENT = (ROOT / "docs" / "operations.md").read_text()
# The nested stack of alarms.
STACK = "Operations"
# The nested stacks with a function of their own.
WITH_FUNCTION = ("SourceMaps", "LogCapture", "Monitors")
OF_NESTED = {
    name: stack for stack in WITH_FUNCTION for name in of_type("AWS::Lambda::Function", stack)
}
ALARMS = of_type("AWS::CloudWatch::Alarm", STACK)
_ROW = re.compile(r"^\| `(\w+Alarm)` \| .+ \| .+ \|$", re.MULTILINE)


def test_the_document_explains_exactly_the_alarms_of_the_template() -> None:
    assert ALARMS
    assert sorted(_ROW.findall(DOCUMENT)) == sorted(ALARMS)


def test_every_alarm_notifies_the_topic_when_it_begins_and_ends() -> None:
    for alarm in ALARMS.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopicArn"}]
        # The metrics have no data while nothing happens.
        assert alarm["TreatMissingData"] == "notBreaching"


def test_resources_that_cost_are_created_only_with_a_topic() -> None:
    kinds = {
        "AWS::Budgets::Budget",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::Logs::MetricFilter",
    }
    assert kinds == {each["Type"] for each in resources(STACK).values()}
    assert resources()[STACK]["Condition"] == "HasAlarms"
    assert not [name for name, each in resources().items() if each["Type"] in kinds]


def test_a_budget_notifies_the_topic_at_80_percent_and_by_forecast() -> None:
    (budget,) = of_type("AWS::Budgets::Budget", STACK).values()
    notified = [
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
        for each in budget["NotificationsWithSubscribers"]
    ]
    assert notified == [("ACTUAL", 80), ("FORECASTED", 100)]
    for each in budget["NotificationsWithSubscribers"]:
        assert each["Subscribers"] == [
            {"SubscriptionType": "SNS", "Address": {"Ref": "AlarmTopicArn"}}
        ]
    assert resources(STACK)["Budget"]["Condition"] == "HasBudget"


def test_every_dead_letter_queue_is_watched() -> None:
    watched = [
        dimension["Value"]
        for alarm in ALARMS.values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
        for dimension in alarm["Dimensions"]
    ]
    queues = [name for name in of_type("AWS::SQS::Queue") if name.endswith("DeadLetterQueue")]
    assert sorted(each["Ref"] for each in watched) == sorted(queues)


def test_the_dashboard_shows_every_function_and_every_queue() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard", STACK).values()
    widgets = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    metrics = [metric for each in widgets for metric in each["properties"]["metrics"]]
    for function in (*of_type("AWS::Serverless::Function"), *OF_NESTED):
        assert ["AWS/Lambda", "Errors", "FunctionName", f"${{{function}}}"] in metrics
    shown = {metric[3] for metric in metrics if metric[0] == "AWS/SQS"}
    queues = {f"${{{name}}}" for name in of_type("AWS::SQS::Queue")}
    assert shown == queues


def test_the_stack_gets_the_name_of_everything_that_it_watches() -> None:
    of_all = {"AlarmTopicArn", "MonthlyBudget", "StackName", "Stage"}
    for parameter, value in resources()[STACK]["Properties"]["Parameters"].items():
        # A queue is watched by its name, which is not what `Ref` returns.
        name = {"Fn::GetAtt": [parameter, "QueueName"]}
        is_queue = parameter in of_type("AWS::SQS::Queue")
        if parameter in OF_NESTED:
            name = {"Fn::GetAtt": [OF_NESTED[parameter], f"Outputs.{parameter}"]}
        elif not is_queue:
            name = {"Ref": parameter}
        assert parameter in of_all or value == name


def test_the_filter_looks_for_the_words_that_the_dispatcher_logs() -> None:
    filter_ = of_type("AWS::Logs::MetricFilter", STACK)["WebhookDisabledFilter"]
    source = ROOT / "layers" / "common" / "errata" / "usecases" / "deliver.py"
    words = re.findall('[?]"([a-z ]+)"', filter_["FilterPattern"])
    assert words == ["webhook disabled", "channel failing"]
    for each in words:
        assert f'logger.error("{each}"' in source.read_text()


def test_the_filter_looks_for_the_error_that_the_access_log_has() -> None:
    filter_ = of_type("AWS::Logs::MetricFilter", STACK)["InvalidKeysFilter"]
    assert filter_["FilterPattern"] == '{ $.error = "INVALID_API_KEY" }'
    assert filter_["LogGroupName"] == {"Ref": "ApiLogs"}
    (api,) = of_type("AWS::Serverless::Api").values()
    line = json.loads(api["AccessLogSetting"]["Format"])
    assert line["error"] == "$context.error.responseType"
    assert "INVALID_API_KEY" in api["GatewayResponses"]
