"""Tests of the roles for GitHub Actions, against what the deployment does."""

import fnmatch
import logging
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "deploy/aws/lint"))

import template as templates
from samtranslator.yaml_helper import yaml_parse

ROLES = yaml_parse((ROOT / "deploy/aws/ci-role.yaml").read_text())["Resources"]


def statements(role):
    for policy in ROLES[role]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def texts(value):
    return [value] if isinstance(value, str) else value


def actions(role):
    return {action for statement in statements(role) for action in texts(statement["Action"])}


class Trust(unittest.TestCase):
    def conditions(self, role):
        (statement,) = ROLES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        return statement["Condition"]["StringEquals"]

    def test_only_this_repository_gets_a_role(self):
        subjects = {
            "PlanRole": "repo:${Repository}:pull_request",
            "DeployRole": "repo:${Repository}:environment:${Environment}",
        }
        for role, subject in subjects.items():
            conditions = self.conditions(role)
            self.assertEqual(conditions["token.actions.githubusercontent.com:sub"], {"Fn::Sub": subject})
            self.assertEqual(conditions["token.actions.githubusercontent.com:aud"], "sts.amazonaws.com")

    def test_only_cloudformation_gets_the_role_that_creates(self):
        (statement,) = ROLES["ExecutionRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(statement["Principal"], {"Service": "cloudformation.amazonaws.com"})


class Permissions(unittest.TestCase):
    def test_a_plan_changes_nothing_and_reads_no_secret(self):
        found = actions("PlanRole")
        for action in found:
            service, name = action.split(":")
            self.assertIn(service, ("cloudformation", "s3"), action)
            changes = re.match("Create|Update|Delete|Put|Execute", name)
            allowed = ("CreateChangeSet", "DeleteChangeSet", "PutObject")
            self.assertTrue(not changes or name in allowed, action)

    def test_the_workflow_creates_nothing_but_by_cloudformation(self):
        services = {action.split(":")[0] for action in actions("DeployRole")}
        self.assertEqual(services, {"cloudformation", "iam", "s3", "secretsmanager", "cloudwatch"})
        (passes,) = [it for it in statements("DeployRole") if it["Action"] == "iam:PassRole"]
        self.assertEqual(passes["Resource"], {"Fn::GetAtt": ["ExecutionRole", "Arn"]})

    def test_no_action_is_a_pattern(self):
        for role in ("PlanRole", "DeployRole", "ExecutionRole"):
            self.assertFalse([action for action in actions(role) if "*" in action], role)

    def test_every_role_of_the_template_can_be_created_and_no_role_of_the_workflow_changed(self):
        (statement,) = statements("ExecutionRole")
        patterns = [
            entry["Fn::Sub"].split("/", 1)[1].replace("${Stack}", "pics")
            for entry in statement["Resource"]
            if ":role/" in entry["Fn::Sub"]
        ]
        logging.disable(logging.WARNING)
        template = templates.read((ROOT / "template.yaml").read_text())
        parameters = {name: templates.default(template, name) for name in template["Parameters"]}
        parameters["Rollout"] = "Canary10Percent5Minutes"
        resources = templates.transform(template, parameters)["Resources"]
        logging.disable(logging.NOTSET)
        roles = [name for name, resource in resources.items() if resource["Type"] == "AWS::IAM::Role"]
        self.assertGreater(len(roles), 25)

        def covered(name):
            return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

        for role in roles:
            self.assertTrue(covered(f"pics-{role}-0A1B2C3D4E5F"), role)
        for role in ROLES.values():
            if role["Type"] == "AWS::IAM::Role":
                name = role["Properties"]["RoleName"]["Fn::Sub"].replace("${Stack}", "pics")
                self.assertFalse(covered(name), name)


if __name__ == "__main__":
    unittest.main()
