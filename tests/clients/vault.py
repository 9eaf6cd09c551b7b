"""Parameters of the Systems Manager and secrets of the Secrets Manager: set, read, refused."""

from checks import REGION, Refused, Step


def run(checks, _endpoint_url):
    checks.parts([parameters, secrets], checks)


def parameters(checks):
    arn = f"arn:aws:ssm:{REGION}:{checks.account}:parameter/shop/key"
    put = {"Name": "/shop/key", "Value": "first", "Type": "SecureString"}
    checks.steps(
        Step("ssm.put_parameter", put, {"Version": 1, "Tier": "Standard"}),
        Step("ssm.put_parameter", put | {"Value": "second", "Overwrite": True}, {"Version": 2}),
        Step("ssm.put_parameter", {"Name": "plain", "Value": "a,b", "Type": "StringList"}),
        Step("ssm.get_parameter", {"Name": "/shop/key", "WithDecryption": True},
             {"Parameter.Value": "second", "Parameter.Type": "SecureString", "Parameter.Version": 2, "Parameter.ARN": arn,
              "Parameter.LastModifiedDate": lambda date: date.year > 2020}),
        Step("ssm.get_parameter", {"Name": arn, "WithDecryption": True}, {"Parameter.Name": "/shop/key"}),
        Step("ssm.get_parameter", {"Name": "/shop/key"}, {"Parameter.Value": lambda value: value != "second"}),
        Step("ssm.get_parameters", {"Names": ["plain", "none"]}, {"Parameters[].Value": ["a,b"], "InvalidParameters": ["none"]}),
    )
    for case in [
        Refused("a parameter twice", "ssm.put_parameter", put, "ParameterAlreadyExists", 400, "already exists"),
        Refused("no parameter", "ssm.get_parameter", {"Name": "none"}, "ParameterNotFound", 400),
        Refused("a parameter of no type", "ssm.put_parameter", {"Name": "x", "Value": "v"}, "ValidationException", 400, "type"),
        Refused("a path without a slash", "ssm.put_parameter", put | {"Name": "a/b"}, "ValidationException", 400, "fully qualified"),
        Refused("a large value", "ssm.put_parameter", put | {"Name": "x", "Value": "v" * 4097}, "ValidationException", 400, "4096"),
    ]:
        checks.refused(case)
    checks.steps(Step("ssm.delete_parameter", {"Name": "/shop/key"}), Step("ssm.delete_parameter", {"Name": "plain"}))
    checks.refused(Refused("a parameter that went", "ssm.get_parameter", {"Name": "/shop/key"}, "ParameterNotFound", 400))


def secrets(checks):
    prefix = f"arn:aws:secretsmanager:{REGION}:{checks.account}:secret:shop/db-"
    by_name = {"SecretId": "shop/db"}
    checks.steps(
        Step("secretsmanager.create_secret", {"Name": "shop/db", "SecretString": "first"},
             {"ARN": lambda arn: arn.startswith(prefix) and len(arn) == len(prefix) + 6, "Name": "shop/db"}),
        Step("secretsmanager.put_secret_value", by_name | {"SecretString": "second"}, {"VersionStages": ["AWSCURRENT"]}),
        Step("secretsmanager.get_secret_value", by_name,
             {"SecretString": "second", "Name": "shop/db", "VersionStages": ["AWSCURRENT"], "CreatedDate": lambda date: date.year > 2020}),
        Step("secretsmanager.create_secret", {"Name": "bytes", "SecretBinary": b"\x00\xff"}),
        Step("secretsmanager.get_secret_value", {"SecretId": "bytes"}, {"SecretBinary": b"\x00\xff", "SecretString": None}),
        Step("secretsmanager.delete_secret", by_name, {"DeletionDate": lambda date: date.year > 2020}),
    )
    gone = Refused("a deleted secret", "secretsmanager.get_secret_value", by_name, "InvalidRequestException", 400, "marked for deletion")
    checks.refused(gone)
    checks.steps(
        Step("secretsmanager.restore_secret", by_name),
        Step("secretsmanager.get_secret_value", by_name, {"SecretString": "second"}),
    )
    for case in [
        Refused("a secret twice", "secretsmanager.create_secret", {"Name": "shop/db"}, "ResourceExistsException", 400, "already exists"),
        Refused("no secret", "secretsmanager.get_secret_value", {"SecretId": "none"}, "ResourceNotFoundException", 400, "can't find"),
        Refused("no value", "secretsmanager.put_secret_value", by_name, "InvalidRequestException", 400),
    ]:
        checks.refused(case)
    for name in ["shop/db", "bytes"]:
        checks.steps(Step("secretsmanager.delete_secret", {"SecretId": name, "ForceDeleteWithoutRecovery": True}))
