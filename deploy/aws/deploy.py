"""Deploys template.yaml through CloudFormation: to AWS, to LocalStack, or to the local stack's AWS.

`cargo xtask up --deployed` and LocalStack's ready hook both run it, so it is one file that needs
botocore alone. Where to and as whom is told by the standard variables (AWS_ENDPOINT_URL,
AWS_REGION, AWS_PROFILE or AWS_ACCESS_KEY_ID, ...).

    deploy.py up   [--stack NAME] [--template FILE] [--code FOLDER] [--parameter NAME=VALUE ...]
    deploy.py down [--stack NAME] [--delete-data]
    deploy.py check [--template FILE] [--code FOLDER]

`up` also reads, where they are set:
    DATABASE_URL     kept in the secret that the template's DatabaseUrlSecret names
    TOKEN_JWKS_FILE  the public keys, for the parameter TokenJwks
    TOKEN_KEY_FILE   the private key, put into the stack's secret

`check` only sees whether there is an AWS to deploy to, and code to deploy. `up` prints the stack's
outputs as one line of JSON, and with them `Endpoint`: the REST API as it is reached from here.
Deploying again is an update; what an earlier run left half done is put right.
"""

import argparse
import hashlib
import io
import json
import os
import re
import sys
import time
import zipfile
from pathlib import Path

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)

# CloudFormation itself gives up on a resource after an hour at the most; ours take minutes.
DEADLINE_SECONDS = 20 * 60
POLL_SECONDS = 1
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# One line for each function: `CodeUri: target/lambda/<function>/bootstrap.zip`.
CODE = re.compile(r"^(?P<indent>\s+CodeUri: )\S*?(?P<function>[\w-]+)/bootstrap\.zip\s*$", re.M)
# Left over from a creation that failed: nothing of it can be updated.
DEAD = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"}
GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


class Problem(Exception):
    """What is wrong, and the way out."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def code_of(error):
    return error.response.get("Error", {}).get("Code", "")


class Aws:
    """Clients of one account and region."""

    def __init__(self):
        self.session = botocore.session.get_session()
        self.endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
        try:
            self.region = (
                os.environ.get("AWS_REGION")
                or os.environ.get("AWS_DEFAULT_REGION")
                or self.session.get_config_variable("region")
            )
            credentials = self.session.get_credentials()
        except (ProfileNotFound, PartialCredentialsError) as error:
            raise Problem(f"{error}; correct AWS_PROFILE or the AWS_* variables") from error
        if credentials is None:
            raise Problem(
                "no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if not self.region:
            raise Problem("no AWS region: set AWS_REGION")
        self.account = self.who()

    def client(self, service):
        config = Config(
            connect_timeout=5,
            retries={"mode": "standard", "max_attempts": 3},
            # An emulator has no host name for each bucket.
            s3={"addressing_style": "path"} if self.endpoint else None,
        )
        return self.session.create_client(
            service, region_name=self.region, endpoint_url=self.endpoint, config=config
        )

    def who(self):
        """The account; a first call that shows whether there is anybody to deploy to."""
        where = self.endpoint or f"AWS in {self.region}"
        try:
            return self.client("sts").get_caller_identity()["Account"]
        except ClientError as error:
            raise Problem(f"{where} refuses the credentials: {error}") from error
        except (BotoCoreError, ValueError) as error:
            raise Problem(
                f"no AWS answers at {where}: start it, or correct the endpoint ({error})"
            ) from error


class Artefacts:
    """The bucket with the functions' zips and the template."""

    def __init__(self, aws, stack):
        self.aws = aws
        self.s3 = aws.client("s3")
        self.bucket = f"{stack}-artefacts-{aws.account}-{aws.region}"

    def make(self):
        place = {"LocationConstraint": self.aws.region}
        # The one region that must not be named.
        options = {} if self.aws.region == "us-east-1" else {"CreateBucketConfiguration": place}
        try:
            self.s3.create_bucket(Bucket=self.bucket, **options)
        except ClientError as error:
            if code_of(error) not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise
            # Whose it is, says the first upload.
        self.s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )

    def put(self, key, body):
        """Uploads what is not there yet; the key is made of the content."""
        try:
            self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if code_of(error) not in ("404", "NoSuchKey", "NotFound"):
                raise
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body())

    def url(self, key):
        if self.aws.endpoint:
            return f"{self.aws.endpoint.rstrip('/')}/{self.bucket}/{key}"
        domain = self.s3.meta.endpoint_url.split("://")[-1]
        return f"https://{self.bucket}.{domain}/{key}"


