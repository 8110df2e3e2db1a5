"""Compares the resources with the template, by type, and counts the comparisons."""

import json

from botocore.exceptions import ClientError


class Differences:
    def __init__(self):
        self.compared = 0
        self.found = []
        self.gaps = []

    def same(self, what, made, meant):
        self.compared += 1
        if made != meant:
            self.found.append(f"{what}: is {made!r}, but the template has {meant!r}")

    def same_if_made(self, what, made, meant):
        """Compares what LocalStack 4.14.0 may not create."""
        if made:
            self.same(what, made, meant)
        else:
            self.gaps.append(what)


def functions(differences, client, resources, meaning):
    """Compares the functions' configuration."""
    shared = meaning.template["Globals"]["Function"]
    for id, resource in resources.items():
        properties = resource["Properties"]
        made = client.get_function_configuration(FunctionName=meaning.physical[id])
        name = made["FunctionName"]
        for made_name, meant in (
            ("FunctionName", meaning.of(properties["FunctionName"])),
            ("MemorySize", properties["MemorySize"]),
            ("Timeout", properties.get("Timeout", shared["Timeout"])),
            ("Runtime", shared["Runtime"]),
            ("Handler", shared["Handler"]),
            ("Architectures", meaning.of(shared["Architectures"])),
            ("TracingConfig", {"Mode": shared["Tracing"]}),
            ("LoggingConfig", meaning.of(shared["LoggingConfig"])),
        ):
            value = made.get(made_name)
            if made_name == "LoggingConfig":
                value = {"LogGroup": (value or {}).get("LogGroup")}
            differences.same(f"{name}, {made_name}", value, meant)
        variables = dict(shared["Environment"]["Variables"])
        variables.update(properties.get("Environment", {}).get("Variables", {}))
        meant = {key: meaning.of(value) for key, value in variables.items()}
        environment = made["Environment"]["Variables"]
        differences.same(f"{name}, environment", environment, meant)
        differences.same(f"{name}, code", made["CodeSize"] > 0, True)


def statements(document):
    """A policy's statements, normalised: single values become sorted lists."""
    found = []
    for statement in document["Statement"]:
        listed = {}
        for key in ("Action", "Resource"):
            value = statement.get(key, [])
            listed[key] = sorted(value if isinstance(value, list) else [value])
        found.append((statement["Effect"], listed["Action"], listed["Resource"]))
    return sorted(found)


def roles(differences, iam, resources, meaning):
    """Each function's role has the template's permissions and no others."""
    for id, resource in resources.items():
        role = meaning.physical[f"{id}Role"]
        meant, attached = [], []
        for policy in resource["Properties"].get("Policies", []):
            if "Statement" in policy:
                meant += statements(meaning.of(policy))
            else:
                attached.append(meaning.of(policy))
        for policy in meaning.template["Resources"].values():
            if policy["Type"] == "AWS::IAM::Policy" and meaning.is_made(policy):
                if {"Ref": f"{id}Role"} in policy["Properties"]["Roles"]:
                    meant += statements(meaning.of(policy["Properties"]["PolicyDocument"]))
        made = []
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            document = json.loads(document) if isinstance(document, str) else document
            made += statements(document)
        # SAM adds permissions for the queue of asynchronous failures; the template has them as well.
        destination = (
            resource["Properties"]
            .get("EventInvokeConfig", {})
            .get("DestinationConfig", {})
            .get("OnFailure")
        )
        if destination:
            queue = meaning.of(destination["Destination"])
            meant.append(("Allow", ["sqs:SendMessage"], [queue]))
        differences.same(f"{id}, policies", sorted(made), sorted(meant))
        found = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        # SAM adds logs and traces to every role.
        own = {"AWSLambdaBasicExecutionRole", "AWSXRayDaemonWriteAccess", "AWSXrayWriteOnlyAccess"}
        if "VpcConfig" in resource["Properties"]:
            own.add("AWSLambdaVPCAccessExecutionRole")
        found = sorted(
            policy["PolicyArn"] for policy in found if policy["PolicyName"] not in own
        )
        differences.same(f"{id}, attached policies", found, sorted(attached))


