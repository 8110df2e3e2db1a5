"""Deploys template.yaml through CloudFormation: to AWS, to LocalStack, or to the local stack's AWS.

Both `cargo xtask up --deployed` and LocalStack's ready hook run it, so it is one file that only needs
botocore. The standard variables have the endpoint and the credentials (AWS_ENDPOINT_URL, AWS_REGION,
AWS_PROFILE or AWS_ACCESS_KEY_ID, ...).

    deploy.py up   [--stack NAME] [--template FILE] [--code FOLDER] [--parameter NAME=VALUE ...]
                   [--tag NAME=VALUE ...] [--termination-protection on|off]
                   [--previous FILE] [--watch-alarms MINUTES] [--execution-role ARN]
    deploy.py plan [--stack NAME] [--template FILE] [--code FOLDER] [--parameter NAME=VALUE ...]
                   [--tag NAME=VALUE ...]
    deploy.py restore --previous FILE [--stack NAME]
    deploy.py down [--stack NAME] [--delete-data]
    deploy.py check [--template FILE] [--code FOLDER]
    deploy.py redrive [--stack NAME]
    deploy.py backfill [--stack NAME | --table NAME --bucket NAME --queue URL] [--limit N]
                       [--waiting N] [--damaged]

`up` also reads these variables:
    DATABASE_URL     stored in the secret that the parameter DatabaseUrlSecret names
    TOKEN_JWKS_FILE  the public keys, for the parameter TokenJwks
    TOKEN_KEY_FILE   the private key, stored in the stack's secret

`plan` prints what `up` would change, as a table in Markdown, and changes nothing. It needs a stack.

`--previous` writes down the stack's present template and parameters, to which `restore` goes back; zips
are kept in S3, so it needs none. `--watch-alarms` has CloudFormation roll back by itself if an alarm of
failing calls goes off during the update or in the minutes after it. `--execution-role` is the role with
which CloudFormation works, now and later, instead of the caller's credentials.

`--tag` sets tags of the stack, which CloudFormation passes on to its resources, and
`--termination-protection` whether the stack can be deleted; without them, both stay as they are.

`down` deletes the stack, which takes up to 45 minutes with functions in a VPC, and keeps its data: tables,
bucket, secrets. `--delete-data` deletes these too, also those of a stack that is gone already.

`check` only checks that AWS answers and that there is code to deploy. `up` prints the stack's outputs
as one line of JSON, with the REST API's address as `Endpoint`. Running `up` again updates the stack,
and repairs what a failed run has left. `redrive` delivers the call logs again that could not be
stored, and the events of pictures whose derivatives could not be made, and prints how many there
were; each has its effect once, however often it is delivered.

`backfill` has derivatives made of the pictures that have none, such as those from before version
0.2.0, and prints counts. It sends what S3 sends of a new picture to the queue, at most `--waiting`
(100) at a time, so that new pictures wait for no more than those. It can be stopped and run again at
any time: pictures that are done are passed over, and one that is sent twice is done once. `--damaged`
also repeats those that were found damaged.
"""

import argparse
import hashlib
import io
import ipaddress
import json
import os
import re
import sys
import time
import urllib.parse
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

# Creating takes minutes. Deleting functions of a VPC takes up to 45 minutes, until Lambda has removed
# their network interfaces. (AWS, "Giving Lambda functions access to resources in an Amazon VPC",
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html)
DEADLINE_SECONDS = 60 * 60
# How long `backfill` waits for a queue that stays full.
QUEUE_SECONDS = 20 * 60
POLL_SECONDS = 1
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
# One line for each function: `CodeUri: target/lambda/<function>/bootstrap.zip`.
CODE = re.compile(r"^(?P<indent>\s+CodeUri: )\S*?(?P<function>[\w-]+)/bootstrap\.zip\s*$", re.M)
# The variable of all functions by which they get a new version.
REVISION = re.compile(r"^(?P<indent>\s+REVISION: ).*$", re.M)
# States after a failed creation, from which a stack can't be updated.
DEAD = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"}
# Alarms that end an update, at most five. (AWS, "Roll back your CloudFormation stack on alarm breach with
# rollback triggers", https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html)
WATCHED_ALARMS = {"ApiErrorsAlarm", "ApiLatencyAlarm", "CallErrorsAlarm"}
# Tags of the stack's secret with the stack's name: the template's, and CloudFormation's own.
STACK_TAGS = ("trichrome:stack", "aws:cloudformation:stack-name")
GOOD = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


