"""Tests of template.yaml as CloudFormation sees it: transformed, with parameters."""

import logging
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

    def with_parameters(self, names):
        """The resolved template with samples of these parameters, and the defaults of the others."""
        parameters = {name: templates.default(self.template, name) for name in self.template["Parameters"]}
        parameters |= {name: templates.SAMPLES[name] for name in names}
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

    def test_the_firewall_counts_the_routes_of_passwords(self):
        import re

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
