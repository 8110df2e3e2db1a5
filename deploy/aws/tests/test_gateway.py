"""Tests of gateway.yaml: against the contract, the gateway's ACLs, template.yaml and the images."""

import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "deploy/aws/lint"))

import conditions
import template as templates

# What a parameter adds: the parameters to give, and the types of resources.
OPTIONS = {
    "alarms": (["AlarmTopicArn"], {"AWS::CloudWatch::Alarm"}),
    "records": (["HostedZoneId"], {"AWS::Route53::RecordSet"}),
    "WAF": (["PasswordRequestsPerAddress"], {"AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation"}),
    "CloudFront": (["WebDomainName"], {"AWS::CloudFront::Distribution", "AWS::SecretsManager::Secret"}),
}
# Operations that check or hash a password, by gRPC and by REST.
PASSWORDS = {
    "auth.Auth/Signup": "/signup",
    "auth.Auth/Login": "/login",
    "auth.Auth/ChangePassword": "/password",
    "users.Users/CreateUser": "/users",
    "users.Users/ValidateUserPassword": "/users/validate-password",
}


def operations():
    """Every gRPC method of the contract, as `package.Service/Method`."""
    found = set()
    for file in ROOT.glob("proto/*/*.proto"):
        text = file.read_text()
        for service in re.finditer(r"^service (\w+) \{\n(.*?)^\}", text, re.M | re.S):
            package = re.search(r"^package (\w+);", text, re.M)[1]
            methods = re.findall(r"^  rpc (\w+)\(", service[2], re.M)
            found |= {f"{package}.{service[1]}/{method}" for method in methods}
    return found


def texts(value):
    return [value] if isinstance(value, (str, dict)) else value


class Gateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = templates.read((ROOT / "deploy/aws/gateway.yaml").read_text())

    def resources(self, names=(), values=None):
        """The resources with samples of these parameters, these values, and the defaults of the others."""
        parameters = {name: templates.default(self.template, name) for name in self.template["Parameters"]}
        parameters |= {name: templates.SAMPLES[name] for name in names}
        parameters |= values or {}
        return conditions.resolve(self.template, parameters)["Resources"]

    def containers(self, names=()):
        found = self.resources(names)["Task"]["Properties"]["ContainerDefinitions"]
        return {container["Name"]: container for container in found}

    def statements(self, names=(), values=None):
        for resource in self.resources(names, values).values():
            properties = resource["Properties"]
            documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
            documents += [properties[key] for key in ("PolicyDocument",) if key in properties]
            for document in documents:
                yield from document["Statement"]


class Options(Gateway):
    def test_options_are_off_by_default_and_add_what_they_say(self):
        usual = {resource["Type"] for resource in self.resources().values()}
        for option, (names, added) in OPTIONS.items():
            with self.subTest(option):
                self.assertFalse(added & usual)
                self.assertLessEqual(added, {resource["Type"] for resource in self.resources(names).values()})

    def test_every_output_of_the_functions_that_is_a_parameter_exists(self):
        outputs = templates.read((ROOT / "template.yaml").read_text())["Outputs"]
        for name, parameter in self.template["Parameters"].items():
            for output in re.findall(r"functions' output (\w+)", parameter["Description"]):
                self.assertIn(output, outputs, name)


class Runbook(Gateway):
    def test_every_alarm_has_its_section(self):
        chapter = (ROOT / "docs/runbook.md").read_text().split("\n## Alarms of the gateway on ECS\n")[1].split("\n## ")[0]
        headings = re.findall(r"^### (\w+)$", chapter, re.M)
        alarms = {
            name: it["Properties"]["AlarmDescription"]
            for name, it in self.resources(["AlarmTopicArn"]).items()
            if it["Type"] == "AWS::CloudWatch::Alarm"
        }
        self.assertEqual(set(headings), set(alarms))
        for name, description in alarms.items():
            self.assertTrue(description.endswith(f" docs/runbook.md#{name.lower()}"), name)
        for section in chapter.split("\n### ")[1:]:
            self.assertEqual(re.findall(r"\*\*(\w+)\.\*\*", section)[:3], ["Means", "Look", "Do"])


