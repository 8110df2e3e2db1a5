"""Checks templates as CloudFormation sees them: transformed, with parameters.

    python deploy/aws/lint template.yaml deploy/aws/gateway.yaml

cfn-lint looks at a template with Transform as it is written, and so misses what the transform makes of
it. This transforms it with SAM's own translator, for combinations of the parameters that switch
conditions, and passes each result to cfn-lint. Needs no AWS account and no network.
"""

import json
import logging
import os
import sys
from concurrent.futures import ProcessPoolExecutor

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


def problems(template, pool):
    """What is wrong with the transform, a line each, and the number of combinations."""
    rows = combinations(template)
    written = pool.submit(with_conditions, template, rows[0])
    combined = [pool.submit(without_conditions, template, row) for row in rows]
    found = [line for part in (written, *combined) for line in part.result()]
    return list(dict.fromkeys(found)), len(rows)


def with_conditions(template, parameters):
    written = transform(template, parameters)
    return dangling(written) + lines(written, "with its conditions", WITH_CONDITIONS)


def without_conditions(template, parameters):
    result = resolve(transform(template, parameters), parameters)
    given = ", ".join(f"{name}={parameters[name]}" for name in switches(template))
    return lines(result, given, RESOLVED)


def lines(template, which, ignored):
    """What cfn-lint says of a template without Transform."""
    config = ManualArgs(regions=[REGION], ignore_checks=ignored)
    return [
        f"{match.rule.id} {'/'.join(map(str, match.path))}: {match.message} ({which})"
        for match in lint(json.dumps(template), config=config)
    ]


def quiet():
    # Of SAM's own metrics and features, which need an account.
    logging.disable(logging.WARNING)


def main():
    failed = False
    # cfn-lint takes a processor for seconds for each combination.
    with ProcessPoolExecutor(os.cpu_count(), initializer=quiet) as pool:
        for path in sys.argv[1:]:
            with open(path, encoding="utf-8") as file:
                template = read(file.read())
            found, count = problems(template, pool)
            for line in found:
                print(line)
            print(f"{path}: {count} combinations of parameters, {len(found)} problems")
            failed = failed or bool(found)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
