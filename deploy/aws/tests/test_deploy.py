"""Tests of deploy.py that need no AWS: its clients are replaced."""

import argparse
import contextlib
import io
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

import deploy
from botocore.exceptions import ClientError


def missing(operation):
    error = {"Error": {"Code": "ResourceNotFoundException", "Message": "does not exist"}}
    return ClientError(error, operation)


class Pages:
    """A paginator with one page."""

    def __init__(self, page):
        self.page = page

    def paginate(self, **_):
        return [self.page]


class Service:
    """A client whose lists are given, and that remembers what it deletes."""

    def __init__(self, aws, lists):
        self.aws, self.lists = aws, lists

    def get_paginator(self, operation):
        return Pages(self.lists.get(operation, {}))

    def __getattr__(self, operation):
        def call(**arguments):
            if operation in self.lists:
                answer = self.lists[operation]
                return answer(**arguments) if callable(answer) else answer
            self.aws.calls.append((operation, *arguments.values()))
            return {}

        return call


class Aws:
    account, region, endpoint = "123456789012", "eu-central-1", None

    def __init__(self, describe, **lists):
        self.calls = []
        self.lists = {
            "describe_stacks": describe,
            "list_buckets": {"Buckets": [{"Name": "pics-picturesbucket-1x2y"}, {"Name": "pics-old-picturesbucket-1"}]},
            "list_tables": {"TableNames": ["pics-UsersTable-AB1", "pics-PicturesTable-AB2", "other-UsersTable-AB3"]},
            "list_secrets": {
                "SecretList": [
                    {"ARN": "arn:key", "Tags": [{"Key": "trichrome:stack", "Value": "pics"}]},
                    {"ARN": "arn:other", "Tags": [{"Key": "trichrome:stack", "Value": "other"}]},
                ]
            },
            "list_roles": {"Roles": [{"RoleName": "pics-ApiLogRole-Z9"}, {"RoleName": "pics-ApiLogRoleOfMine"}]},
            "list_attached_role_policies": {"AttachedPolicies": []},
            "describe_stack_events": {"StackEvents": []},
            "get_secret_value": {"SecretString": "postgres://", "VersionId": "1"},
        } | lists

    def client(self, _):
        return Service(self, self.lists)

    def deleted(self):
        return {call[:2] for call in self.calls if call[0].startswith("delete_")}


class Clock:
    """Time that passes only while something waits."""

    def __init__(self):
        self.now = 0

    def sleep(self, seconds):
        self.now += seconds

    def monotonic(self):
        return self.now


def down(aws, *, delete_data, clock=None):
    clock = clock or Clock()
    options = argparse.Namespace(stack="pics", delete_data=delete_data)
    printed = io.StringIO()
    with (
        mock.patch.object(deploy, "Aws", lambda: aws),
        mock.patch.object(deploy.time, "sleep", clock.sleep),
        mock.patch.object(deploy.time, "monotonic", clock.monotonic),
        contextlib.redirect_stderr(printed),
    ):
        deploy.down(options)
    return printed.getvalue()


def gone(**_):
    raise ClientError({"Error": {"Code": "ValidationError", "Message": "pics does not exist"}}, "DescribeStacks")


DATA = {
    ("delete_bucket", "pics-picturesbucket-1x2y"),
    ("delete_table", "pics-UsersTable-AB1"),
    ("delete_table", "pics-PicturesTable-AB2"),
    ("delete_secret", "arn:key"),
    ("delete_secret", "pics/database-url"),
    ("delete_role", "pics-ApiLogRole-Z9"),
}
ARTEFACTS = {("delete_bucket", "pics-artefacts-123456789012-eu-central-1")}


class Down(unittest.TestCase):
    def test_waits_for_functions_of_a_vpc(self):
        clock = Clock()

        def describe(**_):
            status = "DELETE_IN_PROGRESS" if clock.now < 45 * 60 else "DELETE_COMPLETE"
            return {"Stacks": [{"StackStatus": status}]}

        aws = Aws(describe)
        down(aws, delete_data=True, clock=clock)
        self.assertGreaterEqual(clock.now, 45 * 60)
        self.assertLessEqual(DATA, aws.deleted())

    def test_a_stack_that_never_ends_is_reported(self):
        aws = Aws(lambda **_: {"Stacks": [{"StackStatus": "DELETE_IN_PROGRESS"}]})
        with self.assertRaisesRegex(deploy.Problem, "DELETE_IN_PROGRESS after 60 minutes"):
            down(aws, delete_data=True)
        self.assertEqual(aws.deleted(), set())

    def test_deletes_the_data_of_a_stack_that_is_gone(self):
        aws = Aws(gone)
        down(aws, delete_data=True)
        self.assertEqual(aws.deleted(), DATA | ARTEFACTS)

    def test_keeps_all_data_and_names_it(self):
        aws = Aws(gone)
        printed = down(aws, delete_data=False)
        self.assertEqual(aws.deleted(), ARTEFACTS)
        for _, name in DATA:
            self.assertIn(name, printed)

    def test_has_nothing_to_do_where_nothing_is(self):
        def no_secret(**_):
            raise missing("GetSecretValue")

        empty = {"list_buckets": {"Buckets": []}, "list_tables": {}, "list_secrets": {}, "list_roles": {}}
        aws = Aws(gone, get_secret_value=no_secret, **empty)
        self.assertEqual(down(aws, delete_data=True), "")
        self.assertEqual(aws.deleted(), ARTEFACTS)