def find_code(template, folder):
    """The code of each function that the template names, as `cargo lambda build` leaves it
    (`<function>/bootstrap.zip`) or cargo itself (`<function>`); all that is missing at once."""
    names = [match["function"] for match in CODE.finditer(template)]
    if not names:
        raise Problem("the template names no function's code")
    code, missing = {}, []
    for name in names:
        zipped, program = Path(folder) / name / "bootstrap.zip", Path(folder) / name
        if zipped.is_file() or program.is_file():
            code[name] = zipped if zipped.is_file() else program
        else:
            missing.append(name)
    if missing:
        raise Problem(
            f"no zip in {folder} of {', '.join(missing)}: build them with `cargo xtask build`"
        )
    return code


def digest(path):
    """Of the program: a zip also holds the time at which it was made."""
    if path.suffix != ".zip":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        with zipfile.ZipFile(path) as archive:
            return hashlib.sha256(archive.read("bootstrap")).hexdigest()
    except (zipfile.BadZipFile, KeyError) as error:
        raise Problem(
            f"{path} is no zip with a bootstrap: build it again with `cargo xtask build`"
        ) from error


# The processor in the header of a program (ELF, e_machine), and CloudFormation's word for it.
ARCHITECTURES = {62: "x86_64", 183: "arm64"}


def architecture(code):
    """What all of the code was built for."""
    found = {}
    for name, path in code.items():
        with zipfile.ZipFile(path).open("bootstrap") if path.suffix == ".zip" else path.open("rb") as file:
            header = file.read(20)
        if header[:4] != b"\x7fELF" or int.from_bytes(header[18:20], "little") not in ARCHITECTURES:
            raise Problem(f"{path} holds no program for Lambda: build it with `cargo xtask build`")
        found.setdefault(ARCHITECTURES[int.from_bytes(header[18:20], "little")], name)
    if len(found) > 1:
        mixed = ", ".join(f"{name} for {kind}" for kind, name in found.items())
        raise Problem(f"built for different processors ({mixed}): `cargo xtask build` builds all")
    return next(iter(found))


def zip_of(path):
    """The zip's bytes; a program is put into one, uncompressed, which is for a local AWS."""
    if path.suffix == ".zip":
        return path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def package(template, code, artefacts):
    """Uploads the functions' code; answers the template with its places in it."""
    uris = {}
    for name, path in code.items():
        key = f"{name}-{digest(path)}.zip"
        artefacts.put(key, lambda path=path: zip_of(path))
        uris[name] = f"s3://{artefacts.bucket}/{key}"
    return CODE.sub(lambda match: match["indent"] + uris[match["function"]], template)


def parameter_names(template):
    section = re.search(r"^Parameters:\n((?:[ #].*\n|\n)*)", template, re.M)
    return re.findall(r"^  (\w+):", section[1], re.M) if section else []


