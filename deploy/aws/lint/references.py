"""Whether what a resource refers to exists whenever the resource does, whatever the parameters."""

import itertools
import re

from conditions import evaluate, parameters_of, switches

SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9]+)(?:\.[^}]*)?\}")


def references(value, path=()):
    """What a value refers to, each with the conditions `(name, outcome)` on the way there."""
    if isinstance(value, list):
        for entry in value:
            yield from references(entry, path)
    if not isinstance(value, dict):
        return
    for key, entry in value.items():
        if key == "Ref":
            yield entry, path
        elif key == "Fn::GetAtt":
            yield entry[0] if isinstance(entry, list) else entry.split(".")[0], path
        elif key == "Fn::Sub":
            text, names = entry if isinstance(entry, list) else (entry, {})
            for name in SUBSTITUTED.findall(text):
                if name not in names:
                    yield name, path
            yield from references(names, path)
        elif key == "Fn::If":
            condition, then, otherwise = entry
            yield from references(then, (*path, (condition, True)))
            yield from references(otherwise, (*path, (condition, False)))
        else:
            yield from references(entry, path)


def dangling(template):
    """A line for each reference to a resource that some parameters leave out."""
    resources, choices = template["Resources"], switches(template)

    def missing(target, path):
        """Parameters with which the path is taken and its target doesn't exist."""
        wanted = resources[target].get("Condition")
        if wanted is None:
            return None
        conditions = [{"Condition": name} for name, _ in path] + [{"Condition": wanted}]
        names = sorted(parameters_of(template, conditions))
        for chosen in itertools.product(*(choices[name] for name in names)):
            parameters = dict(zip(names, chosen))
            taken = all(
                evaluate(template, {"Condition": name}, parameters) == outcome for name, outcome in path
            )
            if taken and not evaluate(template, {"Condition": wanted}, parameters):
                return parameters
        return None

    found = []
    for section in ("Resources", "Outputs"):
        for name, entry in template.get(section, {}).items():
            own = ((entry["Condition"], True),) if "Condition" in entry else ()
            depends = entry.get("DependsOn", [])
            depends = [depends] if isinstance(depends, str) else depends
            targets = [(target, own) for target in depends] + list(references(entry, own))
            for target, path in targets:
                if target in resources and (parameters := missing(target, path)):
                    found.append(f"{name} refers to {target}, which doesn't exist with {parameters}")
    return sorted(set(found))
