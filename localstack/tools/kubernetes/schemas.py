"""Writes JSON schemas for kubeconform, with no property allowed that Kubernetes doesn't know.

    schemas.py <out> <kinds> <swagger.json> <CRD.yaml>...

`kinds` are comma separated. Those that the custom resource definitions don't define are taken from
Kubernetes' own OpenAPI document.
"""

import json
import sys
from pathlib import Path

from ruamel.yaml import YAML

# Kubernetes' own names of what JSON Schema describes otherwise.
INT_OR_STRING = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
QUANTITY = {"anyOf": [{"type": "number"}, {"type": "string"}]}
REPLACED = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": INT_OR_STRING,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": QUANTITY,
}
REFERENCE = "#/definitions/"


def closed(schema):
    """The schema, which allows no property beyond its own."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return INT_OR_STRING
    result = {}
    for key, value in schema.items():
        # The names below are those of properties, not of keywords.
        named = key == "properties" and isinstance(value, dict)
        result[key] = {name: closed(it) for name, it in value.items()} if named else closed(value)
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    # Alternatives within `allOf` and the like repeat some of the properties only.
    if "properties" in schema and schema.get("type") == "object" and not open_ended:
        result["additionalProperties"] = False
    return result


def references(schema):
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(REFERENCE)
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def builtin(definitions, name):
    """The definition with all that it refers to."""
    used, waiting = {}, [name]
    while waiting:
        it = waiting.pop()
        if it not in used:
            used[it] = REPLACED.get(it) or closed(definitions[it])
            waiting.extend(references(used[it]))
    return {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": REFERENCE + name, "definitions": used}


def write(out, kind, group, version, schema):
    """By the name that kubeconform's `{{.ResourceKind}}{{.KindSuffix}}` makes of it."""
    parts = [kind.lower(), *([group.split(".")[0]] if group else []), version]
    (out / f"{'-'.join(parts)}.json").write_text(json.dumps(schema))


def main(out, kinds, swagger, definitions):
    out.mkdir(parents=True)
    missing = set(kinds)
    for file in definitions:
        for crd in YAML(typ="safe").load_all(file):
            names, group = crd["spec"]["names"], crd["spec"]["group"]
            for version in crd["spec"]["versions"]:
                write(out, names["kind"], group, version["name"], closed(version["schema"]["openAPIV3Schema"]))
            missing.discard(names["kind"])
    known = json.loads(swagger.read_text())["definitions"]
    found = set()
    for name, definition in known.items():
        for it in definition.get("x-kubernetes-group-version-kind", []):
            if it["kind"] in missing and "properties" in definition:
                write(out, it["kind"], it["group"], it["version"], builtin(known, name))
                found.add(it["kind"])
    if missing - found:
        sys.exit(f"no schema of {', '.join(sorted(missing - found))}")


if __name__ == "__main__":
    folder, kinds, document, *files = sys.argv[1:]
    main(Path(folder), kinds.split(","), Path(document), [Path(file) for file in files])