class Stack:
    def __init__(self, aws, name):
        self.client = aws.client("cloudformation")
        self.name = name

    def describe(self):
        """The stack as it is now, or None."""
        try:
            stacks = self.client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
        alive = [stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"]
        return alive[0] if alive else None

    def settle(self, deadline):
        """Waits until nothing goes on; answers the stack then, or None."""
        while True:
            stack = self.describe()
            status = stack["StackStatus"] if stack else ""
            if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
                return stack
            if time.monotonic() > deadline:
                raise Problem(
                    f"the stack {self.name} is {status} after {DEADLINE_SECONDS // 60} minutes;"
                    " look at its events, then run this again"
                )
            time.sleep(POLL_SECONDS)

    def deploy(self, url, parameters, names):
        """Creates or updates it; `names` are the parameters that the template has."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        stack = self.settle(deadline)
        if stack and stack["StackStatus"] in DEAD:
            say(f"the stack {self.name} is {stack['StackStatus']}: it is deleted and made anew")
            self.delete(deadline)
            stack = None
        if stack and stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            say(f"the stack {self.name} is {stack['StackStatus']}: its rollback goes on")
            self.client.continue_update_rollback(StackName=self.name)
            stack = self.settle(deadline)
        since = self.last_event() if stack else None
        request = {
            "StackName": self.name,
            "TemplateURL": url,
            "Capabilities": CAPABILITIES,
            "Parameters": self.parameters(parameters, names, stack),
        }
        try:
            if stack is None:
                self.client.create_stack(**request)
            else:
                self.client.update_stack(**request)
        except ClientError as error:
            if code_of(error) == "ValidationError" and "No updates are to be performed" in str(error):
                return stack
            raise Problem(f"CloudFormation refuses the stack: {error}") from error
        stack = self.settle(deadline)
        # LocalStack calls a creation that it has rolled back complete; it has no outputs then.
        if stack is None or stack["StackStatus"] not in GOOD or not stack.get("Outputs"):
            status = stack["StackStatus"] if stack else "gone"
            raise Problem(
                f"the stack {self.name} is {status}:\n{self.reasons(since)}\n"
                "put that right and run this again: it repairs the stack"
            )
        return stack

    @staticmethod
    def parameters(given, names, stack):
        """What is given, and what the stack has of the rest."""
        before = {entry["ParameterKey"] for entry in (stack or {}).get("Parameters", [])}
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
        for name in names:
            if name in before and name not in given:
                parameters.append({"ParameterKey": name, "UsePreviousValue": True})
        return parameters

    def events(self):
        events = self.client.get_paginator("describe_stack_events")
        for page in events.paginate(StackName=self.name):
            yield from page["StackEvents"]

    def last_event(self):
        return next((event["EventId"] for event in self.events()), None)

    def reasons(self, since):
        """What failed, first things first; not what was cancelled because of it."""
        lines = []
        for event in self.events():
            if event["EventId"] == since:
                break
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                lines.insert(0, f"  {event['LogicalResourceId']}: {reason}")
        return "\n".join(lines[:10]) or "  (it does not say why)"

    def resources(self):
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "")
            for page in pages
            for resource in page["StackResourceSummaries"]
        }

    def delete(self, deadline):
        self.client.delete_stack(StackName=self.name)
        stack = self.settle(deadline)
        if stack is not None:
            raise Problem(
                f"the stack {self.name} cannot be deleted ({stack['StackStatus']}):\n{self.reasons(None)}"
            )


def secret(client, name):
    """A secret's text and version id; nothing of a secret that has none, or is not there."""
    try:
        return client.get_secret_value(SecretId=name)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return {}
        raise


def put_secret(client, name, value):
    """Makes the secret, or gives it another value."""
    if secret(client, name).get("SecretString") == value:
        return
    try:
        client.put_secret_value(SecretId=name, SecretString=value)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        client.create_secret(Name=name, SecretString=value)


def own_database_secret(stack):
    """The database's secret, unless another is named by the parameter DatabaseUrlSecret."""
    return f"{stack}/database-url"


def database_parameters(secrets, stack, given, before):
    """Which secret, and which version of it: CloudFormation looks a secret's value up again only
    where the reference to it changes."""
    name = given.get("DatabaseUrlSecret") or before.get("DatabaseUrlSecret") or own_database_secret(stack)
    if url := os.environ.get("DATABASE_URL"):
        put_secret(secrets, name, url)
    version = secret(secrets, name).get("VersionId")
    if not version:
        raise Problem(f"the secret {name} has no database URL: set DATABASE_URL, which is kept in it")
    return {"DatabaseUrlSecret": name, "DatabaseUrlVersion": version}


def read(variable):
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise Problem(f"{variable}: {error}") from error


def outputs_of(stack):
    entries = (stack or {}).get("Outputs", [])
    return {entry["OutputKey"]: entry["OutputValue"] for entry in entries}


def parameters_of(stack):
    entries = (stack or {}).get("Parameters", [])
    return {entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in entries}


def sources(options):
    """The template, and the code of its functions."""
    try:
        template = Path(options.template).read_text()
    except OSError as error:
        raise Problem(f"no template: {error}") from error
    return template, find_code(template, options.code)


def check(options):
    sources(options)
    Aws()


def up(options):
    template, code = sources(options)
    parameters = {}
    for text in options.parameter:
        name, equals, value = text.partition("=")
        if not equals:
            raise Problem(f"--parameter {text}: write it as NAME=VALUE")
        parameters[name] = value
    built_for = architecture(code)
    if parameters.setdefault("Architecture", built_for) != built_for:
        raise Problem(f"the code was built for {built_for}: `cargo xtask build --arch` another")
    if jwks := read("TOKEN_JWKS_FILE"):
        parameters.setdefault("TokenJwks", jwks)
    key = read("TOKEN_KEY_FILE")
    aws = Aws()
    artefacts = Artefacts(aws, options.stack)
    artefacts.make()
    template = package(template, code, artefacts)
    name = f"template-{hashlib.sha256(template.encode()).hexdigest()}.yaml"
    artefacts.put(name, template.encode)
    secrets = aws.client("secretsmanager")
    stack = Stack(aws, options.stack)
    before = stack.describe()
    parameters |= database_parameters(secrets, options.stack, parameters, parameters_of(before))
    arn = outputs_of(before).get("TokenKeySecretArn")
    if key and arn and secret(secrets, arn).get("SecretString") not in (None, key):
        raise Problem(
            "the stack signs tokens with another key than TOKEN_KEY_FILE holds, and everybody would"
            " be logged out: use its key, or rotate it (docs/deploying.md)"
        )
    outputs = outputs_of(stack.deploy(artefacts.url(name), parameters, parameter_names(template)))
    if key and "TokenKeySecretArn" in outputs:
        put_secret(secrets, outputs["TokenKeySecretArn"], key)
    outputs["Endpoint"] = outputs.get("RestUrl", "")
    if aws.endpoint and "RestApiId" in outputs:
        # Host names under an emulator's lead nowhere; both emulators serve this path.
        base = f"{aws.endpoint.rstrip('/')}/restapis/{outputs['RestApiId']}"
        outputs["Endpoint"] = f"{base}/{outputs['StageName']}/_user_request_"
    print(json.dumps(outputs))


def empty(s3, bucket):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for page in pages:
        keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})