class Problem(Exception):
    """An error with its remedy."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def code_of(error):
    return error.response.get("Error", {}).get("Code", "")


class Aws:
    """Clients of one account and region."""

    def __init__(self, *, knows_account=True):
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
        self.account = self.get_account() if knows_account else None

    def client(self, service):
        config = Config(
            connect_timeout=5,
            retries={"mode": "standard", "max_attempts": 3},
            # Emulators have no host name per bucket.
            s3={"addressing_style": "path"} if self.endpoint else None,
        )
        return self.session.create_client(
            service, region_name=self.region, endpoint_url=self.endpoint, config=config
        )

    def get_account(self):
        """The account id. This first call shows whether AWS answers."""
        where = self.endpoint or f"AWS in {self.region}"
        try:
            return self.client("sts").get_caller_identity()["Account"]
        except ClientError as error:
            raise Problem(f"{where} refuses the credentials: {error}") from error
        except (BotoCoreError, ValueError) as error:
            raise Problem(
                f"AWS doesn't answer at {where}: start it, or correct the endpoint ({error})"
            ) from error


class Artefacts:
    """The bucket with the functions' zips and the template."""

    def __init__(self, aws, stack):
        self.aws = aws
        self.s3 = aws.client("s3")
        self.bucket = f"{stack}-artefacts-{aws.account}-{aws.region}"

    def create_bucket(self):
        place = {"LocationConstraint": self.aws.region}
        # S3 refuses this region as a location constraint.
        options = {} if self.aws.region == "us-east-1" else {"CreateBucketConfiguration": place}
        try:
            self.s3.create_bucket(Bucket=self.bucket, **options)
        except ClientError as error:
            if code_of(error) not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                raise
            # If it belongs to another account, the first upload fails.
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
        """Uploads an object unless it exists; its key is derived from its content."""
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
    """The code of each function of the template, as built by `cargo lambda build`
    (`<function>/bootstrap.zip`) or by cargo (`<function>`). Reports all missing ones at once."""
    names = [match["function"] for match in CODE.finditer(template)]
    if not names:
        raise Problem("the template has no function with code")
    code, missing = {}, []
    for name in names:
        zipped, program = Path(folder) / name / "bootstrap.zip", Path(folder) / name
        if zipped.is_file() or program.is_file():
            code[name] = zipped if zipped.is_file() else program
        else:
            missing.append(name)
    if missing:
        raise Problem(
            f"{folder} has no zip for {', '.join(missing)}: build them with `cargo xtask build`"
        )
    return code


def digest(path):
    """A hash of the program, since a zip also contains its creation time."""
    if path.suffix != ".zip":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        with zipfile.ZipFile(path) as archive:
            return hashlib.sha256(archive.read("bootstrap")).hexdigest()
    except (zipfile.BadZipFile, KeyError) as error:
        raise Problem(
            f"{path} isn't a zip with a bootstrap: build it again with `cargo xtask build`"
        ) from error


# ELF's e_machine, and CloudFormation's name for the architecture.
ARCHITECTURES = {62: "x86_64", 183: "arm64"}


def architecture(code):
    """The architecture that all of the code was built for."""
    found = {}
    for name, path in code.items():
        with zipfile.ZipFile(path).open("bootstrap") if path.suffix == ".zip" else path.open("rb") as file:
            header = file.read(20)
        if header[:4] != b"\x7fELF" or int.from_bytes(header[18:20], "little") not in ARCHITECTURES:
            raise Problem(f"{path} isn't a program for Lambda: build it with `cargo xtask build`")
        found.setdefault(ARCHITECTURES[int.from_bytes(header[18:20], "little")], name)
    if len(found) > 1:
        mixed = ", ".join(f"{name} for {kind}" for kind, name in found.items())
        raise Problem(f"built for different architectures ({mixed}): `cargo xtask build` builds all")
    return next(iter(found))