class Routing(Gateway):
    def rules(self, names=()):
        """The rules of the listener by their order, as `(condition, values, target)`."""
        rules = [it for it in self.resources(names).values() if it["Type"].endswith("ListenerRule")]
        for rule in sorted(rules, key=lambda it: it["Properties"]["Priority"]):
            (condition,) = rule["Properties"]["Conditions"]
            header = condition.get("HttpHeaderConfig", {})
            values = header.get("Values") or condition["PathPatternConfig"]["Values"]
            (action,) = rule["Properties"]["Actions"]
            target = action.get("TargetGroupArn", {}).get("Ref", action["Type"])
            yield header.get("HttpHeaderName", "path"), values, target

    def test_every_service_is_reached_over_grpc_and_connect(self):
        services = {operation.split("/")[0] for operation in operations()}
        self.assertEqual(len(services), 4)
        rules = {target: (condition, values) for condition, values, target in self.rules()}
        self.assertEqual(rules["ConnectTargets"], ("path", [f"/{name}/*" for name in sorted(services)]))
        # A rule has at most five values.
        self.assertEqual(rules["GrpcTargets"], ("content-type", ["application/grpc", "application/grpc+*"]))
        self.assertEqual([target for *_, target in self.rules()], ["GrpcTargets", "ConnectTargets", "WebTargets"])

    def test_with_cloudfront_the_web_app_needs_the_secret(self):
        (secret, values, target), (via, *_, refusal), *others = self.rules(["WebDomainName"])
        self.assertEqual((secret, target), ("x-origin-secret", "WebTargets"))
        self.assertEqual((via, refusal), ("via", "fixed-response"))
        self.assertNotIn("WebTargets", [target for *_, target in others])
        origin = self.resources(["WebDomainName"])["Distribution"]["Properties"]["DistributionConfig"]["Origins"][0]
        (header,) = origin["OriginCustomHeaders"]
        self.assertEqual(header["HeaderName"], secret)
        self.assertEqual([header["HeaderValue"]], values)
        self.assertIn("resolve:secretsmanager", str(values))

    def test_health_checks_ask_the_gateway(self):
        resources = self.resources()
        groups = {name: it["Properties"] for name, it in resources.items() if it["Type"].endswith("TargetGroup")}
        self.assertEqual(set(groups), {"WebTargets", "GrpcTargets", "ConnectTargets"})
        for name, group in groups.items():
            with self.subTest(name):
                grpc = group["ProtocolVersion"] == "GRPC"
                path = "/grpc.health.v1.Health/Check" if grpc else "/readyz"
                self.assertEqual(group["HealthCheckPath"], path)
                self.assertEqual(group["Matcher"], {"GrpcCode": "0"} if grpc else {"HttpCode": "200"})
                self.assertEqual(group.get("HealthCheckPort"), None if grpc else "3005")

    def test_ports_that_are_used_are_open(self):
        resources = self.resources()
        ports = {mapping["ContainerPort"] for it in self.containers().values() for mapping in it["PortMappings"]}
        for kind, group in ("Ingress", "TaskGroup"), ("Egress", "LoadBalancerGroup"):
            rules = [it["Properties"] for it in resources.values() if it["Type"] == f"AWS::EC2::SecurityGroup{kind}"]
            self.assertEqual({rule["FromPort"] for rule in rules}, ports)
            self.assertTrue(all(rule["FromPort"] == rule["ToPort"] for rule in rules))
            self.assertTrue(all(rule["GroupId"] == {"Ref": group} for rule in rules))

    def test_the_service_waits_for_its_rules(self):
        service = self.template["Resources"]["Service"]
        targets = {it["TargetGroupArn"]["Ref"] for it in service["Properties"]["LoadBalancers"]}
        rules = {
            name: resource["Properties"]["Actions"][0].get("TargetGroupArn", {}).get("Ref")
            for name, resource in self.template["Resources"].items()
            if resource["Type"].endswith("ListenerRule") and "Condition" not in resource
        }
        self.assertEqual(set(service["DependsOn"]), set(rules))
        self.assertEqual({rules[name] for name in service["DependsOn"]}, targets)


