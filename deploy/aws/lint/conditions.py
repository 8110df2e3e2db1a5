"""The template's conditions, and what they leave of it."""

import itertools

from template import SAMPLES, default, values

# What `AWS::NoValue` leaves.
NOTHING = object()


def parameters_of(template, value):
    """The parameters from which a condition, or anything else, is computed."""
    if isinstance(value, list):
        return set().union(*(parameters_of(template, entry) for entry in value))
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, entry in value.items():
        if key == "Ref" and entry in template["Parameters"]:
            found.add(entry)
        elif key == "Condition" and isinstance(entry, str):
            found |= parameters_of(template, template["Conditions"][entry])
        elif key == "Fn::If":
            found |= parameters_of(template, template["Conditions"][entry[0]])
            found |= parameters_of(template, entry[1:])
        else:
            found |= parameters_of(template, entry)
    return found


def switches(template):
    """The parameters that switch conditions, or choose from a mapping while SAM transforms, each with its
    values."""
    found = parameters_of(template, template["Conditions"])
    found |= parameters_of(template, mapped(template.get("Globals", {})))
    return {name: values(template, name) for name in sorted(found)}


def mapped(value):
    """Every `Fn::FindInMap` within a value."""
    if isinstance(value, list):
        return [found for entry in value for found in mapped(entry)]
    if not isinstance(value, dict):
        return []
    found = [value["Fn::FindInMap"]] if "Fn::FindInMap" in value else []
    return found + [inner for entry in value.values() for inner in mapped(entry)]


def evaluate(template, expression, parameters):
    """The value of a condition's expression."""
    if not isinstance(expression, dict):
        return str(expression)
    ((function, argument),) = expression.items()
    if function == "Condition":
        return evaluate(template, template["Conditions"][argument], parameters)
    if function == "Ref":
        return parameters[argument]
    if function == "Fn::Join":
        # Of a list, which is a text here.
        return evaluate(template, argument[1], parameters)
    arguments = [evaluate(template, entry, parameters) for entry in argument]
    if function == "Fn::Equals":
        return arguments[0] == arguments[1]
    if function == "Fn::Not":
        return not arguments[0]
    if function == "Fn::And":
        return all(arguments)
    if function == "Fn::Or":
        return any(arguments)
    raise SystemExit(f"conditions may not use {function}, which {__file__} doesn't know")


def outcomes(template, parameters):
    return {
        name: evaluate(template, expression, parameters)
        for name, expression in template["Conditions"].items()
    }


def resolved(value, outcome):
    """The value with each `Fn::If` replaced by what it yields."""
    if isinstance(value, list):
        entries = (resolved(entry, outcome) for entry in value)
        return [entry for entry in entries if entry is not NOTHING]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return resolved(then if outcome[condition] else otherwise, outcome)
    if value == {"Ref": "AWS::NoValue"}:
        return NOTHING
    entries = ((key, resolved(entry, outcome)) for key, entry in value.items())
    return {key: entry for key, entry in entries if entry is not NOTHING}


def resolve(template, parameters):
    """The template without conditions, with the values of switches as their defaults."""
    outcome = outcomes(template, parameters)
    result = {key: value for key, value in template.items() if key != "Conditions"}
    for section in ("Resources", "Outputs"):
        kept = {
            name: {key: value for key, value in entry.items() if key != "Condition"}
            for name, entry in template.get(section, {}).items()
            if outcome.get(entry.get("Condition"), True)
        }
        result[section] = resolved(kept, outcome)
    result["Parameters"] = {
        name: given(entry, parameters[name]) if name in SAMPLES else entry
        for name, entry in template["Parameters"].items()
    }
    return result


def given(parameter, value):
    """A parameter with this value as its default. Its minimum is left out: it allows for what is off."""
    return {key: entry for key, entry in parameter.items() if key != "MinValue"} | {"Default": value}


def combinations(template):
    """Combinations of the parameters' values, such that those parameters that meet in one resource meet
    in every combination. cfn-lint looks at one resource at a time, and `references` at all of them."""
    choices = switches(template)
    groups = {frozenset([name]) for name in choices}
    for resource in template["Resources"].values():
        conditions = {"Condition": resource["Condition"]} if "Condition" in resource else {}
        used = parameters_of(template, [conditions, ifs(resource)])
        groups.add(frozenset(used & choices.keys()))
    wanted = {
        frozenset(zip(sorted(group), chosen))
        for group in groups
        for chosen in itertools.product(*(choices[name] for name in sorted(group)))
    }
    base = {name: default(template, name) for name in template["Parameters"]}
    # What a switch needs beside it, such as KafkaClusterArn.
    base |= {name: value for name, value in SAMPLES.items() if name in base and name not in choices}
    rows = []
    while wanted:
        row = {}
        # The largest groups first; smaller ones fit in between.
        for combination in sorted(wanted, key=lambda it: (-len(it), sorted(it))):
            if all(row.get(name, value) == value for name, value in combination):
                row |= dict(combination)
        rows.append(base | row)
        wanted = {it for it in wanted if not it <= row.items()}
    return rows


def ifs(value):
    """Every `Fn::If` within a value."""
    if isinstance(value, list):
        return [found for entry in value for found in ifs(entry)]
    if not isinstance(value, dict):
        return []
    found = [{"Fn::If": value["Fn::If"]}] if "Fn::If" in value else []
    return found + [inner for entry in value.values() for inner in ifs(entry)]
