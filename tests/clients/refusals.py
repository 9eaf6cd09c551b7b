"""What AWS refuses, with its code: one line per case. The codes are those that AWS was seen to answer."""

import json

from checks import REGION, Refused, Step
from stage import Names, allow, document, managed, package, steps_to_function, trust, updated

INVALID = "InvalidParameterValueException"
NOT_FOUND = "ResourceNotFoundException"


def run(checks, endpoint_url):
    names = Names(checks.account)
    prepare(checks, names)
    before = inventory(checks)
    for case in [*lambda_cases(names), *permission_cases(names), *iam_cases(names), *logs_cases(names), *events_cases(names)]:
        checks.refused(case)
    after = inventory(checks)
    for kind, found in before.items():
        checks.expect(f"what was refused leaves no trace, {kind}", after[kind] == found, f"before {found}, after {after[kind]}")
    unsettled(checks, names)
    quotas(checks, names)


def prepare(checks, names):
    """The things that the cases run against."""
    checks.prepare(
        Step("iam.create_role", {"RoleName": "busy", "AssumeRolePolicyDocument": trust("ec2.amazonaws.com")}),
        Step("iam.put_role_policy", {"RoleName": "busy", "PolicyName": "inline", "PolicyDocument": allow()}),
        Step("iam.create_role", {"RoleName": "inline", "AssumeRolePolicyDocument": trust()}),
        Step("iam.put_role_policy", {"RoleName": "inline", "PolicyName": "inline", "PolicyDocument": allow()}),
        Step("iam.create_policy", {"PolicyName": "used", "PolicyDocument": allow()}),
        Step("iam.attach_role_policy", {"RoleName": "busy", "PolicyArn": f"arn:aws:iam::{names.account}:policy/used"}),
        Step("iam.create_role", {"RoleName": "attached", "AssumeRolePolicyDocument": trust("ec2.amazonaws.com")}),
        Step("iam.attach_role_policy", {"RoleName": "attached", "PolicyArn": managed()}),
        *steps_to_function(names, "fixed"),
        *steps_to_function(names, "bare"),
        Step("lambda.add_permission", statement("taken")),
        Step("logs.create_log_group", {"logGroupName": "fixed"}),
        Step("events.put_rule", {"Name": "fixed", "ScheduleExpression": "rate(7 days)"}),
        Step("events.put_targets", {"Rule": "fixed", "Targets": [{"Id": "one", "Arn": names.function("fixed")}]}),
    )


def inventory(checks):
    """What is there, without what changes by itself."""
    every = {
        "functions": ("pages lambda.list_functions", {"PageSize": 50}, "Functions"),
        "policy": ("lambda.get_policy", {"FunctionName": "fixed"}, "Policy"),
        "roles": ("pages iam.get_account_authorization_details", {"Filter": ["Role"], "PageSize": 100}, "RoleDetailList"),
        "groups": ("pages logs.describe_log_groups", {"PageSize": 50}, "logGroups"),
        "rules": ("pages events.list_rules", {"PageSize": 50}, "Rules"),
        "targets": ("events.list_targets_by_rule", {"Rule": "fixed"}, "Targets"),
        "tags": ("lambda.list_tags", {"Resource": Names(checks.account).function("fixed")}, "Tags"),
    }
    return {kind: checks.answer(call, arguments).get(key) for kind, (call, arguments, key) in every.items()}