class Firewall(Gateway):
    def test_it_counts_the_operations_with_passwords(self):
        self.assertLessEqual(set(PASSWORDS), operations())
        rule = self.resources(["PasswordRequestsPerAddress"])["WebAcl"]["Properties"]["Rules"][0]
        scope = rule["Statement"]["RateBasedStatement"]["ScopeDownStatement"]["AndStatement"]["Statements"]
        paths = scope[0]["OrStatement"]["Statements"]
        patterns = [re.compile(it["RegexMatchStatement"]["RegexString"]) for it in paths]

        def counted(path):
            return any(pattern.search(path) for pattern in patterns)

        for operation in operations():
            self.assertEqual(counted(f"/{operation}"), operation in PASSWORDS, operation)
        for route in PASSWORDS.values():
            for transport in ("rest", "grpc", "events"):
                self.assertTrue(counted(f"/{transport}{route}"), route)
        for path in ("/", "/session", "/rest/pictures", "/rest/users/1", "/x/rest/login"):
            self.assertFalse(counted(path), path)

    def test_template_yaml_counts_the_same_routes(self):
        text = (ROOT / "template.yaml").read_text()
        (pattern,) = set(re.findall(r"RegexString: (\S+)", text))
        self.assertTrue(all(re.search(pattern, route) for route in PASSWORDS.values()))


