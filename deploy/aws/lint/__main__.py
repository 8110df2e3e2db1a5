"""Checks templates as CloudFormation sees them: transformed, with parameters.

    python deploy/aws/lint template.yaml deploy/aws/gateway.yaml

cfn-lint looks at a template with Transform as it is written, and so misses what the transform makes of
it. This transforms it with SAM's own translator, for combinations of the parameters that switch
conditions, and passes each result to cfn-lint. Needs no AWS account and no network.
"""

import json
import logging
import sys

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from conditions import combinations, resolve, switches
from references import dangling
from template import REGION, read, transform

# With conditions, the empty defaults of parameters that are "not used"; and what only SAM reads: a parameter
# and a mapping.
WITH_CONDITIONS = ["W1030", "W2001", "W7001"]
# Without conditions, parameters and mappings that only other combinations use.
RESOLVED = ["W2001", "W7001"]


def problems(template):
    """What is wrong with the transform, a line each, and the number of combinations."""
    rows = combinations(template)
    written = transform(template, rows[0])
    found = dangling(written)
    found += lines(written, "with its conditions", WITH_CONDITIONS)
    for parameters in rows:
        result = resolve(transform(template, parameters), parameters)
        given = ", ".join(f"{name}={parameters[name]}" for name in switches(template))
        found += lines(result, given, RESOLVED)
    return list(dict.fromkeys(found)), len(rows)


def lines(template, which, ignored):
    """What cfn-lint says of a template without Transform."""
    config = ManualArgs(regions=[REGION], ignore_checks=ignored)
    return [
        f"{match.rule.id} {'/'.join(map(str, match.path))}: {match.message} ({which})"
        for match in lint(json.dumps(template), config=config)
    ]


def main():
    # Of SAM's own metrics and features, which need an account.
    logging.disable(logging.WARNING)
    failed = False
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            template = read(file.read())
        found, count = problems(template)
        for line in found:
            print(line)
        print(f"{path}: {count} combinations of parameters, {len(found)} problems")
        failed = failed or bool(found)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