def api(differences, client, id, resources, meaning):
    """Every route has its function, and there are no others."""
    meant = {}
    for function, resource in resources.items():
        for event in resource["Properties"].get("Events", {}).values():
            if event["Type"] != "Api":
                continue
            properties = event["Properties"]
            meant[properties["Path"], properties["Method"]] = meaning.physical[function]
    made = {}
    for page in client.get_paginator("get_resources").paginate(restApiId=id):
        for item in page["items"]:
            for method in item.get("resourceMethods", {}):
                if method == "OPTIONS":
                    continue
                integration = client.get_integration(
                    restApiId=id, resourceId=item["id"], httpMethod=method
                )
                arn = integration["uri"].split("/functions/")[-1].split("/")[0]
                made[item["path"], method] = arn.rsplit(":", 1)[-1]
    differences.same("the REST API's routes", made, meant)
    stages = client.get_stages(restApiId=id)["item"]
    differences.same("the REST API's stages", [stage["stageName"] for stage in stages], ["v1"])


def bucket(differences, s3, name, properties, meaning):
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    differences.same("the bucket, public access", block, properties["PublicAccessBlockConfiguration"])
    made = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    meant = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    differences.same(
        "the bucket, encryption",
        made["ApplyServerSideEncryptionByDefault"],
        meant["ServerSideEncryptionByDefault"],
    )
    try:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    except ClientError:
        rules = []
    meant = properties["LifecycleConfiguration"]["Rules"]
    differences.same_if_made(
        "the bucket, lifecycle",
        [(rule["ID"], rule["AbortIncompleteMultipartUpload"]) for rule in rules],
        [(rule["Id"], rule["AbortIncompleteMultipartUpload"]) for rule in meant],
    )
    made = s3.get_bucket_cors(Bucket=name)["CORSRules"]
    meant = [
        {
            "AllowedOrigins": rule["AllowedOrigins"],
            "AllowedMethods": rule["AllowedMethods"],
            "AllowedHeaders": rule["AllowedHeaders"],
            "ExposeHeaders": rule["ExposedHeaders"],
            "MaxAgeSeconds": rule["MaxAge"],
        }
        for rule in meaning.of(properties["CorsConfiguration"]["CorsRules"])
    ]
    differences.same("the bucket, CORS", made, meant)
    made = s3.get_bucket_notification_configuration(Bucket=name).get("QueueConfigurations", [])
    meant = meaning.of(properties["NotificationConfiguration"]["QueueConfigurations"])
    differences.same(
        "the bucket, notifications",
        [
            (
                entry["QueueArn"],
                entry["Events"],
                [rule["Value"] for rule in entry["Filter"]["Key"]["FilterRules"]],
            )
            for entry in made
        ],
        [
            (
                entry["Queue"],
                [entry["Event"]],
                [rule["Value"] for rule in entry["Filter"]["S3Key"]["Rules"]],
            )
            for entry in meant
        ],
    )
    owner = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    differences.same("the bucket, owner", owner, properties["OwnershipControls"]["Rules"])


def token_key(differences, client, id, jwks):
    """The secret's key matches the public key of the functions."""
    value = json.loads(client.get_secret_value(SecretId=id)["SecretString"])
    differences.same("the token key's kid", [value["kid"]], [key["kid"] for key in jwks["keys"]])


def logs(differences, client, resources, meaning):
    for id, resource in resources.items():
        properties = resource["Properties"]
        name = meaning.of(properties["LogGroupName"])
        groups = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        made = {group["logGroupName"]: group.get("retentionInDays") for group in groups}
        days = int(meaning.of(properties["RetentionInDays"]))
        differences.same(id, name in made, True)
        differences.same_if_made(f"{id}, retention", made.get(name), days)


def queues(differences, client, resources, meaning):
    for id, resource in resources.items():
        url = meaning.physical[id]
        made = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        seconds = str(resource["Properties"]["MessageRetentionPeriod"])
        differences.same(f"{id}, retention", made["MessageRetentionPeriod"], seconds)
        redrive = meaning.of(resource["Properties"].get("RedrivePolicy", {}))
        made = json.loads(made.get("RedrivePolicy", "{}"))
        differences.same(f"{id}, redrive", made, redrive)