def statement(identity, **changes):
    """The arguments of AddPermission."""
    added = {"FunctionName": "fixed", "StatementId": identity, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    return {**added, **changes}


def tags(count):
    """So many tags as IAM and EventBridge write them."""
    return [{"Key": f"key-{number}", "Value": "x"} for number in range(count)]


def lambda_cases(names):
    """Functions: (what, changes to a good request, code, part of the message)."""
    creations = [
        ("a name with a dot", {"FunctionName": "a.b"}, "ValidationException", "functionName"),
        ("a name with a space", {"FunctionName": "a b"}, "ValidationException", "functionName"),
        ("a name of 65 characters", {"FunctionName": "f" * 65}, "ValidationException", "less than or equal to 64"),
        ("127 MB of memory", {"MemorySize": 127}, "ValidationException", "greater than or equal to 128"),
        ("10241 MB of memory", {"MemorySize": 10_241}, "ValidationException", "less than or equal to 10240"),
        ("a timeout of 0", {"Timeout": 0}, "ValidationException", "greater than or equal to 1"),
        ("a timeout of 901", {"Timeout": 901}, "ValidationException", "less than or equal to 900"),
        ("511 MB of storage", {"EphemeralStorage": {"Size": 511}}, "ValidationException", "512"),
        ("10241 MB of storage", {"EphemeralStorage": {"Size": 10_241}}, "ValidationException", "10240"),
        ("an unknown runtime", {"Runtime": "cobol"}, INVALID, "runtime"),
        ("a runtime that is gone", {"Runtime": "nodejs12.x"}, INVALID, "no longer supported"),
        ("no runtime", {"Runtime": None}, INVALID, "Runtime"),
        ("no handler", {"Handler": None}, INVALID, "Handler"),
        ("a handler of 129 characters", {"Handler": "h" * 129}, "ValidationException", "handler"),
        ("a handler with a space", {"Handler": "a b"}, "ValidationException", "handler"),
        ("a description of 257 characters", {"Description": "d" * 257}, "ValidationException", "description"),
        ("no role", {"Role": None}, "ValidationException", "role"),
        ("a role that is no ARN", {"Role": "runner"}, "ValidationException", "role"),
        ("an unknown role", {"Role": names.role("nobody")}, INVALID, "cannot be assumed by Lambda"),
        ("a role that trusts another service", {"Role": names.role("busy")}, INVALID, "cannot be assumed by Lambda"),
        ("an unknown architecture", {"Architectures": ["mips"]}, "ValidationException", "architectures"),
        ("two architectures", {"Architectures": ["arm64", "x86_64"]}, "ValidationException", "architectures"),
        ("no code", {"Code": {}}, INVALID, ""),
        ("code that is not a zip", {"Code": {"ZipFile": b"no zip"}}, INVALID, "Could not unzip uploaded file"),
        ("250 MB and a byte of contents", {"Code": {"ZipFile": package(bytes(262_144_001))}}, INVALID,
            "Unzipped size must be smaller than 262144000"),
        ("an environment of 4097 bytes", {"Environment": {"Variables": {"AB": "x" * 4_088}}}, INVALID, "4KB limit"),
        ("a reserved variable", {"Environment": {"Variables": {"AWS_REGION": "x"}}}, INVALID, "reserved keys"),
        ("another reserved variable", {"Environment": {"Variables": {"_HANDLER": "x"}}}, INVALID, "reserved keys"),
        ("a variable of one letter", {"Environment": {"Variables": {"A": "x"}}}, "ValidationException", "environment"),
        ("a variable that begins with a digit", {"Environment": {"Variables": {"1A": "x"}}}, "ValidationException", "environment"),
        ("an unknown tracing mode", {"TracingConfig": {"Mode": "Loud"}}, "ValidationException", "tracingConfig"),
        ("an unknown log format", {"LoggingConfig": {"LogFormat": "XML"}}, "ValidationException", "loggingConfig"),
        ("an unknown package type", {"PackageType": "Tar"}, "ValidationException", "packageType"),
        ("51 tags", {"Tags": {f"key-{number}": "x" for number in range(51)}}, INVALID, ""),
        ("a tag of AWS's own", {"Tags": {"aws:x": "y"}}, INVALID, ""),
        ("a tag of 129 characters", {"Tags": {"k" * 129: "y"}}, INVALID, ""),
        ("a dead letter queue that is none", {"DeadLetterConfig": {"TargetArn": names.role("x")}}, INVALID, ""),
    ]
    unknown = {"FunctionName": "nobody"}
    arn = names.function("nobody")
    return [
        *[Refused(what, "lambda.create_function", names.new_function("new", **changes), code, 400, says)
          for what, changes, code, says in creations],
        Refused("a name that is taken", "lambda.create_function", names.new_function("fixed"), "ResourceConflictException", 409,
            "already exist"),
        Refused("a zip of 51 MB", "lambda.create_function", names.new_function("new", Code={"ZipFile": bytes(53_000_000)}),
                "RequestEntityTooLargeException", 413, "Request must be smaller than"),
        Refused("an unknown function", "lambda.get_function", unknown, NOT_FOUND, 404, f"Function not found: {arn}"),
        Refused("an unknown function", "lambda.get_function_configuration", unknown, NOT_FOUND, 404, arn),
        Refused("an unknown version", "lambda.get_function", {"FunctionName": "fixed", "Qualifier": "7"}, NOT_FOUND, 404,
            "Function not found"),
        Refused("another account's function", "lambda.get_function", {
            "FunctionName": f"arn:aws:lambda:{REGION}:210987654321:function:fixed"}, "AccessDeniedException", 403, "not authorized"),
        Refused("an unknown function", "lambda.update_function_configuration", {**unknown, "Timeout": 5}, NOT_FOUND, 404, arn),
        Refused("an unknown function", "lambda.update_function_code", {**unknown, "ZipFile": package()}, NOT_FOUND, 404, arn),
        Refused("an unknown function", "lambda.delete_function", unknown, NOT_FOUND, 404, arn),
        Refused("an unknown function", "lambda.invoke", unknown, NOT_FOUND, 404, arn),
        Refused("an unknown function", "lambda.get_function_concurrency", unknown, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.put_function_concurrency", {**unknown, "ReservedConcurrentExecutions": 1}, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.delete_function_concurrency", unknown, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.get_function_url_config", unknown, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.get_function_event_invoke_config", unknown, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.list_tags", {"Resource": arn}, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.tag_resource", {"Resource": arn, "Tags": {"a": "b"}}, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.untag_resource", {"Resource": arn, "TagKeys": ["a"]}, NOT_FOUND, 404),
        Refused("a timeout of 901", "lambda.update_function_configuration", {"FunctionName": "fixed", "Timeout": 901},
            "ValidationException", 400),
        Refused("an unknown role", "lambda.update_function_configuration", {"FunctionName": "fixed", "Role": names.role("nobody")},
                INVALID, 400, "cannot be assumed"),
        Refused("a variable of AWS's own", "lambda.update_function_configuration", {
            "FunctionName": "fixed", "Environment": {"Variables": {"LAMBDA_TASK_ROOT": "/"}}}, INVALID, 400, "reserved keys"),
        Refused("another revision", "lambda.update_function_configuration", {"FunctionName": "fixed", "RevisionId": "x" * 36},
                "PreconditionFailedException", 412, "does not match the latest"),
        Refused("another revision", "lambda.update_function_code", {"FunctionName": "fixed", "ZipFile": package(), "RevisionId": "x" * 36},
                "PreconditionFailedException", 412, "does not match the latest"),
        Refused("code that is not a zip", "lambda.update_function_code", {"FunctionName": "fixed", "ZipFile": b"no zip"}, INVALID, 400,
            "unzip"),
        Refused("51 tags", "lambda.tag_resource", {"Resource": names.function("fixed"), "Tags": {f"k{n}": "x" for n in range(51)}},
            INVALID, 400),
        Refused("a tag of AWS's own", "lambda.tag_resource", {"Resource": names.function("fixed"), "Tags": {"aws:x": "y"}}, INVALID, 400),
        Refused("more than the account has", "lambda.put_function_concurrency",
            {"FunctionName": "fixed", "ReservedConcurrentExecutions": 901},
                INVALID, 400, "UnreservedConcurrentExecution below its minimum value"),
        Refused("less than none", "lambda.put_function_concurrency", {"FunctionName": "fixed", "ReservedConcurrentExecutions": -1},
                "ValidationException", 400),
        Refused("a payload that is no JSON", "lambda.invoke", {"FunctionName": "fixed", "Payload": b"{"},
            "InvalidRequestContentException", 400),
        Refused("a payload over 6 MB", "lambda.invoke", {"FunctionName": "fixed", "Payload": json.dumps("x" * 6_291_456).encode()},
                "RequestEntityTooLargeException", 413, "6291456"),
        Refused("an event over 1 MB", "lambda.invoke", {
            "FunctionName": "fixed", "InvocationType": "Event", "Payload": json.dumps("x" * 1_048_576).encode()},
            "RequestEntityTooLargeException", 413, "1048576"),
        Refused("an unknown version", "lambda.invoke", {"FunctionName": "fixed", "Qualifier": "7"}, NOT_FOUND, 404),
        Refused("a page of 10001", "lambda.list_functions", {"MaxItems": 10_001}, "ValidationException", 400, "10000"),
    ]


def permission_cases(names):
    """Resource policies: (what, the request, code, status, part of the message)."""
    added = [
        ("a statement id that is taken", statement("taken"), "ResourceConflictException", 409, "already exists"),
        ("an unknown function", statement("new", FunctionName="nobody"), NOT_FOUND, 404, "Function not found"),
        ("a statement id with a dot", statement("a.b"), "ValidationException", 400, "statementId"),
        ("a statement id of 101 characters", statement("s" * 101), "ValidationException", 400, "statementId"),
        ("an action of another service", statement("new", Action="s3:GetObject"), "ValidationException", 400, "action"),
        ("a principal that is none", statement("new", Principal="nonsense"), INVALID, 400, "principal was invalid"),
        ("an account of 3 digits", statement("new", SourceAccount="123"), "ValidationException", 400, "sourceAccount"),
        ("a source that is no ARN", statement("new", SourceArn="rule"), "ValidationException", 400, "sourceArn"),
        ("another revision", statement("new", RevisionId="x" * 36), "PreconditionFailedException", 412, "does not match the latest"),
    ]
    gone = {"FunctionName": "fixed", "StatementId": "nobody"}
    return [
        *[Refused(what, "lambda.add_permission", arguments, code, status, says) for what, arguments, code, status, says in added],
        Refused("a function without a policy", "lambda.get_policy", {"FunctionName": "bare"}, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.get_policy", {"FunctionName": "nobody"}, NOT_FOUND, 404),
        Refused("an unknown statement", "lambda.remove_permission", gone, NOT_FOUND, 404),
        Refused("an unknown function", "lambda.remove_permission", {**gone, "FunctionName": "nobody"}, NOT_FOUND, 404),
        Refused("another revision", "lambda.remove_permission", {**gone, "StatementId": "taken", "RevisionId": "x" * 36},
                "PreconditionFailedException", 412),
    ]


def iam_cases(names):
    """Roles and policies."""
    lenient = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    assume = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    creations = [
        ("a name with a space", {"RoleName": "a b"}, "ValidationError", 400, "roleName"),
        ("a name of 65 characters", {"RoleName": "r" * 65}, "ValidationError", 400, "64"),
        ("a name that is taken", {"RoleName": "runner"}, "EntityAlreadyExists", 409, "already exists"),
        ("a name that is taken in capitals", {"RoleName": "RUNNER"}, "EntityAlreadyExists", 409, "already exists"),
        ("a path without slashes", {"Path": "tests"}, "ValidationError", 400, "path"),
        ("a session of 3599 s", {"MaxSessionDuration": 3_599}, "ValidationError", 400, "3600"),
        ("a session of 43201 s", {"MaxSessionDuration": 43_201}, "ValidationError", 400, "43200"),
        ("a description with a dash that is not Latin-1", {"Description": "a – b"}, "ValidationError", 400, "description"),
        ("a description of 1001 characters", {"Description": "d" * 1_001}, "ValidationError", 400, "1000"),
        ("trust that is no JSON", {"AssumeRolePolicyDocument": "trust"}, "MalformedPolicyDocument", 400, ""),
        ("trust with a resource", {"AssumeRolePolicyDocument": document({**assume, "Resource": "*"})}, "MalformedPolicyDocument", 400, ""),
        ("trust in nobody", {"AssumeRolePolicyDocument": document({"Effect": "Allow", "Action": "sts:AssumeRole"})},
         "MalformedPolicyDocument", 400, ""),
        ("trust in a service that is none", {"AssumeRolePolicyDocument": trust("lambda")}, "MalformedPolicyDocument", 400,
            "Invalid principal"),
        ("trust with another effect", {"AssumeRolePolicyDocument": document({**assume, "Effect": "allow"})}, "MalformedPolicyDocument",
            400, ""),
        ("trust of 2049 characters", {"AssumeRolePolicyDocument": document({**assume, "Sid": "s" * 2_049})}, "LimitExceeded", 409, "2048"),
        ("51 tags", {"Tags": tags(51)}, "ValidationError", 400, "tags"),
        ("a tag of AWS's own", {"Tags": [{"Key": "aws:x", "Value": "y"}]}, "InvalidInput", 400, "aws:"),
        ("one tag twice", {"Tags": [{"Key": "a", "Value": "x"}, {"Key": "A", "Value": "y"}]}, "InvalidInput", 400, "Duplicate tag keys"),
        ("an unknown boundary", {"PermissionsBoundary": managed("Nonsense")}, "NoSuchEntity", 404, ""),
    ]
    inline = [
        ("no JSON", "{", "MalformedPolicyDocument", 400, ""),
        ("a principal", document({**lenient, "Principal": "*"}), "MalformedPolicyDocument", 400, ""),
        ("no resource", document({"Effect": "Allow", "Action": "s3:GetObject"}), "MalformedPolicyDocument", 400, "resource"),
        ("no action", document({"Effect": "Allow", "Resource": "*"}), "MalformedPolicyDocument", 400, "action"),
        ("an action of no service", document({**lenient, "Action": "GetObject"}), "MalformedPolicyDocument", 400, "vendor"),
        ("a resource that is no ARN", document({**lenient, "Resource": "bucket"}), "MalformedPolicyDocument", 400, "ARN format"),
        ("an unknown version", json.dumps({"Version": "2025-01-01", "Statement": [lenient]}), "MalformedPolicyDocument", 400, ""),
        ("one Sid twice", document({**lenient, "Sid": "a"}, {**lenient, "Sid": "a"}), "MalformedPolicyDocument", 400, "unique"),
        ("10241 characters", allow(resource="arn:aws:s3:::" + "x" * 10_241), "LimitExceeded", 409, "10240"),
    ]
    unknown = {"RoleName": "nobody"}
    policy = {"PolicyName": "inline", "PolicyDocument": allow()}
    missing = {
        "get_role": {}, "update_role": {"Description": "x"}, "update_assume_role_policy": {"PolicyDocument": trust()}, "delete_role": {},
        "put_role_policy": policy, "get_role_policy": {"PolicyName": "inline"}, "delete_role_policy": {"PolicyName": "inline"},
        "attach_role_policy": {"PolicyArn": managed()}, "detach_role_policy": {"PolicyArn": managed()}, "list_role_policies": {},
        "list_attached_role_policies": {}, "list_role_tags": {}, "tag_role": {"Tags": tags(1)}, "untag_role": {"TagKeys": ["x"]},
        "put_role_permissions_boundary": {"PermissionsBoundary": managed()}, "delete_role_permissions_boundary": {},
    }
    runner = {"RoleName": "runner"}
    return [
        *[Refused(what, "iam.create_role", {"RoleName": "new", "AssumeRolePolicyDocument": trust(), **changes}, code, status, says)
          for what, changes, code, status, says in creations],
        *[Refused(what, "iam.put_role_policy", {**runner, "PolicyName": "new", "PolicyDocument": text}, code, status, says)
          for what, text, code, status, says in inline],
        *[Refused("an unknown role", f"iam.{method}", {**unknown, **more}, "NoSuchEntity", 404, "nobody") for method,
            more in missing.items()],
        Refused("inline policies", "iam.delete_role", {"RoleName": "inline"}, "DeleteConflict", 409, "must delete policies first"),
        Refused("attached policies", "iam.delete_role", {"RoleName": "attached"}, "DeleteConflict", 409, "must detach all policies first"),
        Refused("a policy in use", "iam.delete_policy", {"PolicyArn": f"arn:aws:iam::{names.account}:policy/used"}, "DeleteConflict", 409),
        Refused("an unknown policy", "iam.get_role_policy", {**runner, "PolicyName": "nobody"}, "NoSuchEntity", 404, "nobody"),
        Refused("an unknown policy", "iam.delete_role_policy", {**runner, "PolicyName": "nobody"}, "NoSuchEntity", 404, "nobody"),
        Refused("an unknown managed policy", "iam.attach_role_policy", {**runner, "PolicyArn": managed("Nonsense")}, "NoSuchEntity", 404,
            "Nonsense"),
        Refused("a policy of nobody's", "iam.attach_role_policy", {**runner, "PolicyArn": f"arn:aws:iam::{names.account}:policy/mine"},
                "NoSuchEntity", 404, "mine"),
        Refused("a policy that is no ARN", "iam.attach_role_policy", {**runner, "PolicyArn": "AWSLambdaBasicExecutionRole"},
                "InvalidInput", 400, "is not valid"),
        Refused("a policy that is not attached", "iam.detach_role_policy", {**runner, "PolicyArn": managed("AmazonS3ReadOnlyAccess")},
                "NoSuchEntity", 404, "not"),
        Refused("trust that is no JSON", "iam.update_assume_role_policy", {**runner, "PolicyDocument": "trust"},
            "MalformedPolicyDocument", 400),
        Refused("a session of 100 s", "iam.update_role", {**runner, "MaxSessionDuration": 100}, "ValidationError", 400),
        Refused("a policy name with a space", "iam.put_role_policy", {**runner, "PolicyName": "a b", "PolicyDocument": allow()},
            "ValidationError", 400),
        Refused("51 tags", "iam.tag_role", {**runner, "Tags": tags(51)}, "ValidationError", 400),
        Refused("a page of 0", "iam.list_roles", {"MaxItems": 0}, "ValidationError", 400, "maxItems"),
        Refused("a page of 1001", "iam.list_roles", {"MaxItems": 1_001}, "ValidationError", 400, "maxItems"),
    ]


def logs_cases(names):
    """Log groups."""
    invalid = "InvalidParameterException"
    unknown, arn = {"logGroupName": "nobody"}, names.group("nobody")
    key = f"arn:aws:kms:{REGION}:{names.account}:key/12345678-1234-1234-1234-123456789012"
    creations = [
        ("a name of AWS's own", {"logGroupName": "aws/x"}, invalid, ""),
        ("a name with a space", {"logGroupName": "a b"}, invalid, "logGroupName"),
        ("a name with a star", {"logGroupName": "a*"}, invalid, "logGroupName"),
        ("a name of 513 characters", {"logGroupName": "g" * 513}, invalid, "512"),
        ("a name that is taken", {"logGroupName": "fixed"}, "ResourceAlreadyExistsException", "already exists"),
        ("51 tags", {"logGroupName": "new", "tags": {f"key-{number}": "x" for number in range(51)}}, invalid, ""),
        ("a tag of AWS's own", {"logGroupName": "new", "tags": {"aws:x": "y"}}, invalid, ""),
        ("an unknown class", {"logGroupName": "new", "logGroupClass": "CHEAP"}, invalid, ""),
    ]
    missing = {
        "delete_log_group": unknown, "put_retention_policy": {**unknown, "retentionInDays": 30}, "delete_retention_policy": unknown,
        "associate_kms_key": {**unknown, "kmsKeyId": key}, "disassociate_kms_key": unknown,
        "tag_resource": {"resourceArn": arn, "tags": {"a": "b"}}, "untag_resource": {"resourceArn": arn, "tagKeys": ["a"]},
        "list_tags_for_resource": {"resourceArn": arn}, "describe_log_streams": unknown, "filter_log_events": unknown,
        "create_log_stream": {**unknown, "logStreamName": "x"}, "get_log_events": {**unknown, "logStreamName": "x"},
    }
    return [
        *[Refused(what, "logs.create_log_group", arguments, code, 400, says) for what, arguments, code, says in creations],
        *[Refused("an unknown group", f"logs.{method}", arguments, NOT_FOUND, 400) for method, arguments in missing.items()],
        *[Refused(f"{days} days", "logs.put_retention_policy", {"logGroupName": "fixed", "retentionInDays": days}, invalid, 400)
          for days in (0, 2, 31, 366, 3_654)],
        Refused("a page of 51", "logs.describe_log_groups", {"limit": 51}, invalid, 400, "50"),
        Refused("a page of 0", "logs.describe_log_groups", {"limit": 0}, invalid, 400),
        Refused("a token of nobody's", "logs.describe_log_groups", {"nextToken": "nonsense"}, invalid, 400, "nextToken"),
        Refused("a prefix and a pattern", "logs.describe_log_groups", {"logGroupNamePrefix": "a", "logGroupNamePattern": "abc"}, invalid,
            400),
        Refused("an ARN with a star", "logs.tag_resource", {"resourceArn": names.group("fixed") + ":*", "tags": {"a": "b"}}, invalid, 400),
    ]


def events_cases(names):
    """Rules and targets."""
    invalid = "ValidationException"
    expressions = [
        "every day", "rate(0 days)", "rate(1 days)", "rate(2 day)", "rate(-1 days)", "rate(5 seconds)", "rate(5)", "rate(1.5 days)",
            "rate(5 days",
        "cron(0 6 1 * ?)", "cron(0 6 1 * * *)", "cron(0 6 ? * ? *)", "cron(60 6 1 * ? *)", "cron(0 24 1 * ? *)", "cron(0 6 32 * ? *)",
        "cron(0 6 1 13 ? *)", "cron(0 6 ? * 8 *)", "cron(0 6 ? * 0 *)", "cron(0 6 1 * ? * *)", "cron(0 6 1#2 * ? *)", "@daily",
        "at(2030-01-01T00:00:00)",
    ]
    patterns = ["{", "[]", '{"source": "x"}', '{"source": []}', '{"source": [{"nonsense": "x"}]}', '{"source": {"a": 1}}']
    rule = {"Name": "new", "ScheduleExpression": "rate(7 days)"}
    creations = [
        ("a name with a space", {"Name": "a b"}, invalid, 400, "name"),
        ("a name of 65 characters", {"Name": "r" * 65}, invalid, 400, "64"),
        ("a description of 513 characters", {"Description": "d" * 513}, invalid, 400, "512"),
        ("neither schedule nor pattern", {"ScheduleExpression": None}, invalid, 400, "EventPattern or ScheduleExpression"),
        ("an unknown state", {"State": "ASLEEP"}, invalid, 400, "state"),
        ("an unknown bus", {"ScheduleExpression": None, "EventPattern": '{"source": ["x"]}', "EventBusName": "nobody"}, NOT_FOUND, 400,
            "nobody"),
    ]
    unknown, target = {"Name": "nobody"}, {"Id": "new", "Arn": names.function("fixed")}
    missing = {
        "describe_rule": unknown, "enable_rule": unknown, "disable_rule": unknown, "list_targets_by_rule": {"Rule": "nobody"},
        "put_targets": {"Rule": "nobody", "Targets": [target]}, "remove_targets": {"Rule": "nobody", "Ids": ["x"]},
        "list_tags_for_resource": {"ResourceARN": names.rule("nobody")},
        "tag_resource": {"ResourceARN": names.rule("nobody"), "Tags": tags(1)},
        "untag_resource": {"ResourceARN": names.rule("nobody"), "TagKeys": ["a"]},
    }
    bad_targets = [
        ("an ARN that is none", [{**target, "Arn": "fixed"}], invalid),
        ("an id with a space", [{**target, "Id": "a b"}], invalid),
        ("an input that is no JSON", [{**target, "Input": "{"}], invalid),
        ("an input and a path", [{**target, "Input": "{}", "InputPath": "$.detail"}], invalid),
        ("an input of 8193 characters", [{**target, "Input": json.dumps("x" * 8_191)}], invalid),
        ("no targets", [], invalid),
        ("six targets on one rule", [{**target, "Id": f"t{number}"} for number in range(6)], "LimitExceededException"),
    ]
    return [
        *[Refused(text, "events.put_rule", {**rule, "ScheduleExpression": text}, invalid, 400, "ScheduleExpression is not valid")
          for text in expressions],
        *[Refused(text, "events.put_rule", {"Name": "new", "EventPattern": text}, "InvalidEventPatternException", 400,
            "Event pattern is not valid")
          for text in patterns],
        *[Refused(what, "events.put_rule", {key: value for key, value in {**rule, **changes}.items() if value is not None}, code, status,
            says)
          for what, changes, code, status, says in creations],
        *[Refused("an unknown rule", f"events.{method}", arguments, NOT_FOUND, 400, "nobody") for method, arguments in missing.items()],
        *[Refused(what, "events.put_targets", {"Rule": "fixed", "Targets": entries}, code, 400) for what, entries, code in bad_targets],
        Refused("targets", "events.delete_rule", {"Name": "fixed"}, invalid, 400, "has targets"),
        Refused("a page of 101", "events.list_rules", {"Limit": 101}, invalid, 400, "100"),
        Refused("a page of 0", "events.list_rules", {"Limit": 0}, invalid, 400),
        Refused("11 events at once", "events.put_events", {
            "Entries": [{"Source": "x", "DetailType": "x", "Detail": "{}"}] * 11}, invalid, 400, "10"),
    ]


def unsettled(checks, names):
    """Lambda takes one change at a time; what comes too soon is refused. Tried a few times: a machine can be slow."""
    code = {"FunctionName": "soon", "ZipFile": package()}
    attempts = {"created": (lambda: create_again(checks, names), "Pending"), "changed": (lambda: change(checks), "update is in progress")}
    for what, (before, says) in attempts.items():
        for _ in range(20):
            before()
            answer = checks.answer("lambda.update_function_code", code)
            if "Error" in answer:
                break
            checks.step(updated("soon"))
        error = answer.get("Error", {})
        right = error.get("Code") == "ResourceConflictException" and says in error.get("Message", "")
        checks.expect(f"a function that was just {what}", right and answer["ResponseMetadata"]["HTTPStatusCode"] == 409, answer)
        checks.steps(Step("wait lambda.function_active_v2", {"FunctionName": "soon"}), updated("soon"))
    checks.step(Step("lambda.delete_function", {"FunctionName": "soon"}))


def create_again(checks, names):
    """A function that is as new as can be."""
    checks.answer("lambda.delete_function", {"FunctionName": "soon"})
    checks.answer("lambda.create_function", names.new_function("soon"))


def change(checks):
    """A change, but for the code."""
    checks.answer("lambda.update_function_configuration", {"FunctionName": "soon", "Timeout": 9})


def quotas(checks, names):
    """What is refused only once there is enough of it."""
    others = [f"Amazon{service}{access}" for service in ("S3", "SQS", "SNS", "EC2", "RDS", "DynamoDB", "VPC", "Kinesis", "SES")
              for access in ("FullAccess", "ReadOnlyAccess")]
    others.append("IAMReadOnlyAccess")
    checks.prepare(
        Step("lambda.put_function_concurrency", {"FunctionName": "bare", "ReservedConcurrentExecutions": 500}),
        *[Step("iam.attach_role_policy", {"RoleName": "attached", "PolicyArn": managed(name)}) for name in others],
        Step("iam.put_role_policy", {"RoleName": "busy", "PolicyName": "large",
            "PolicyDocument": allow(resource="arn:aws:s3:::" + "x" * 9_000)}),
        *[Step("events.put_rule", {"Name": f"q{number}", "ScheduleExpression": "rate(7 days)"}) for number in range(299)],
        *[Step("lambda.add_permission", statement(f"filler-{number}", SourceArn=names.rule("x" * 900))) for number in range(15)],
    )
    large = {"RoleName": "busy", "PolicyName": "more", "PolicyDocument": allow(resource="arn:aws:s3:::" + "x" * 2_000)}
    cases = [
        Refused("two that need more than there is", "lambda.put_function_concurrency", {
            "FunctionName": "fixed", "ReservedConcurrentExecutions": 401}, INVALID, 400, "UnreservedConcurrentExecution"),
        Refused("10240 characters together", "iam.put_role_policy", large, "LimitExceeded", 409, "10240"),
        Refused("the 21st managed policy", "iam.attach_role_policy", {"RoleName": "attached", "PolicyArn": managed("IAMFullAccess")},
                "LimitExceeded", 409, "PoliciesPerRole"),
        Refused("the rule after the 300th", "events.put_rule", {"Name": "q300", "ScheduleExpression": "rate(7 days)"},
                "LimitExceededException", 400, ""),
        Refused("20 KB of policy", "lambda.add_permission", statement("last", SourceArn=names.rule("x" * 6_000)),
                "PolicyLengthExceededException", 400, ""),
    ]
    for case in cases:
        checks.refused(case)
    checks.prepare(*[Step("events.delete_rule", {"Name": f"q{number}"}) for number in range(299)])