class Up(unittest.TestCase):
    """Stack.deploy, on a stack that exists."""

    def stack(self, **stack):
        complete = {"StackStatus": "UPDATE_COMPLETE", "Outputs": [{}]} | stack
        aws = Aws(lambda **_: {"Stacks": [complete]})
        return aws, deploy.Stack(aws, "pics")

    def test_tags_are_those_of_the_stack(self):
        aws, stack = self.stack()
        stack.deploy("https://template", {}, [], {"team": "photos"})
        (update,) = [call for call in aws.calls if call[0] == "update_stack"]
        self.assertIn([{"Key": "team", "Value": "photos"}], update)

    def test_without_tags_the_stack_keeps_its_own(self):
        aws, stack = self.stack()
        stack.deploy("https://template", {}, [], {})
        (update,) = [call for call in aws.calls if call[0] == "update_stack"]
        self.assertEqual(len(update), 1 + 4)

    def test_protection_is_switched(self):
        aws, stack = self.stack()
        stack.protect(True)
        self.assertEqual(aws.calls, [("update_termination_protection", "pics", True)])

    def test_a_protected_stack_is_not_deleted(self):
        aws, _ = self.stack(EnableTerminationProtection=True)
        with self.assertRaisesRegex(deploy.Problem, "up --termination-protection off"):
            down(aws, delete_data=True)
        self.assertEqual(aws.deleted(), set())

    def test_an_update_ends_when_an_alarm_goes_off(self):
        resources = {
            "StackResourceSummaries": [
                {"LogicalResourceId": "ApiErrorsAlarm", "PhysicalResourceId": "pics-ApiErrorsAlarm-1"},
                {"LogicalResourceId": "SweepAlarm", "PhysicalResourceId": "pics-SweepAlarm-1"},
            ]
        }
        alarms = {"MetricAlarms": [{"AlarmArn": "arn:alarm"}]}
        aws, stack = self.stack()
        aws.lists |= {"list_stack_resources": resources, "describe_alarms": alarms}
        stack.deploy("https://template", {}, [], {}, watch=5, role="arn:role")
        (update,) = [call for call in aws.calls if call[0] == "update_stack"]
        triggers = [{"Arn": "arn:alarm", "Type": "AWS::CloudWatch::Alarm"}]
        self.assertIn("arn:role", update)
        self.assertIn({"RollbackTriggers": triggers, "MonitoringTimeInMinutes": 5}, update)
        # A stack without alarms can't be watched.
        aws.lists |= {"list_stack_resources": {"StackResourceSummaries": []}}
        with self.assertRaisesRegex(deploy.Problem, "give it AlarmTopicArn first"):
            stack.deploy("https://template", {}, [], {}, watch=5)

    def test_pairs_need_an_equals_sign(self):
        self.assertEqual(deploy.pairs("--tag", ["a=b=c", "d="]), {"a": "b=c", "d": ""})
        with self.assertRaisesRegex(deploy.Problem, "--tag a: write it as NAME=VALUE"):
            deploy.pairs("--tag", ["a"])


class Plan(unittest.TestCase):
    def plan(self, *answers):
        answers = list(answers)
        complete = {"StackStatus": "UPDATE_COMPLETE", "Outputs": [{}]}
        aws = Aws(lambda **_: {"Stacks": [complete]}, describe_change_set=lambda **_: answers.pop(0))
        with mock.patch.object(deploy.time, "sleep", lambda _: None):
            return aws, lambda: deploy.Stack(aws, "pics").plan("https://template", {}, [], {})

    def change(self, name, **more):
        return {"ResourceChange": {"Action": "Modify", "LogicalResourceId": name, "ResourceType": "T"} | more}

    def test_all_changes_are_listed_and_the_change_set_is_deleted(self):
        with mock.patch.object(deploy.time, "sleep", lambda _: None):
            aws, plan = self.plan(
                {"Status": "CREATE_IN_PROGRESS"},
                {"Status": "CREATE_COMPLETE", "Changes": [self.change("A", Replacement="False")], "NextToken": "2"},
                {"Status": "CREATE_COMPLETE", "Changes": [self.change("B", Replacement="True")]},
            )
            rows = deploy.table(plan()).splitlines()[2:]
        self.assertEqual(rows, ["| Modify | B | T | **yes** |", "| Modify | A | T |  |"])
        self.assertEqual([call[0] for call in aws.calls], ["create_change_set", "delete_change_set"])

    def test_no_change_is_no_failure(self):
        reason = "The submitted information didn't contain changes. Submit different information."
        _, plan = self.plan({"Status": "FAILED", "StatusReason": reason})
        self.assertEqual(deploy.table(plan()), "Nothing changes.")

    def test_a_refusal_is_one(self):
        aws, plan = self.plan({"Status": "FAILED", "StatusReason": "Template error"})
        with self.assertRaisesRegex(deploy.Problem, "refuses the plan: Template error"):
            plan()
        self.assertEqual(aws.deleted(), {("delete_change_set", "pics")})


