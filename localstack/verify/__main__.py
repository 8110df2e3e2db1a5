"""Deploys template.yaml to LocalStack without Docker and compares the resources with the template:
`python localstack/verify WORK_FOLDER CODE_FOLDER`, with LocalStack at AWS_ENDPOINT_URL and the key
files in TOKEN_KEY_FILE and TOKEN_JWKS_FILE.

Resources that LocalStack can't create without Docker or a download are left out and listed.
"""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import botocore.session

import compare
from template import Meaning, dump, leave_out, load

HERE = Path(__file__).resolve().parent
STACK = "trichrome"
REGION = "us-east-1"
# LocalStack's account.
ACCOUNT = "000000000000"
PARAMETERS = {
    "ApiGatewayLogRole": "existing",
    "PostgresConcurrency": "0",
    "TlsOnly": "false",
}
LEFT_OUT = {
    "AWS::DynamoDB::Table": "LocalStack would download DynamoDB Local",
    "Custom::Migration": "it calls a function, which LocalStack runs in Docker",
}
# e_machine of an ELF header.
X86_64 = (62).to_bytes(2, "little")
TABLES = {"UsersTable": "users", "PicturesTable": "pictures"}


def placeholder(folder, name):
    """Code for a function that is never called: an ELF header with the architecture, which
    deploy.py reads."""
    path = folder / name / "bootstrap.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bootstrap", b"\x7fELF" + bytes(14) + X86_64 + bytes(44))


def code(template, work, built):
    """The folder with the functions' zips, or with placeholders if they aren't built."""
    names = [
        Path(resource["Properties"]["CodeUri"]).parent.name
        for resource in of_type(template, "AWS::Serverless::Function").values()
    ]
    if all((built / name / "bootstrap.zip").is_file() for name in names):
        return built, "the built zips"
    for name in names:
        placeholder(work / "code", name)
    return work / "code", "placeholders, since the zips aren't built"


def of_type(template, kind):
    return {
        id: resource for id, resource in template["Resources"].items() if resource["Type"] == kind
    }


def deploy(command, *options):
    """Runs deploy.py and returns its output."""
    run = subprocess.run(
        [sys.executable, HERE.parents[1] / "deploy/aws/deploy.py", command, "--stack", STACK, *options],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if run.returncode:
        sys.exit(f"`deploy.py {command}` failed")
    return run.stdout


def physical(client):
    pages = client.get_paginator("list_stack_resources").paginate(StackName=STACK)
    return {
        resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
        for page in pages
        for resource in page["StackResourceSummaries"]
    }


def main():
    work, built = Path(sys.argv[1]), Path(sys.argv[2])
    template = load(HERE.parents[1] / "template.yaml")
    tables = {
        id: (f"{STACK}-{name}", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{STACK}-{name}")
        for id, name in TABLES.items()
    }
    gone = leave_out(template, LEFT_OUT, tables)
    folder, which = code(template, work, built)
    path = work / "template.yaml"
    path.write_text(dump(template))
    for kind, why in LEFT_OUT.items():
        print(f"left out: {kind}: {why}")
    print(f"left out: calls of the functions, which need Docker; their code: {which}")

    options = ["--template", str(path), "--code", str(folder)]
    for name, value in PARAMETERS.items():
        options += ["--parameter", f"{name}={value}"]
    outputs = json.loads(deploy("up", *options))
    jwks = Path(os.environ["TOKEN_JWKS_FILE"]).read_text().strip()
    given = {
        **PARAMETERS,
        "TokenJwks": jwks,
        "DatabaseUrlSecret": f"{STACK}/database-url",
    }

    session = botocore.session.get_session()

    def client(service):
        return session.create_client(service, region_name=REGION)

    cloudformation = client("cloudformation")
    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    for entry in stack["Parameters"]:
        # Unless given, deploy.py takes it from the code.
        if entry["ParameterKey"] == "Architecture":
            given["Architecture"] = entry["ParameterValue"]
    made = physical(cloudformation)
    meaning = Meaning(template, given, made, ACCOUNT, REGION, STACK)
    meant = {id for id, resource in template["Resources"].items() if meaning.is_made(resource)}
    differences = compare.Differences()
    differences.same("resources that are missing", sorted(meant - set(made)), [])
    functions = of_type(template, "AWS::Serverless::Function")
    compare.functions(differences, client("lambda"), functions, meaning)
    compare.roles(differences, client("iam"), functions, meaning)
    compare.api(differences, client("apigateway"), outputs["RestApiId"], functions, meaning)
    bucket = template["Resources"]["PicturesBucket"]["Properties"]
    compare.bucket(differences, client("s3"), outputs["PicturesBucket"], bucket, meaning)
    secrets = client("secretsmanager")
    compare.token_key(differences, secrets, outputs["TokenKeySecretArn"], json.loads(jwks))
    compare.logs(differences, client("logs"), of_type(template, "AWS::Logs::LogGroup"), meaning)
    compare.queues(differences, client("sqs"), of_type(template, "AWS::SQS::Queue"), meaning)

    again = json.loads(deploy("up", *options))
    differences.same("outputs of a second deployment", again, outputs)
    deploy("down", "--delete-data")
    if differences.gaps:
        print(f"not created by LocalStack: {'; '.join(differences.gaps)}")
    print(
        f"{len(meant)} resources created, {len(gone)} left out;"
        f" {differences.compared} comparisons, {len(differences.found)} differences"
    )
    for difference in differences.found:
        print(f"  {difference}")
    sys.exit(1 if differences.found else 0)


if __name__ == "__main__":
    main()