def zip_of(path):
    """The zip's bytes. A bare program, for a local AWS, is zipped without compression."""
    if path.suffix == ".zip":
        return path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def package(template, code, artefacts, *, uploads=True):
    """Uploads the functions' code and returns the template with the S3 addresses."""
    uris = {}
    for name, path in code.items():
        key = f"{name}-{digest(path)}.zip"
        if uploads:
            artefacts.put(key, lambda path=path: zip_of(path))
        uris[name] = f"s3://{artefacts.bucket}/{key}"
    return CODE.sub(lambda match: match["indent"] + uris[match["function"]], template)


def revise(template, parameters):
    """The template with its revision: SAM makes new versions of the functions, to which their alias points, if
    the template differs, but doesn't look at parameters' values."""
    defaults = parameter_defaults(template)
    # The same values make the same revision, whether they are given or not.
    values = sorted((name, value) for name, value in parameters.items() if value != defaults.get(name))
    written = template + json.dumps(values)
    digest = hashlib.sha256(written.encode()).hexdigest()[:16]
    return REVISION.sub(lambda match: match["indent"] + f"'{digest}'", template)


def template_key(template):
    return f"template-{hashlib.sha256(template.encode()).hexdigest()}.yaml"


def parameter_names(template):
    section = re.search(r"^Parameters:\n((?:[ #].*\n|\n)*)", template, re.M)
    return re.findall(r"^  (\w+):", section[1], re.M) if section else []


def parameter_defaults(template):
    section = re.search(r"^Parameters:\n((?:[ #].*\n|\n)*)", template, re.M)
    found = re.findall(r"^  (\w+):\n(?:    .*\n)*?    Default: (.*)\n", section[1], re.M) if section else []
    return {name: value.strip("'\"") for name, value in found}


