"""Reads the template and evaluates its intrinsic functions."""

import re
from pathlib import Path

import yaml


class _Loader(yaml.SafeLoader):
    """Expands CloudFormation's short forms (`!Ref x` is `{"Ref": "x"}`)."""


def _short_form(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
# Versions such as 2012-10-17 are strings, not dates.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)


def load(path):
    return yaml.load(Path(path).read_text(), _Loader)


def dump(template):
    return yaml.safe_dump(template, sort_keys=False, width=100_000)


def leave_out(template, types, names):
    """Removes resources of these types, and replaces references to those in `names` (logical id ->
    name and ARN). Returns the removed ones."""
    gone = {id for id, resource in template["Resources"].items() if resource["Type"] in types}
    template["Resources"] = {
        id: resource for id, resource in template["Resources"].items() if id not in gone
    }

    def replace(value):
        if isinstance(value, list):
            return [replace(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        if value.get("Ref") in names:
            return names[value["Ref"]][0]
        attribute = value.get("Fn::GetAtt")
        if attribute and attribute[0] in names and attribute[1] == "Arn":
            return names[attribute[0]][1]
        return {key: replace(entry) for key, entry in value.items()}

    for section in ("Globals", "Resources", "Outputs"):
        template[section] = replace(template[section])
    for resource in template["Resources"].values():
        before = resource.pop("DependsOn", [])
        before = [before] if isinstance(before, str) else before
        if before := [id for id in before if id not in gone]:
            resource["DependsOn"] = before
    return gone


class Meaning:
    """Evaluates intrinsic functions with the parameters and the created resources."""

    def __init__(self, template, given, physical, account, region, stack):
        self.template = template
        self.physical = physical
        self.names = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        for name, parameter in template["Parameters"].items():
            value = given.get(name, parameter.get("Default", ""))
            if parameter["Type"] == "CommaDelimitedList":
                value = value.split(",") if value else [""]
            self.names[name] = value

    def is_made(self, resource):
        condition = resource.get("Condition")
        return condition is None or self.condition(self.template["Conditions"][condition])

    def condition(self, value):
        [(kind, argument)] = value.items()
        if kind == "Condition":
            return self.condition(self.template["Conditions"][argument])
        if kind == "Fn::Not":
            return not self.condition(argument[0])
        if kind == "Fn::And":
            return all(map(self.condition, argument))
        left, right = (self.of(entry) for entry in argument)
        return str(left) == str(right)

    def of(self, value):
        """A value with its intrinsic functions evaluated."""
        if isinstance(value, list):
            return [entry for entry in map(self.of, value) if entry is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(kind, argument)] = value.items()
            if kind == "Ref":
                return self.ref(argument)
            if kind == "Fn::GetAtt":
                return self.arn(*argument)
            if kind == "Fn::Sub":
                return self.sub(argument)
            if kind == "Fn::If":
                condition = self.template["Conditions"][argument[0]]
                return self.of(argument[1 if self.condition(condition) else 2])
            if kind == "Fn::Join":
                return argument[0].join(self.of(argument[1]))
        return {
            key: entry
            for key, entry in ((key, self.of(entry)) for key, entry in value.items())
            if entry is not None
        }

    def ref(self, name):
        if name == "AWS::NoValue":
            return None
        return self.names[name] if name in self.names else self.physical[name]

    def arn(self, name, attribute):
        kind = self.template["Resources"][name]["Type"]
        physical, account, region = (
            self.physical[name],
            self.names["AWS::AccountId"],
            self.names["AWS::Region"],
        )
        if kind == "AWS::SecretsManager::Secret" and attribute == "Id":
            return physical
        if attribute != "Arn":
            raise NotImplementedError(f"{name}.{attribute}")
        if kind == "AWS::S3::Bucket":
            return f"arn:aws:s3:::{physical}"
        if kind == "AWS::SQS::Queue":
            return f"arn:aws:sqs:{region}:{account}:{physical.rsplit('/', 1)[-1]}"
        if kind == "AWS::Serverless::Function":
            return f"arn:aws:lambda:{region}:{account}:function:{physical}"
        raise NotImplementedError(f"{name}.{attribute} of {kind}")

    def sub(self, argument):
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def one(match):
            name = match[1]
            if name in own:
                return self.of(own[name])
            if "." in name:
                return self.arn(*name.split(".", 1))
            return str(self.ref(name))

        return re.sub(r"\$\{([\w.:]+)\}", one, text)
