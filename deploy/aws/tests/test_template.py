"""Tests of template.yaml as CloudFormation sees it: transformed, with parameters."""

import logging
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
    "domain": (["DomainName", "CertificateArn"], {"AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping"}),
    "record": (["DomainName", "CertificateArn", "HostedZoneId"], {"AWS::Route53::RecordSet"}),
    "WAF": (["PasswordRequestsPerAddress"], {"AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation"}),
    "WAF and proxies": (["PasswordRequestsPerAddress", "WafProxyNetworks"], {"AWS::WAFv2::IPSet"}),
    "RDS Proxy": (
        ["DatabaseProxyFor", "DatabaseProxySecretArn", "SubnetIds", "SecurityGroupIds"],
        {"AWS::RDS::DBProxy", "AWS::RDS::DBProxyTargetGroup"},
    ),
    "pictures through CloudFront": (
        ["PicturesPublicKey"],
        {"AWS::CloudFront::Distribution", "AWS::CloudFront::KeyGroup", "AWS::CloudFront::OriginAccessControl"},
    ),
    "budget": (["MonthlyBudget", "BudgetEmail"], {"AWS::Budgets::Budget"}),
}
PASSWORD_ROUTES = ("/signup", "/login", "/password", "/users", "/users/validate-password")


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # SAM's own, of its metrics.
        logging.disable(logging.WARNING)
        cls.template = templates.read((ROOT / "template.yaml").read_text())
        cls.transformed = {}

    @classmethod
    def tearDownClass(cls):
        logging.disable(logging.NOTSET)

    def with_parameters(self, names, **values):
        """The resolved template with samples of these parameters, these values, and the defaults of the others."""
        parameters = {name: templates.default(self.template, name) for name in self.template["Parameters"]}
        parameters |= {name: templates.SAMPLES[name] for name in names} | values
        return conditions.resolve(templates.transform(self.template, parameters), parameters)

    def types(self, names):
        return {resource["Type"] for resource in self.with_parameters(names)["Resources"].values()}

    def test_options_are_off_by_default_and_add_what_they_say(self):
        usual = self.types([])
        for option, (parameters, added) in OPTIONS.items():
            with self.subTest(option):
                self.assertFalse(added & usual)
                self.assertLessEqual(added, self.types(parameters))

    def test_a_domain_turns_the_own_address_off(self):
        for names, disabled in ([], False), (["DomainName", "CertificateArn"], True):
            resolved = self.with_parameters(names)
            api = resolved["Resources"]["Api"]["Properties"]["Body"]
            # SAM writes it as an extension of the server.
            self.assertIn(f"'disableExecuteApiEndpoint': {disabled}", str(api))
            url = str(resolved["Outputs"]["RestUrl"]["Value"])
            self.assertEqual("execute-api" in url, not disabled)

    def test_pictures_leave_cloudfront_only_with_a_signature(self):
        for keys in (["PicturesPublicKey"], ["PicturesOtherPublicKey"], ["PicturesPublicKey", "PicturesOtherPublicKey"]):
            resources = self.with_parameters(keys)["Resources"]
            (group,) = self.of_type(resources, "AWS::CloudFront::KeyGroup").values()
            public = self.of_type(resources, "AWS::CloudFront::PublicKey")
            self.assertEqual({key["Ref"] for key in group["KeyGroupConfig"]["Items"]}, set(public))
            self.assertEqual(len(public), len(keys))
            config = resources["PicturesDistribution"]["Properties"]["DistributionConfig"]
            self.assertNotIn("CacheBehaviors", config)
            self.assertEqual(config["DefaultCacheBehavior"]["TrustedKeyGroups"], [{"Ref": "LinkKeys"}])
            (origin,) = config["Origins"]
            self.assertEqual(origin["OriginAccessControlId"], {"Fn::GetAtt": ["PicturesAccess", "Id"]})
            statements = resources["PicturesBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
            (allowed,) = [it for it in statements if it["Effect"] == "Allow"]
            self.assertEqual(allowed["Principal"], {"Service": "cloudfront.amazonaws.com"})
            self.assertEqual(allowed["Action"], "s3:GetObject")
            self.assertIn("${PicturesDistribution}", str(allowed["Condition"]["StringEquals"]["AWS:SourceArn"]))
        policies = self.with_parameters([])["Resources"]["PicturesBucketPolicy"]["Properties"]["PolicyDocument"]
        self.assertNotIn("Allow", str(policies))

    def test_cloudfront_passes_on_the_parameters_of_links(self):
        resources = self.with_parameters(["PicturesPublicKey"])["Resources"]
        config = resources["PicturesCache"]["Properties"]["CachePolicyConfig"]
        passed = config["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"]
        self.assertEqual(passed["QueryStringBehavior"], "whitelist")
        code = (ROOT / "functions/pictures/src/store/cloudfront.rs").read_text()
        self.assertEqual(sorted(passed["QueryStrings"]), sorted(re.findall(r'\(\s*"(response-[a-z-]+)",', code)))
        # With 0, "private" would keep them out of the edge locations.
        self.assertGreater(config["MinTTL"], 0)

    def test_links_lead_to_cloudfront_when_they_can_be_signed(self):
        def found(*names, **values):
            resources = self.with_parameters(names, **values)["Resources"]
            functions = self.of_type(resources, "AWS::Lambda::Function")
            return resources, {str(it["Environment"]["Variables"]["PICTURES_URL"]) for it in functions.values()}

        self.assertEqual(found()[1], {""})
        resources, urls = found("PicturesPublicKey")
        self.assertEqual(urls, {""})
        self.assertNotIn("LinkKeyPolicy", resources)
        resources, (url,) = found("PicturesPublicKey", PicturesLinks="cloudfront")
        self.assertIn("${PicturesDistribution.DomainName}", url)
        roles = {it["Ref"].removesuffix("FunctionRole") for it in resources["LinkKeyPolicy"]["Properties"]["Roles"]}
        # The functions with this permission for links to S3.
        pictures = ["Content", "Create", "Get", "Index", "List", "Update"]
        signing = {*(f"Pictures{name}" for name in pictures), "UploadsComplete"}
        self.assertEqual(roles, signing)
        _, (url,) = found(
            "PicturesPublicKey", "PicturesDomainName", "PicturesCertificateArn", PicturesLinks="cloudfront"
        )
        self.assertIn("https://${PicturesDomainName}", url)

    def of_type(self, resources, kind):
        return {name: it["Properties"] for name, it in resources.items() if it["Type"] == kind}

    def test_every_caller_invokes_the_alias(self):
        resources = self.with_parameters(["KafkaClusterArn"], KafkaSource="msk")["Resources"]
        aliases = self.of_type(resources, "AWS::Lambda::Alias")
        functions = self.of_type(resources, "AWS::Lambda::Function")
        self.assertEqual(len(aliases), len(functions))
        self.assertEqual({alias["Name"] for alias in aliases.values()}, {"live"})
        permissions = self.of_type(resources, "AWS::Lambda::Permission").values()
        sources = self.of_type(resources, "AWS::Lambda::EventSourceMapping").values()
        self.assertEqual(len(sources), 3)
        for caller in (*permissions, *sources):
            self.assertIn(caller["FunctionName"]["Ref"], aliases)
        schedules = self.of_type(resources, "AWS::Events::Rule").values()
        self.assertEqual(len(schedules), 2)
        for schedule in schedules:
            self.assertIn(schedule["Targets"][0]["Arn"]["Ref"], aliases)
        integrations = re.findall(r"functions/\$\{(\w+)[.}]", str(resources["Api"]["Properties"]["Body"]))
        self.assertEqual(len(integrations), 23)
        self.assertLessEqual(set(integrations), set(aliases))

    def test_the_gateway_may_invoke_the_aliases(self):
        resources = self.with_parameters([])["Resources"]
        (statement,) = resources["GatewayPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        functions = {it["Fn::GetAtt"][0] for it in statement["Resource"] if "Fn::GetAtt" in it}
        aliases = {it["Ref"] for it in statement["Resource"] if "Ref" in it}
        self.assertEqual(aliases, {f"{name}Aliaslive" for name in functions})
        # A managed policy has 6,144 characters at most, for stack names of up to 40.
        names = [resources[name]["Properties"]["FunctionName"]["Fn::Sub"] for name in functions]
        arns = [name.replace("${AWS::StackName}", "x" * 40) for name in names]
        prefix = len("arn:aws:lambda:ap-southeast-1:123456789012:function:")
        size = sum(2 * (prefix + len(arn) + 3) + len(":live") for arn in arns) + 200
        self.assertLess(size, 6144)

    def test_a_gradual_rollout_is_off_by_default(self):
        def groups(rollout):
            resources = self.with_parameters(["AlarmTopicArn"], Rollout=rollout)["Resources"]
            gradual = {name for name, it in resources.items() if "CodeDeployLambdaAliasUpdate" in str(it.get("UpdatePolicy"))}
            return self.of_type(resources, "AWS::CodeDeploy::DeploymentGroup"), gradual, resources

        self.assertEqual(groups("AllAtOnce")[:2], ({}, set()))
        for rollout in self.template["Parameters"]["Rollout"]["AllowedValues"][1:]:
            with self.subTest(rollout):
                found, gradual, resources = groups(rollout)
                functions = set(self.of_type(resources, "AWS::Lambda::Function")) - {"AnalyticsMigrateFunction"}
                self.assertEqual(set(found), {f"{name}DeploymentGroup" for name in functions})
                self.assertEqual(gradual, {f"{name}Aliaslive" for name in functions})
                for group in found.values():
                    self.assertIn(rollout, str(group["DeploymentConfigName"]))
                    alarms = {it["Name"]["Ref"] for it in group["AlarmConfiguration"]["Alarms"]}
                    self.assertLessEqual(alarms, set(self.of_type(resources, "AWS::CloudWatch::Alarm")))
                    self.assertTrue({"CallErrorsAlarm", "ApiErrorsAlarm"} < alarms and len(alarms) <= 10)

    def test_a_revision_makes_new_versions_that_replace_the_old_ones(self):
        sys.path.insert(0, str(ROOT / "deploy/aws"))
        import deploy

        text = (ROOT / "template.yaml").read_text()
        defaults = {name: templates.default(self.template, name) for name in self.template["Parameters"]}

        def versions(parameters):
            template = templates.read(deploy.revise(text, parameters))
            resources = templates.transform(template, defaults | parameters)["Resources"]
            found = {name: it for name, it in resources.items() if it["Type"] == "AWS::Lambda::Version"}
            self.assertEqual({it["DeletionPolicy"] for it in found.values()}, {"Delete"})
            return set(found)

        first = versions({})
        self.assertEqual(versions({"LogLevel": defaults["LogLevel"]}), first)
        self.assertFalse(versions({"LogLevel": "debug"}) & first)

    def test_the_firewall_counts_the_routes_of_passwords(self):
        resources = self.with_parameters(["PasswordRequestsPerAddress", "WafProxyNetworks"])["Resources"]
        rules = resources["WebAcl"]["Properties"]["Rules"]
        direct, forwarded = (rule["Statement"]["RateBasedStatement"] for rule in rules)
        self.assertEqual(direct["AggregateKeyType"], "IP")
        self.assertEqual(forwarded["AggregateKeyType"], "FORWARDED_IP")
        settings = resources["Apiv1Stage"]["Properties"]["MethodSettings"]
        limited = {
            setting["ResourcePath"].replace("~1", "/")[1:]
            for setting in settings
            if "PasswordThrottleRate" in str(setting)
        }
        self.assertEqual(limited, set(PASSWORD_ROUTES))
        for rule in direct, forwarded:
            first = rule["ScopeDownStatement"]["AndStatement"]["Statements"][0]
            routes = re.compile(first["RegexMatchStatement"]["RegexString"])
            for path in PASSWORD_ROUTES:
                # The path has the stage unless it comes through the domain.
                self.assertTrue(routes.search(path) and routes.search(f"/v1{path}"), path)
            for path in ("/pictures", "/users/1", "/v1/loginx", "/x/login"):
                self.assertFalse(routes.search(path), path)


if __name__ == "__main__":
    unittest.main()
