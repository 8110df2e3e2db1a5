"""Reads a template, and transforms it as CloudFormation's macro AWS::Serverless does, if it asks for that."""

import copy

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

REGION = "us-east-1"
# Values of the parameters whose default is empty, for what they switch on.
SAMPLES = {
    # Templates' own, of gateway.yaml.
    "CloudFrontNetworks": "192.0.2.0/24",
    "DistributionWebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/web/11111111-2222-3333-4444-555555555555",
    "FunctionAlias": "live",
    "FunctionPrefix": "trichrome-",
    "GatewayImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/trichrome-gateway:0.2.0",
    "GatewayPolicyArn": "arn:aws:iam::123456789012:policy/trichrome-GatewayPolicy-AbCdEf",
    "KafkaBrokers": "b-1.example.com:9096,b-2.example.com:9096",
    "LoadBalancerSubnetIds": "subnet-0123456789abcdef2,subnet-0123456789abcdef3",
    "PicturesOrigin": "https://pictures.example.com",
    "RestUrl": "https://api.example.com",
    "VpcId": "vpc-0123456789abcdef0",
    "VpcNetworks": "10.0.0.0/16",
    "WebCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/22222222-2222-3333-4444-555555555555",
    "WebDomainName": "www.example.com",
    "WebImage": "123456789012.dkr.ecr.us-east-1.amazonaws.com/trichrome-web:0.2.0",
    # template.yaml's, some of them gateway.yaml's as well.
    "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
    "BudgetEmail": "ops@example.com",
    "CacheNodes": "rediss://cache.example.com:6379",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555",
    "DatabaseEndpoint": "db.example.internal:5432/trichrome",
    "DatabaseIamUserArn": "arn:aws:rds-db:us-east-1:123456789012:dbuser:db-ABCDEFGHIJKL01234/trichrome",
    "DatabaseProxyFor": "trichrome",
    "DatabaseProxySecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds-AbCdEf",
    "DatabaseUrlVersion": "11111111-2222-3333-4444-555555555555",
    "DomainName": "api.example.com",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "KafkaBootstrapServers": "b-1.example.com:9096,b-2.example.com:9096",
    "KafkaClusterArn": "arn:aws:kafka:us-east-1:123456789012:cluster/main/0aa0bb00-1111-2222-3333-444444444444-5",
    "KafkaRootCaSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:AmazonMSK_ca-AbCdEf",
    "KafkaSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:AmazonMSK_main-AbCdEf",
    "MonthlyBudget": "100",
    "OtlpEndpoint": "http://collector.internal:4318",
    "PasswordRequestsPerAddress": "100",
    "PicturesCertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/33333333-2222-3333-4444-555555555555",
    "PicturesDomainName": "pictures.example.com",
    "PicturesOtherPublicKey": "-----BEGIN PUBLIC KEY-----\nAQ==\n-----END PUBLIC KEY-----\n",
    "PicturesPublicKey": "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n",
    "PostgresConcurrency": "0",
    "S3PublicUrl": "https://pictures.example.com",
    "SecurityGroupIds": "sg-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "TokenJwks": '{"keys":[]}',
    "TrustedProxies": "192.0.2.0/24",
    "WafProxyNetworks": "192.0.2.0/24,198.51.100.7/32",
}


def read(text):
    """The template; its functions' code is said to be in S3, where `deploy.py` puts it."""
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if "CodeUri" in properties:
            properties["CodeUri"] = f"s3://artefacts/{properties['CodeUri']}"
    return template


def default(template, name):
    value = template["Parameters"][name].get("Default")
    return SAMPLES[name] if value is None else str(value)


def values(template, name):
    """The values of a parameter that matter: those allowed, or none and a sample."""
    allowed = template["Parameters"][name].get("AllowedValues")
    if allowed:
        return [str(value) for value in allowed]
    if name not in SAMPLES:
        raise SystemExit(f"add a value of the parameter {name}, which switches a condition, to {__file__}")
    return [default(template, name), SAMPLES[name]]


def transform(template, parameters):
    """The template that CloudFormation deploys with these parameters."""
    if "Transform" not in template:
        return copy.deepcopy(template)
    session = boto3.session.Session(region_name=REGION)
    translator = Translator({}, Parser(), boto_session=session)
    return translator.translate(copy.deepcopy(template), dict(parameters))