class Tasks(Gateway):
    def test_programs_are_confined(self):
        for names in ([], ["KafkaRootCaSecretArn"]):
            containers = self.containers(names)
            self.assertEqual(set(containers), {"gateway", "web"})
            for container in containers.values():
                self.assertTrue(container["ReadonlyRootFilesystem"])
                self.assertNotIn(container["User"].split(":")[0], ("0", "root"))
                self.assertEqual(container["LinuxParameters"]["Capabilities"], {"Drop": ["ALL"]})
                self.assertTrue(container["Essential"])
        service = self.resources()["Service"]["Properties"]
        self.assertEqual(service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"], "DISABLED")

    def test_users_and_files_are_those_of_the_images(self):
        containers = self.containers()
        user = re.search(r"^USER (\S+)$", (ROOT / "gateway/Dockerfile").read_text(), re.M)[1]
        self.assertEqual(containers["gateway"]["User"], user)
        compose = (ROOT / "docker-compose.yml").read_text()
        written = re.search(r'tmpfs: \["/tmp", "/etc/nginx/conf.d:uid=(\d+),gid=(\d+)"\]', compose)
        self.assertEqual(containers["web"]["User"], f"{written[1]}:{written[2]}")
        mounts = {it["ContainerPath"] for it in containers["web"]["LinuxParameters"]["Tmpfs"]}
        self.assertEqual(mounts, {"/tmp", "/etc/nginx/conf.d"})
        read = re.findall(r"\$\{([A-Z_]+)\}", (ROOT / "web/nginx/default.conf.template").read_text())
        read += re.findall(r"\$\{([A-Z_]+)\}", (ROOT / "web/content-security-policy.txt").read_text())
        self.assertEqual({it["Name"] for it in containers["web"]["Environment"]}, set(read))

    def test_a_task_has_the_time_to_drain(self):
        gateway = self.containers()["gateway"]
        variables = {it["Name"]: it["Value"] for it in gateway["Environment"]}
        drain = int(variables["DRAIN_TIMEOUT_MS"]) / 1000
        call = int(variables["CALL_TIMEOUT_MS"]) / 1000
        self.assertGreater(gateway["StopTimeout"], drain)
        for name, resource in self.resources().items():
            if resource["Type"].endswith("TargetGroup"):
                (attribute,) = resource["Properties"]["TargetGroupAttributes"]
                self.assertGreater(int(attribute["Value"]), call, name)

    def test_secrets_are_read_by_ecs_and_never_written_down(self):
        variables = {it["Name"] for it in self.containers()["gateway"]["Environment"]}
        self.assertFalse(variables & {"KAFKA_USERNAME", "KAFKA_PASSWORD", "KAFKA_CA"})
        for names in ([], ["KafkaSecretArn"], ["KafkaRootCaSecretArn"], ["KafkaSecretArn", "KafkaRootCaSecretArn"]):
            secrets = self.containers(names)["gateway"]["Secrets"]
            used = {secret["ValueFrom"]["Fn::Sub"].split("}")[0][2:] for secret in secrets}
            self.assertEqual(used, set(names))
            allowed = [
                resource["Ref"]
                for statement in self.statements(names)
                if statement["Action"] == "secretsmanager:GetSecretValue"
                for resource in statement["Resource"]
            ]
            self.assertEqual(set(allowed), set(names))

    def test_logs_are_kept_for_a_limited_time(self):
        logs = self.resources()["Logs"]["Properties"]
        self.assertEqual(logs["RetentionInDays"], {"Ref": "LogRetentionDays"})
        for container in self.containers().values():
            self.assertEqual(container["LogConfiguration"]["Options"]["awslogs-group"], {"Ref": "Logs"})


class Policies(Gateway):
    MSK = {"KafkaSaslMechanism": "AWS_MSK_IAM", "KafkaClusterArn": templates.SAMPLES["KafkaClusterArn"]}

    def test_no_policy_allows_all_actions_or_all_resources(self):
        for statement in self.statements(["KafkaSecretArn"], self.MSK):
            self.assertEqual(statement["Effect"], "Allow")
            actions = texts(statement["Action"])
            self.assertFalse([action for action in actions if "*" in action])
            if statement["Resource"] == "*":
                self.assertEqual(actions, ["ecr:GetAuthorizationToken"])

    def test_the_gateway_invokes_what_the_functions_stack_allows(self):
        role = self.resources()["TaskRole"]["Properties"]
        self.assertEqual(role["ManagedPolicyArns"], [{"Ref": "GatewayPolicyArn"}])
        self.assertNotIn("Policies", role)
        self.assertNotIn("lambda:", (ROOT / "deploy/aws/gateway.yaml").read_text())

    def test_msk_allows_what_the_acls_allow(self):
        script = (ROOT / "deploy/kafka/acls.sh").read_text()
        acls = {}
        for command in re.findall(r'^allow "\$KAFKA_GATEWAY" "\$@" ((?:.*\\\n)*.*)$', script, re.M):
            prefix = "*" if "prefixed" in command else ""
            granted = set(re.findall(r"--operation (\w+)", command))
            for kind, name in re.findall(r"--(topic|group) (\S+)", command):
                acls[kind, name.replace('"$KAFKA_GROUP"', "${KafkaGroup}") + prefix] = granted
        names = {
            "kafka-cluster:ReadData": "Read",
            "kafka-cluster:WriteData": "Write",
            "kafka-cluster:DescribeTopic": "Describe",
            "kafka-cluster:AlterGroup": "Read",
            "kafka-cluster:DescribeGroup": "Describe",
        }
        allowed = {}
        for statement in self.resources(values=self.MSK)["MskPolicy"]["Properties"]["PolicyDocument"]["Statement"]:
            for resource in texts(statement["Resource"]):
                if "Fn::Sub" not in resource:
                    self.assertEqual(resource, {"Ref": "KafkaClusterArn"})
                    continue
                kind, _, _, name = resource["Fn::Sub"][0].rsplit(":", 1)[1].split("/")
                allowed[kind, name] = {names[action] for action in statement["Action"]}
        self.assertEqual(allowed, acls)
        self.assertGreater(len(allowed), 10)


if __name__ == "__main__":
    unittest.main()