class Stack:
    def __init__(self, aws, name):
        self.client = aws.client("cloudformation")
        self.cloudwatch = aws.client("cloudwatch")
        self.name = name

    def describe(self):
        """The stack's current description, or None."""
        try:
            stacks = self.client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if code_of(error) == "ValidationError" and "does not exist" in str(error):
                return None
            raise
        alive = [stack for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"]
        return alive[0] if alive else None

    def settle(self, deadline):
        """Waits until no operation is in progress; returns the stack, or None."""
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

    def request(self, url, parameters, tags):
        """What creating, updating and planning have in common."""
        request = {
            "StackName": self.name,
            "TemplateURL": url,
            "Capabilities": CAPABILITIES,
            "Parameters": parameters,
        }
        if tags:
            # CloudFormation passes them on to every resource. Without any, an update keeps the stack's.
            request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        return request

    def plan(self, url, parameters, names, tags):
        """The changes that an update would make."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        stack = self.describe()
        name = f"plan-{hashlib.sha256(url.encode()).hexdigest()[:16]}-{int(time.time())}"
        request = self.request(url, self.parameters(parameters, names, stack), tags)
        self.client.create_change_set(ChangeSetName=name, ChangeSetType="UPDATE", **request)
        which = {"StackName": self.name, "ChangeSetName": name}
        try:
            while True:
                answer = self.client.describe_change_set(**which)
                if not answer["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
                    break
                if time.monotonic() > deadline:
                    raise Problem(f"the change set {name} is {answer['Status']}; look at it in the console")
                time.sleep(POLL_SECONDS)
            reason = answer.get("StatusReason", "")
            if answer["Status"] == "FAILED" and not re.search("didn't contain changes|No updates", reason):
                raise Problem(f"CloudFormation refuses the plan: {reason}")
            changes = answer.get("Changes", [])
            while token := answer.get("NextToken"):
                answer = self.client.describe_change_set(**which, NextToken=token)
                changes += answer["Changes"]
        finally:
            self.client.delete_change_set(**which)
        return [change["ResourceChange"] for change in changes if "ResourceChange" in change]

    def present(self):
        """The stack's template and parameters, for `restore`; None without a stack."""
        stack = self.describe()
        if stack is None or stack["StackStatus"] not in GOOD | {"UPDATE_ROLLBACK_COMPLETE"}:
            return None
        body = self.client.get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"]
        return {"template": body, "parameters": parameters_of(stack)}

    def alarms(self):
        """The ARNs of the alarms that end an update."""
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        names = [
            resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["LogicalResourceId"] in WATCHED_ALARMS and resource.get("PhysicalResourceId")
        ]
        if not names:
            raise Problem(f"the stack {self.name} has no alarms to watch: give it AlarmTopicArn first")
        found = self.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        return [alarm["AlarmArn"] for alarm in found]

    def deploy(self, url, parameters, names, tags, watch=0, role=None):
        """Creates or updates the stack; `names` are the template's parameters."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        stack = self.settle(deadline)
        if stack and stack["StackStatus"] in DEAD:
            say(f"the stack {self.name} is {stack['StackStatus']}: deleting and creating it again")
            self.delete(deadline)
            stack = None
        if stack and stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
            say(f"the stack {self.name} is {stack['StackStatus']}: continuing its rollback")
            self.client.continue_update_rollback(StackName=self.name)
            stack = self.settle(deadline)
        since = self.last_event() if stack else None
        request = self.request(url, self.parameters(parameters, names, stack), tags)
        if role:
            request["RoleARN"] = role
        if watch and stack:
            request["RollbackConfiguration"] = {
                "RollbackTriggers": [
                    {"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in self.alarms()
                ],
                "MonitoringTimeInMinutes": watch,
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
        # LocalStack reports a rolled back creation as complete; it has no outputs then.
        if stack is None or stack["StackStatus"] not in GOOD or not stack.get("Outputs"):
            status = stack["StackStatus"] if stack else "gone"
            raise Problem(
                f"the stack {self.name} is {status}:\n{self.reasons(since)}\n"
                "fix that and run this again, which repairs the stack"
            )
        return stack

    @staticmethod
    def parameters(given, names, stack):
        """The given parameters, and the stack's current values of the others."""
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
        """The failures in order, without resources that were cancelled because of them."""
        lines = []
        for event in self.events():
            if event["EventId"] == since:
                break
            reason = event.get("ResourceStatusReason", "")
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                lines.insert(0, f"  {event['LogicalResourceId']}: {reason}")
        return "\n".join(lines[:10]) or "  (CloudFormation gives no reason)"

    def protect(self, enabled):
        self.client.update_termination_protection(StackName=self.name, EnableTerminationProtection=enabled)

    def delete(self, deadline):
        if (self.describe() or {}).get("EnableTerminationProtection"):
            raise Problem(
                f"the stack {self.name} is protected: run `up --termination-protection off` before deleting it"
            )
        self.client.delete_stack(StackName=self.name)
        stack = self.settle(deadline)
        if stack is not None:
            raise Problem(
                f"the stack {self.name} cannot be deleted ({stack['StackStatus']}):\n{self.reasons(None)}"
            )


def secret(client, name):
    """A secret's text and version id; empty if it doesn't exist."""
    try:
        return client.get_secret_value(SecretId=name)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return {}
        raise


def put_secret(client, name, value):
    """Creates the secret or updates its value."""
    if secret(client, name).get("SecretString") == value:
        return
    try:
        client.put_secret_value(SecretId=name, SecretString=value)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        client.create_secret(Name=name, SecretString=value)


def own_database_secret(stack):
    """The default of the parameter DatabaseUrlSecret."""
    return f"{stack}/database-url"


def database_parameters(secrets, stack, given, before):
    """The name and the version of the database's secret. A new version makes CloudFormation run the
    migrations, and replace the instances that have read the one before."""
    name = given.get("DatabaseUrlSecret") or before.get("DatabaseUrlSecret") or own_database_secret(stack)
    if url := os.environ.get("DATABASE_URL"):
        put_secret(secrets, name, url)
    version = secret(secrets, name).get("VersionId")
    if not version:
        raise Problem(f"the secret {name} has no database URL: set DATABASE_URL to store one")
    return {"DatabaseUrlSecret": name, "DatabaseUrlVersion": version}


# The last labels of names that only a private network knows.
PRIVATE_SUFFIXES = ("internal", "local", "localhost", "lan", "intranet", "private", "svc")


def is_private(url):
    """Whether a URL's host is reachable from a private network only, as far as its name or address says.
    Names of the public DNS are not looked up: this machine's network isn't the functions'."""
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.rsplit(".", 1)[-1] in PRIVATE_SUFFIXES


def trace_parameters(given, before):
    """Which functions send traces, where that isn't given. A function outside the VPC can't reach a
    collector inside it, and would try again and again."""
    parameters = before | given
    endpoint = parameters.get("OtlpEndpoint", "")
    if not endpoint or "OtlpFrom" in given or not is_private(endpoint):
        return {}
    if not parameters.get("SubnetIds"):
        say(
            f"OtlpEndpoint {endpoint} is in a private network, and no function is in a VPC: none will send"
            " traces. Give SubnetIds, or an endpoint that the internet reaches"
        )
        return {"OtlpEndpoint": ""}
    say(
        f"OtlpEndpoint {endpoint} is in a private network: only the functions of the VPC, those that use"
        " Postgres, will send traces (OtlpFrom=vpc). The others need an endpoint that the internet reaches"
    )
    return {"OtlpFrom": "vpc"}


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


def effective(given, names, stack):
    """The values that parameters will have; the template has the others' defaults."""
    before = {name: value for name, value in parameters_of(stack).items() if name in names}
    return before | given


def sources(options):
    """The template and the code of its functions."""
    try:
        template = Path(options.template).read_text()
    except OSError as error:
        raise Problem(f"cannot read the template: {error}") from error
    return template, find_code(template, options.code)


def check(options):
    sources(options)
    Aws()


def pairs(option, texts):
    """The values of an option that is given as NAME=VALUE, by name."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise Problem(f"{option} {text}: write it as NAME=VALUE")
        found[name] = value
    return found


def up(options):
    template, code = sources(options)
    parameters = pairs("--parameter", options.parameter)
    tags = pairs("--tag", options.tag)
    built_for = architecture(code)
    if parameters.setdefault("Architecture", built_for) != built_for:
        raise Problem(f"the code was built for {built_for}: `cargo xtask build --arch` another")
    if jwks := read("TOKEN_JWKS_FILE"):
        parameters.setdefault("TokenJwks", jwks)
    key = read("TOKEN_KEY_FILE")
    aws = Aws()
    artefacts = Artefacts(aws, options.stack)
    artefacts.create_bucket()
    template = package(template, code, artefacts)
    secrets = aws.client("secretsmanager")
    stack = Stack(aws, options.stack)
    before = stack.describe()
    parameters |= database_parameters(secrets, options.stack, parameters, parameters_of(before))
    if not aws.endpoint:
        # A local AWS has no networks.
        parameters |= trace_parameters(parameters, parameters_of(before))
    arn = outputs_of(before).get("TokenKeySecretArn")
    if key and arn and secret(secrets, arn).get("SecretString") not in (None, key):
        raise Problem(
            "the stack signs tokens with a different key than TOKEN_KEY_FILE, so every user would be"
            " logged out: use its key, or rotate it (docs/deploying.md)"
        )
    if options.previous:
        Path(options.previous).write_text(json.dumps(stack.present()))
    names = parameter_names(template)
    template = revise(template, effective(parameters, names, before))
    name = template_key(template)
    artefacts.put(name, template.encode)
    deployed = stack.deploy(
        artefacts.url(name), parameters, names, tags, options.watch_alarms, options.execution_role
    )
    if options.termination_protection:
        stack.protect(options.termination_protection == "on")
    outputs = outputs_of(deployed)
    if key and "TokenKeySecretArn" in outputs:
        put_secret(secrets, outputs["TokenKeySecretArn"], key)
    outputs["Endpoint"] = outputs.get("RestUrl", "")
    if aws.endpoint and "RestApiId" in outputs:
        # The host names of APIs don't resolve with emulators; both serve this path.
        base = f"{aws.endpoint.rstrip('/')}/restapis/{outputs['RestApiId']}"
        outputs["Endpoint"] = f"{base}/{outputs['StageName']}/_user_request_"
    print(json.dumps(outputs))


def plan(options):
    template, code = sources(options)
    parameters, tags = pairs("--parameter", options.parameter), pairs("--tag", options.tag)
    aws = Aws()
    stack, artefacts = Stack(aws, options.stack), Artefacts(aws, options.stack)
    before = stack.describe()
    if before is None:
        raise Problem(f"there is no stack {options.stack} to compare with: `up` creates it")
    # CloudFormation compares the addresses of zips and doesn't read them.
    template = package(template, code, artefacts, uploads=False)
    names = parameter_names(template)
    template = revise(template, effective(parameters, names, before))
    name = template_key(template)
    artefacts.put(name, template.encode)
    print(table(stack.plan(artefacts.url(name), parameters, names, tags)))


def table(changes):
    """Changes of resources as Markdown, those first that may replace a resource."""
    if not changes:
        return "Nothing changes."
    rows = sorted(
        (change.get("Replacement", "False") == "False", change["Action"], change["LogicalResourceId"], change)
        for change in changes
    )
    lines = ["| action | resource | type | replaced |", "|---|---|---|---|"]
    for _, action, name, change in rows:
        replaced = {"True": "**yes**", "Conditional": "perhaps"}.get(change.get("Replacement"), "")
        lines.append(f"| {action} | {name} | {change['ResourceType']} | {replaced} |")
    return "\n".join(lines)


def restore(options):
    try:
        before = json.loads(Path(options.previous).read_text())
    except (OSError, ValueError) as error:
        raise Problem(f"--previous: {error}") from error
    if before is None:
        raise Problem("there was no stack before: nothing to go back to")
    aws = Aws()
    artefacts = Artefacts(aws, options.stack)
    template = before["template"]
    name = template_key(template)
    artefacts.put(name, template.encode)
    names = parameter_names(template)
    outputs = outputs_of(
        Stack(aws, options.stack).deploy(artefacts.url(name), before["parameters"], names, {})
    )
    print(json.dumps(outputs))


def empty(s3, bucket):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    for page in pages:
        keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})


def unless_gone(call, **arguments):
    """Calls a deletion, and ignores that the resource doesn't exist."""
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
    if stack.settle(deadline):
        stack.delete(deadline)
    # Found by name and tag rather than in the stack: this also works when an earlier run has deleted it.
    kept = kept_data(aws, options.stack)
    unless_gone(empty, s3=s3, bucket=Artefacts(aws, options.stack).bucket)
    unless_gone(s3.delete_bucket, Bucket=Artefacts(aws, options.stack).bucket)
    if options.delete_data:
        delete_data(aws, s3, kept)
        return
    for name, identifiers in kept.items():
        for identifier in identifiers:
            say(f"kept: {name} {identifier}")


def kept_data(aws, stack):
    """What outlives a stack, by logical id: resources with DeletionPolicy Retain, and the database's
    secret. Of each there can be several, from earlier stacks of this name."""
    secrets = aws.client("secretsmanager")
    database = own_database_secret(stack)
    return {
        "PicturesBucket": named(aws.client("s3").list_buckets()["Buckets"], "Name", stack.lower(), "picturesbucket"),
        "PicturesTable": tables(aws, stack, "PicturesTable"),
        "UsersTable": tables(aws, stack, "UsersTable"),
        # CloudFormation doesn't name secrets after their stack.
        "TokenKey": [
            entry["ARN"]
            for entry in entries(secrets, "list_secrets", "SecretList")
            if any({"Key": tag, "Value": stack} in entry.get("Tags", []) for tag in STACK_TAGS)
        ],
        "ApiLogRole": named(entries(aws.client("iam"), "list_roles", "Roles"), "RoleName", stack, "ApiLogRole"),
        "DatabaseUrlSecret": [database] if secret(secrets, database) else [],
    }


def tables(aws, stack, logical_id):
    names = entries(aws.client("dynamodb"), "list_tables", "TableNames")
    return named([{"TableName": name} for name in names], "TableName", stack, logical_id)


def entries(client, operation, key):
    """What all pages of a list have."""
    pages = client.get_paginator(operation).paginate()
    return [entry for page in pages for entry in page.get(key, [])]


def named(found, key, stack, logical_id):
    """The names that CloudFormation gives: stack, logical id, and characters of its choice."""
    pattern = re.compile(f"{re.escape(stack)}-{logical_id}-[A-Za-z0-9]+")
    return [entry[key] for entry in found if pattern.fullmatch(entry[key])]


# Queues whose failed messages can be delivered again: the outputs of the dead-letter queue and the
# queue.
REDRIVEN = {
    "call_logs": ("CallLogDeadLettersUrl", "CallLogQueueUrl"),
    "derive": ("DeriveDeadLettersUrl", "DeriveQueueUrl"),
}


def outputs_or_problem(aws, options):
    outputs = outputs_of(Stack(aws, options.stack).describe())
    if "DeriveQueueUrl" not in outputs:
        raise Problem(f"the stack {options.stack} doesn't exist, or is older than this script: deploy it")
    return outputs


def redrive(options):
    aws = Aws()
    outputs = outputs_or_problem(aws, options)
    sqs = aws.client("sqs")
    moved = {
        name: move(sqs, outputs[source], outputs[target]) for name, (source, target) in REDRIVEN.items()
    }
    print(json.dumps({"moved": moved}))


def move(sqs, source, target):
    """Moves a queue's messages to another, and returns how many there were."""
    moved = 0
    # Not StartMessageMoveTask, which emulators lack.
    while messages := receive(sqs, source):
        send(sqs, target, [message["Body"] for message in messages])
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
        ]
        sqs.delete_message_batch(QueueUrl=source, Entries=entries)
        moved += len(messages)
    return moved