class Traces(unittest.TestCase):
    def parameters(self, given, before=None):
        printed = io.StringIO()
        with contextlib.redirect_stderr(printed):
            return deploy.trace_parameters(given, before or {}), printed.getvalue()

    def test_hosts_of_private_networks_are_known(self):
        for host in ("10.0.0.7", "192.168.1.2", "[fd00::1]", "127.0.0.1", "collector", "otel.internal", "a.b.svc"):
            with self.subTest(host):
                self.assertTrue(deploy.is_private(f"http://{host}:4318"))
        for host in ("otlp.example.com", "1.1.1.1", "[2606:4700::1111]"):
            with self.subTest(host):
                self.assertFalse(deploy.is_private(f"https://{host}"))

    def test_a_collector_in_the_vpc_is_for_its_functions(self):
        given = {"OtlpEndpoint": "http://otel.internal:4318", "SubnetIds": "subnet-1"}
        changed, printed = self.parameters(given)
        self.assertEqual(changed, {"OtlpFrom": "vpc"})
        self.assertIn("only the functions of the VPC", printed)

    def test_a_collector_that_no_function_reaches_is_reported(self):
        changed, printed = self.parameters({"OtlpEndpoint": "http://10.0.0.7:4318"})
        self.assertEqual(changed, {"OtlpEndpoint": ""})
        self.assertIn("none will send traces", printed)

    def test_what_is_given_or_public_stays(self):
        given = {"OtlpEndpoint": "http://otel.internal:4318", "OtlpFrom": "all"}
        self.assertEqual(self.parameters(given), ({}, ""))
        self.assertEqual(self.parameters({"OtlpEndpoint": "https://otlp.example.com"}), ({}, ""))
        self.assertEqual(self.parameters({}), ({}, ""))

    def test_parameters_of_the_stack_count(self):
        before = {"OtlpEndpoint": "http://otel.internal:4318", "SubnetIds": "subnet-1"}
        self.assertEqual(self.parameters({}, before)[0], {"OtlpFrom": "vpc"})


class Revision(unittest.TestCase):
    TEMPLATE = """\
Parameters:
  LogLevel:
    Type: String
    Default: info
    Description: The level.
  Networks:
    Type: CommaDelimitedList
    Default: ''
  Key:
    Type: String

Globals:
      Variables:
        # Comment.
        REVISION: none
        RUST_LOG: !Ref LogLevel
"""

    def test_only_its_line_differs(self):
        revised = deploy.revise(self.TEMPLATE, {}).splitlines()
        differing = [new for old, new in zip(self.TEMPLATE.splitlines(), revised, strict=True) if old != new]
        (line,) = differing
        self.assertRegex(line, r"^        REVISION: '[0-9a-f]{16}'$")

    def test_it_follows_the_template_and_the_values(self):
        first = deploy.revise(self.TEMPLATE, {"Key": "a"})
        # Defaults that the stack has, and values in another order.
        again = {"Networks": "", "LogLevel": "info", "Key": "a"}
        self.assertEqual(deploy.revise(self.TEMPLATE, again), first)
        for values in ({"Key": "b"}, {"Key": "a", "LogLevel": "debug"}, {"Key": "a", "Networks": "10.0.0.0/8"}):
            self.assertNotEqual(deploy.revise(self.TEMPLATE, values), first)
        self.assertNotEqual(deploy.revise(self.TEMPLATE + "# More.\n", {"Key": "a"})[-80:], first[-80:])

    def test_values_that_are_not_given_are_the_stacks(self):
        stack = {
            "Parameters": [
                {"ParameterKey": "Key", "ParameterValue": "a"},
                {"ParameterKey": "LogLevel", "ParameterValue": "debug"},
                {"ParameterKey": "Gone", "ParameterValue": "x"},
            ]
        }
        values = deploy.effective({"LogLevel": "info"}, ["Key", "LogLevel", "Networks"], stack)
        self.assertEqual(values, {"Key": "a", "LogLevel": "info"})
        self.assertEqual(deploy.effective({"Key": "b"}, ["Key"], None), {"Key": "b"})

    def test_the_template_has_one_and_all_defaults_are_read(self):
        text = (Path(__file__).parents[3] / "template.yaml").read_text()
        self.assertEqual(len(deploy.REVISION.findall(text)), 1)
        defaults = deploy.parameter_defaults(text)
        self.assertEqual(set(deploy.parameter_names(text)) - set(defaults), {"TokenJwks"})
        self.assertEqual((defaults["TlsOnly"], defaults["SubnetIds"], defaults["ThrottleRate"]), ("true", "", "500"))


if __name__ == "__main__":
    unittest.main()