def unless_gone(call, **arguments):
    """What is not there needs no deleting."""
    try:
        call(**arguments)
    except ClientError as error:
        gone = ("ResourceNotFoundException", "NoSuchBucket", "NoSuchEntity", "404")
        if code_of(error) not in gone:
            raise


def down(options):
    aws = Aws()
    s3 = aws.client("s3")
    stack = Stack(aws, options.stack)
    deadline = time.monotonic() + DEADLINE_SECONDS
    resources = {}
    if stack.settle(deadline):
        resources = stack.resources()
        stack.delete(deadline)
    # What the template retains.
    kept = ["PicturesBucket", "PicturesTable", "UsersTable", "TokenKey", "ApiLogRole"]
    kept = {name: resources[name] for name in kept if resources.get(name)}
    if options.delete_data:
        delete_data(aws, s3, kept)
        kept = {}
    unless_gone(empty, s3=s3, bucket=Artefacts(aws, options.stack).bucket)
    unless_gone(s3.delete_bucket, Bucket=Artefacts(aws, options.stack).bucket)
    unless_gone(
        aws.client("secretsmanager").delete_secret,
        SecretId=own_database_secret(options.stack),
        ForceDeleteWithoutRecovery=True,
    )
    for name, identifier in kept.items():
        say(f"kept: {name} {identifier}")


def delete_data(aws, s3, kept):
    if bucket := kept.get("PicturesBucket"):
        unless_gone(empty, s3=s3, bucket=bucket)
        unless_gone(s3.delete_bucket, Bucket=bucket)
    for name in ("PicturesTable", "UsersTable"):
        if table := kept.get(name):
            unless_gone(aws.client("dynamodb").delete_table, TableName=table)
    if secret := kept.get("TokenKey"):
        unless_gone(
            aws.client("secretsmanager").delete_secret,
            SecretId=secret,
            ForceDeleteWithoutRecovery=True,
        )
    if role := kept.get("ApiLogRole"):
        unless_gone(delete_role, iam=aws.client("iam"), role=role)


def delete_role(iam, role):
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=role)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in (("up", up), ("down", down), ("check", check)):
        command = commands.add_parser(name)
        command.add_argument("--stack", default="trichrome")
        command.set_defaults(run=run)
        if name != "down":
            command.add_argument("--template", default="template.yaml")
            command.add_argument("--code", default="target/lambda")
        if name == "up":
            command.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
        elif name == "down":
            command.add_argument("--delete-data", action="store_true")
    options = parser.parse_args()
    try:
        options.run(options)
    except (EndpointConnectionError, NoCredentialsError) as error:
        sys.exit(f"deploy: {error}")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"deploy: AWS did not do as asked: {error}")
    except Problem as problem:
        sys.exit(f"deploy: {problem}")


if __name__ == "__main__":
    main()