def receive(sqs, queue):
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
    return answer.get("Messages", [])


def send(sqs, queue, bodies):
    """Sends up to ten messages."""
    entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    if refused := sent.get("Failed"):
        raise Problem(f"SQS refuses a message ({refused[0]['Code']}): run this again")


# Messages of one request to SQS.
SQS_BATCH = 10
# A picture's id; other items of the table have other sort keys.
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def backfill(options):
    given = (options.table, options.bucket, options.queue)
    # With the names given, no account is looked up: the local stack has no STS.
    aws = Aws(knows_account=not all(given))
    if not all(given):
        if any(given):
            raise Problem("give --table, --bucket and --queue together, or only --stack")
        outputs = outputs_or_problem(aws, options)
        given = (outputs["PicturesTable"], outputs["PicturesBucket"], outputs["DeriveQueueUrl"])
    table, bucket, queue = given
    sqs = aws.client("sqs")
    counts = {"pictures": 0, "ready": 0, "damaged": 0, "sent": 0, "complete": True}
    batch = []
    for row in rows(aws.client("dynamodb"), table):
        state = row.get("state", {}).get("S")
        counts["pictures"] += 1
        if state in ("ready", "damaged"):
            counts[state] += 1
        if state == "ready" or (state == "damaged" and not options.damaged):
            continue
        if counts["sent"] + len(batch) == options.limit:
            counts["complete"] = False
            break
        batch.append(event_of(bucket, row))
        if len(batch) == SQS_BATCH:
            send_slowly(sqs, queue, batch, options.waiting)
            counts["sent"] += len(batch)
            batch = []
    if batch:
        send_slowly(sqs, queue, batch, options.waiting)
        counts["sent"] += len(batch)
    print(json.dumps(counts))


