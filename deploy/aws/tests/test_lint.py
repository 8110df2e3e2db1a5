"""Tests of the lint of the transformed template."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lint"))

import conditions
import references
import template as templates

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  ApiGatewayLogRole: {Type: String, Default: create, AllowedValues: [create, existing]}
  KafkaSource: {Type: String, Default: none, AllowedValues: [none, msk, self-managed]}
  SubnetIds: {Type: CommaDelimitedList, Default: ''}
Conditions:
  Creates: !Equals [!Ref ApiGatewayLogRole, create]
  InVpc: !Not [!Equals [!Join ['', !Ref SubnetIds], '']]
  HasKafka: !Not [!Equals [!Ref KafkaSource, none]]
  KafkaInVpc: !And [!Condition HasKafka, !Condition InVpc]
Resources:
  Role: {Type: AWS::IAM::Role, Condition: Creates}
  Inner: {Type: AWS::SQS::Queue, Condition: KafkaInVpc}
  Outer: {Type: AWS::SQS::Queue, Condition: HasKafka, Properties: PROPERTIES}
"""


def read(properties):
    return templates.read(TEMPLATE.replace("PROPERTIES", properties))


class References(unittest.TestCase):
    def dangling(self, properties):
        return references.dangling(read(properties))

    def test_a_reference_that_some_parameters_leave_dangling_is_found(self):
        for value in ("!Ref Role", "!Sub 'a-${Role.Arn}'", "!GetAtt Role.Arn", "!If [InVpc, !Ref Role, x]"):
            with self.subTest(value):
                (line,) = self.dangling(f"{{QueueName: {value}}}")
                self.assertIn("Outer refers to Role", line)
                self.assertIn("'ApiGatewayLogRole': 'existing'", line)

    def test_a_dependency_counts(self):
        (line,) = self.dangling("{}, DependsOn: Role")
        self.assertIn("Outer refers to Role", line)

    def test_a_reference_under_a_condition_that_implies_it_is_fine(self):
        self.assertEqual(self.dangling("{QueueName: !If [Creates, !Ref Role, x]}"), [])
        # Outer exists only with Kafka, so InVpc is enough here.
        self.assertEqual(self.dangling("{QueueName: !If [InVpc, !Ref Inner, x]}"), [])
        self.assertEqual(len(self.dangling("{QueueName: !If [InVpc, x, !Ref Inner]}")), 1)


class Combinations(unittest.TestCase):
    def test_parameters_that_meet_in_a_resource_meet_in_every_combination(self):
        rows = conditions.combinations(read("{QueueName: !If [InVpc, a, b]}"))
        pairs = {(row["KafkaSource"], bool(row["SubnetIds"])) for row in rows}
        self.assertEqual(len(pairs), 6)
        self.assertEqual({row["ApiGatewayLogRole"] for row in rows}, {"create", "existing"})

    def test_a_parameter_that_sam_looks_up_counts(self):
        template = read("{}")
        template["Parameters"]["Rollout"] = {"Type": "String", "Default": "A", "AllowedValues": ["A", "B"]}
        template["Globals"] = {"Function": {"Enabled": {"Fn::FindInMap": ["Map", {"Ref": "Rollout"}, "Key"]}}}
        rows = conditions.combinations(template)
        self.assertEqual({row["Rollout"] for row in rows}, {"A", "B"})

    def test_a_resolved_template_has_what_its_parameters_leave(self):
        template = read("{QueueName: !If [InVpc, a, b], Tags: [!If [InVpc, c, !Ref AWS::NoValue]]}")
        parameters = {"ApiGatewayLogRole": "existing", "KafkaSource": "msk", "SubnetIds": ""}
        resources = conditions.resolve(template, parameters)["Resources"]
        self.assertEqual(
            resources, {"Outer": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "b", "Tags": []}}}
        )


if __name__ == "__main__":
    unittest.main()
