"""What an operator has to see and mend, on the local stack."""

import json

from dev.stack import LocalStack
from tests.support import template


def test_the_alarms_and_the_dashboard_are_made(stack: LocalStack) -> None:
    cloudwatch = stack.client("cloudwatch")
    alarms = cloudwatch.describe_alarms()["MetricAlarms"]
    assert len(alarms) == len(template.of_type("AWS::CloudWatch::Alarm"))
    watched = {each["Value"] for alarm in alarms for each in alarm["Dimensions"]}
    assert not [value for value in watched if "{" in value]
    answer = cloudwatch.get_dashboard(DashboardName=stack.stack_name)
    widgets = json.loads(answer["DashboardBody"])["widgets"]
    assert len(widgets) >= 6
    assert "${" not in answer["DashboardBody"]