def rows(dynamodb, table):
    """The rows of all pictures, with the attributes that matter here."""
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ProjectionExpression="user_id, picture_id, #layout, #state",
        # Also among rows that are being written.
        ConsistentRead=True,
        FilterExpression="attribute_exists(size_bytes) AND attribute_exists(width)"
        " AND attribute_not_exists(deleting)",
        ExpressionAttributeNames={"#layout": "layout", "#state": "state"},
    )
    for page in pages:
        for row in page["Items"]:
            if UUID.fullmatch(row["picture_id"]["S"]):
                yield row


def event_of(bucket, row):
    """What S3 sends of a new picture, as far as pictures-derive reads it. Keys of pictures need no
    URL encoding."""
    key = f"{row['user_id']['S']}/{row['picture_id']['S']}"
    if "layout" in row:
        key = f"originals/{key}"
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Backfill",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
    }
    return json.dumps({"Records": [record]})


def send_slowly(sqs, queue, bodies, most):
    """Sends messages once fewer than this many wait."""
    deadline = time.monotonic() + QUEUE_SECONDS
    while waiting(sqs, queue) >= most:
        if time.monotonic() > deadline:
            raise Problem(
                f"the queue {queue} has had {most} messages for {QUEUE_SECONDS // 60} minutes:"
                " look at the log of pictures-derive, then run this again"
            )
        time.sleep(POLL_SECONDS)
    send(sqs, queue, bodies)


def waiting(sqs, queue):
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])["Attributes"][name])


def count(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def delete_data(aws, s3, kept):
    for bucket in kept["PicturesBucket"]:
        unless_gone(empty, s3=s3, bucket=bucket)
        unless_gone(s3.delete_bucket, Bucket=bucket)
    for table in kept["PicturesTable"] + kept["UsersTable"]:
        unless_gone(aws.client("dynamodb").delete_table, TableName=table)
    for identifier in kept["TokenKey"] + kept["DatabaseUrlSecret"]:
        unless_gone(
            aws.client("secretsmanager").delete_secret,
            SecretId=identifier,
            ForceDeleteWithoutRecovery=True,
        )
    for role in kept["ApiLogRole"]:
        unless_gone(delete_role, iam=aws.client("iam"), role=role)


def delete_role(iam, role):
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=role)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands_by_name = {
        "up": up,
        "plan": plan,
        "restore": restore,
        "down": down,
        "check": check,
        "redrive": redrive,
        "backfill": backfill,
    }
    for name, run in commands_by_name.items():
        command = commands.add_parser(name)
        command.add_argument("--stack", default="trichrome")
        command.set_defaults(run=run)
        if name in ("up", "plan", "check"):
            command.add_argument("--template", default="template.yaml")
            command.add_argument("--code", default="target/lambda")
        if name in ("up", "plan"):
            command.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
            command.add_argument("--tag", action="append", default=[], metavar="NAME=VALUE")
        if name == "restore":
            command.add_argument("--previous", required=True, metavar="FILE")
        if name == "up":
            command.add_argument("--previous", metavar="FILE")
            command.add_argument("--execution-role", metavar="ARN")
            command.add_argument("--watch-alarms", type=count, default=0, metavar="MINUTES")
            command.add_argument("--termination-protection", choices=["on", "off"])
        elif name == "down":
            command.add_argument("--delete-data", action="store_true")
        elif name == "backfill":
            command.add_argument("--table")
            command.add_argument("--bucket")
            command.add_argument("--queue", metavar="URL")
            command.add_argument("--limit", type=count, metavar="N")
            command.add_argument("--waiting", type=count, default=100, metavar="N")
            command.add_argument("--damaged", action="store_true")
    options = parser.parse_args()
    try:
        options.run(options)
    except (EndpointConnectionError, NoCredentialsError) as error:
        sys.exit(f"deploy: {error}")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"deploy: AWS failed: {error}")
    except Problem as problem:
        sys.exit(f"deploy: {problem}")


if __name__ == "__main__":
    main()
