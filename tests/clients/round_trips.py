"""What must succeed: what was sent comes back, in each way of reading it."""

import base64
import hashlib
import json
import time

from checks import REGION, Step
from stage import Names, allow, managed, package, steps_to_function, trust, updated


def run(checks, endpoint_url):
    names = Names(checks.account)
    checks.expect("sts.get_caller_identity", checks.account.isdigit() and len(checks.account) == 12, "no account of twelve digits")
    parts = [
        roles, policies, account_details, groups, streams, functions, updates, permissions, concurrency, lists, rules, expressions, targets,
    ]
    checks.parts(parts, checks, names)


def tags(**given):
    """Tags as IAM and EventBridge write them."""
    return [{"Key": key, "Value": value} for key, value in given.items()]


def same_json(wanted):
    """Whether a document, as text or taken apart, means the same."""
    parsed = json.loads(wanted)
    return lambda got: (json.loads(got) if isinstance(got, str) else got) == parsed


def roles(checks, names):
    role = {"RoleName": "round"}
    shown = {
        "Role.RoleName": "round", "Role.Path": "/tests/deep/", "Role.Arn": names.role("tests/deep/round"),
        "Role.Description": "Größe = ½", "Role.MaxSessionDuration": 7200, "Role.AssumeRolePolicyDocument": same_json(trust()),
        "Role.RoleId": lambda text: text.startswith("AROA"), "Role.CreateDate": lambda date: date.year >= 2025,
    }
    # CreateRole answers neither; GetRole does.
    made = {path: value for path, value in shown.items() if path not in ("Role.MaxSessionDuration", "Role.Description")}
    checks.steps(
        Step("iam.create_role", {
            **role, "Path": "/tests/deep/", "AssumeRolePolicyDocument": trust(), "Description": "Größe = ½", "MaxSessionDuration": 7200,
            "Tags": tags(team="core", odd="a=b c+d/é"),
        }, made),
        Step("iam.get_role", role, {**shown, "Role.Tags | sort_by(@, &Key)": tags(odd="a=b c+d/é", team="core")}),
        Step("iam.list_instance_profiles_for_role", role, {"InstanceProfiles": [], "IsTruncated": False}),
        Step("iam.list_role_tags", role, {"Tags | sort_by(@, &Key)": tags(odd="a=b c+d/é", team="core"), "IsTruncated": False}),
        Step("iam.get_role", {"RoleName": "ROUND"}, {"Role.RoleName": "round"}),
        Step("iam.list_roles", {"PathPrefix": "/tests/"}, {"Roles[].RoleName": ["round"], "Roles[0].MaxSessionDuration": 7200}),
        Step("iam.list_roles", {"PathPrefix": "/nowhere/"}, {"Roles": []}),
        Step("iam.update_role", {**role, "Description": "second", "MaxSessionDuration": 3600}),
        Step("iam.update_assume_role_policy", {**role, "PolicyDocument": trust("events.amazonaws.com")}),
        Step("iam.tag_role", {**role, "Tags": tags(team="other", new="")}),
        Step("iam.untag_role", {**role, "TagKeys": ["odd", "unknown"]}),
        Step("iam.get_role", role, {
            "Role.Description": "second", "Role.MaxSessionDuration": 3600, "Role.Tags | sort_by(@, &Key)": tags(new="", team="other"),
            "Role.AssumeRolePolicyDocument": same_json(trust("events.amazonaws.com")),
        }),
        Step("iam.put_role_permissions_boundary", {**role, "PermissionsBoundary": managed("AmazonS3ReadOnlyAccess")}),
        Step("iam.get_role", role, {
            "Role.PermissionsBoundary.PermissionsBoundaryArn": managed("AmazonS3ReadOnlyAccess")
        }),
        Step("iam.delete_role_permissions_boundary", role),
        Step("iam.get_role", role, {"Role.PermissionsBoundary": None}),
        Step("iam.delete_role", role),
        Step("iam.list_account_aliases", {}, {"AccountAliases": []}),
    )


def policies(checks, names):
    role = {"RoleName": "policies"}
    attached = [{"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": managed()}]
    inline = [{**role, "PolicyName": f"inline-{number}", "PolicyDocument": allow(f"s3:Get{number}*")} for number in range(5)]
    checks.steps(
        Step("iam.create_role", {**role, "AssumeRolePolicyDocument": trust()}),
        *[Step("iam.put_role_policy", arguments) for arguments in inline],
        Step("iam.put_role_policy", {**inline[0], "PolicyDocument": allow("s3:Put*")}),
        Step("iam.get_role_policy", {**role, "PolicyName": "inline-0"}, {
            "RoleName": "policies", "PolicyName": "inline-0", "PolicyDocument": same_json(allow("s3:Put*"))
        }),
        Step("pages iam.list_role_policies", role, {"PolicyNames": [f"inline-{number}" for number in range(5)]}),
        Step("iam.list_role_policies", {**role, "MaxItems": 2}, {"IsTruncated": True, "length(PolicyNames)": 2}),
        Step("iam.attach_role_policy", {**role, "PolicyArn": managed()}),
        Step("iam.attach_role_policy", {**role, "PolicyArn": managed()}),
        Step("iam.attach_role_policy", {**role, "PolicyArn": managed("AmazonS3ReadOnlyAccess")}),
        Step("pages iam.list_attached_role_policies", {**role, "PageSize": 1}, {"length(AttachedPolicies)": 2}),
        Step("iam.detach_role_policy", {**role, "PolicyArn": managed("AmazonS3ReadOnlyAccess")}),
        Step("iam.list_attached_role_policies", role, {"AttachedPolicies": attached}),
    )


def account_details(checks, names):
    mine = "RoleDetailList[?RoleName=='policies'] | [0]"
    checks.steps(
        *[Step("iam.create_role", {"RoleName": f"many-{n}", "Path": "/many/", "AssumeRolePolicyDocument": trust()}) for n in range(7)],
        Step("iam.get_account_authorization_details", {"Filter": ["Role"]}, {
            f"{mine}.Arn": names.role("policies"), f"{mine}.AssumeRolePolicyDocument": same_json(trust()),
            f"{mine}.RolePolicyList[0].PolicyDocument": same_json(allow("s3:Put*")), f"{mine} | length(@.RolePolicyList)": 5,
            f"{mine}.AttachedManagedPolicies[0].PolicyArn": managed(), "UserDetailList": [], "GroupDetailList": [],
        }),
        Step("pages iam.get_account_authorization_details", {"Filter": ["Role"]}, {"RoleDetailList[?Path=='/many/'] | length(@)": 7}),
        Step("pages iam.list_roles", {"PathPrefix": "/many/"}, {"Roles[].RoleName | sort(@)": [f"many-{n}" for n in range(7)]}),
        *[Step("iam.delete_role", {"RoleName": f"many-{n}"}) for n in range(7)],
        *[Step("iam.delete_role_policy", {"RoleName": "policies", "PolicyName": f"inline-{n}"}) for n in range(5)],
        Step("iam.detach_role_policy", {"RoleName": "policies", "PolicyArn": managed()}),
        Step("iam.delete_role", {"RoleName": "policies"}),
        Step("iam.create_role", {"RoleName": "runner", "AssumeRolePolicyDocument": trust()}),
        Step("iam.attach_role_policy", {"RoleName": "runner", "PolicyArn": managed()}),
    )


def groups(checks, names):
    group = {"logGroupName": "/aws/lambda/round"}
    arn = names.group("/aws/lambda/round")
    key = f"arn:aws:kms:{REGION}:{checks.account}:key/12345678-1234-1234-1234-123456789012"
    prefix = {"logGroupNamePrefix": "/aws/lambda/round"}
    checks.steps(
        Step("logs.create_log_group", {**group, "tags": {"team": "core"}}),
        Step("logs.describe_log_groups", prefix, {
            "logGroups[0].logGroupName": "/aws/lambda/round", "logGroups[0].arn": arn + ":*", "logGroups[0].logGroupArn": arn,
            "logGroups[0].storedBytes": 0, "logGroups[0].retentionInDays": None, "logGroups[0].logGroupClass": "STANDARD",
            "logGroups[0].creationTime": lambda at_ms: at_ms > 1.7e12, "logGroups[0].metricFilterCount": 0,
        }),
        Step("logs.put_retention_policy", {**group, "retentionInDays": 30}),
        Step("logs.describe_log_groups", prefix, {"logGroups[0].retentionInDays": 30}),
        Step("logs.delete_retention_policy", group),
        Step("logs.associate_kms_key", {**group, "kmsKeyId": key}),
        Step("logs.describe_log_groups", prefix, {"logGroups[0].retentionInDays": None, "logGroups[0].kmsKeyId": key}),
        Step("logs.disassociate_kms_key", group),
        Step("logs.describe_log_groups", {"logGroupIdentifiers": ["/aws/lambda/round"]}, {
            "logGroups[0].kmsKeyId": None, "length(logGroups)": 1
        }),
        Step("logs.tag_resource", {"resourceArn": arn, "tags": {"team": "other", "new": ""}}),
        Step("logs.list_tags_for_resource", {"resourceArn": arn}, {"tags": {"team": "other", "new": ""}}),
        Step("logs.untag_resource", {"resourceArn": arn, "tagKeys": ["team"]}),
        Step("logs.list_tags_for_resource", {"resourceArn": arn}, {"tags": {"new": ""}}),
        *[Step("logs.create_log_group", {"logGroupName": f"/many/{number}"}) for number in range(7)],
        Step("pages logs.describe_log_groups", {"logGroupNamePrefix": "/many/"}, {
            "logGroups[].logGroupName": [f"/many/{number}" for number in range(7)]
        }),
        Step("logs.describe_log_groups", {"logGroupNamePattern": "any/3"}, {"logGroups[].logGroupName": ["/many/3"]}),
        *[Step("logs.delete_log_group", {"logGroupName": f"/many/{number}"}) for number in range(7)],
        Step("logs.delete_log_group", group),
        Step("logs.describe_log_groups", prefix, {"logGroups": []}),
    )


def streams(checks, names):
    group = {"logGroupName": "/round/streams"}
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms + number, "message": f"line {number}"} for number in range(5)]
    checks.steps(
        Step("logs.create_log_group", group),
        Step("logs.create_log_stream", {**group, "logStreamName": "one"}),
        Step("logs.put_log_events", {**group, "logStreamName": "one", "logEvents": events}, {"rejectedLogEventsInfo": None}),
        Step("logs.describe_log_streams", group, {
            "logStreams[0].logStreamName": "one", "logStreams[0].firstEventTimestamp": now_ms,
                "logStreams[0].lastEventTimestamp": now_ms + 4,
        }),
        Step("logs.get_log_events", {**group, "logStreamName": "one", "startFromHead": True}, {
            "events[].message": [f"line {number}" for number in range(5)], "events[0].timestamp": now_ms
        }),
        Step("pages logs.filter_log_events", group, {"events[].message": [f"line {number}" for number in range(5)]}),
        Step("logs.filter_log_events", {**group, "filterPattern": '"line 3"'}, {"events[].message": ["line 3"]}),
        Step("logs.filter_log_events", {**group, "startTime": now_ms + 4}, {"events[].logStreamName": ["one"]}),
        Step("logs.delete_log_group", group),
    )


def functions(checks, names):
    function = {"FunctionName": "round"}
    arn, code = names.function("round"), package()
    digest = base64.b64encode(hashlib.sha256(code).digest()).decode()
    queue = f"arn:aws:sqs:{REGION}:{checks.account}:dead"
    settings = {
        "Description": "Größe", "MemorySize": 256, "Timeout": 30, "Architectures": ["arm64"], "EphemeralStorage": {"Size": 1024},
        "Environment": {"Variables": {"LEVEL": "info", "ODD": "a=b \"c\" é"}}, "TracingConfig": {"Mode": "Active"},
        "DeadLetterConfig": {"TargetArn": queue},
        "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN", "LogGroup": "/shared"},
    }
    shown = {
        **settings, "FunctionName": "round", "FunctionArn": arn, "Role": names.role("runner"), "Runtime": "provided.al2023",
        "Handler": "bootstrap", "CodeSize": len(code), "CodeSha256": digest, "Version": "$LATEST", "PackageType": "Zip",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "RevisionId": lambda text: len(text) == 36,
    }
    checks.steps(
        Step("lambda.create_function", names.new_function("round", Tags={"team": "core"}, **settings), {
            **shown, "State": "Pending", "StateReasonCode": "Creating", "ResponseMetadata.HTTPStatusCode": 201,
            "LastModified": lambda text: text.endswith("+0000"),
        }),
        Step("wait lambda.function_exists", function),
        Step("wait lambda.function_active", function),
        Step("lambda.get_function_configuration", function, {**shown, "State": "Active", "LastUpdateStatus": "Successful"}),
        Step("lambda.get_function", function, {
            **{f"Configuration.{path}": value for path, value in shown.items()}, "Configuration.State": "Active",
            "Tags": {"team": "core"}, "Code.RepositoryType": "S3", "Code.Location": lambda text: text.startswith("http"),
                "Concurrency": None,
        }),
        Step("lambda.get_function", {"FunctionName": arn}, {"Configuration.FunctionName": "round"}),
        Step("lambda.get_function", {"FunctionName": "round:$LATEST"}, {"Configuration.FunctionArn": lambda text: text.startswith(arn)}),
        Step("lambda.get_function", {**function, "Qualifier": "$LATEST"}, {"Configuration.Version": "$LATEST"}),
        Step("lambda.tag_resource", {"Resource": arn, "Tags": {"team": "other", "new": ""}}),
        Step("lambda.list_tags", {"Resource": arn}, {"Tags": {"team": "other", "new": ""}}),
        Step("lambda.untag_resource", {"Resource": arn, "TagKeys": ["team", "unknown"]}),
        Step("lambda.list_tags", {"Resource": arn}, {"Tags": {"new": ""}}),
        *steps_to_function(names, "plain"),
        Step("lambda.get_function_configuration", {"FunctionName": "plain"}, {
            "MemorySize": 128, "Timeout": 3, "Description": "", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512},
            "TracingConfig": {"Mode": "PassThrough"}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/plain"},
            "Environment": None, "Layers": None, "DeadLetterConfig": None, "KMSKeyArn": None,
        }),
        Step("lambda.get_account_settings", {}, {"AccountLimit.ConcurrentExecutions": lambda number: number >= 10}),
    )


def updates(checks, names):
    function = {"FunctionName": "round"}
    other = package("#!/bin/sh\nexit 1\n")
    digest = base64.b64encode(hashlib.sha256(other).digest()).decode()
    before = checks.step(Step("lambda.get_function", function))["Configuration"]
    sent = {"MemorySize": 512, "Environment": {"Variables": {"ONLY": "this"}}, "Description": "second"}
    checks.steps(
        Step("lambda.update_function_configuration", {**function, **sent, "RevisionId": before["RevisionId"]}, {
            **sent, "LastUpdateStatus": "InProgress", "State": "Active", "RevisionId": lambda text: text != before["RevisionId"]
        }),
        updated("round"),
        Step("lambda.get_function_configuration", function, {**sent, "Timeout": 30, "CodeSha256": before["CodeSha256"]}),
        Step("lambda.update_function_code", {**function, "ZipFile": other, "DryRun": True}, {"FunctionName": "round"}),
        Step("lambda.get_function_configuration", function, {"CodeSha256": before["CodeSha256"], "LastUpdateStatus": "Successful"}),
        Step("lambda.update_function_code", {**function, "ZipFile": other, "Architectures": ["x86_64"]}, {
            "CodeSha256": digest, "Architectures": ["x86_64"], "LastUpdateStatus": "InProgress"
        }),
        Step("wait lambda.function_updated", function),
        # The largest environment: 2 + 4087 + 6 bytes, and 1 for the whole.
        Step("lambda.update_function_configuration", {**function, "Environment": {"Variables": {"AB": "x" * 4_087}}}),
        updated("round"),
        # What an update says nothing of stays; what it empties goes.
        Step("lambda.update_function_configuration", {
            **function, "Environment": {"Variables": {}}, "DeadLetterConfig": {"TargetArn": ""}, "Description": "", "Layers": [],
            "TracingConfig": {"Mode": "PassThrough"}, "KMSKeyArn": "", "FileSystemConfigs": [],
        }),
        updated("round"),
        Step("lambda.get_function_configuration", function, {
            "CodeSha256": digest, "Architectures": ["x86_64"], "MemorySize": 512, "Timeout": 30, "Environment": None, "Description": "",
            "DeadLetterConfig.TargetArn": None, "TracingConfig.Mode": "PassThrough", "LoggingConfig.LogFormat": "JSON", "Layers": None,
        }),
    )


def permissions(checks, names):
    function, rule = {"FunctionName": "round"}, names.rule("nightly")
    arn = names.function("round")

    def statement(text):
        return json.loads(text)

    added = {**function, "StatementId": "events", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "SourceArn": rule}
    written = {
        "Sid": "events", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction",
        "Resource": arn, "Condition": {"ArnLike": {"AWS:SourceArn": rule}},
    }
    account = {**function, "StatementId": "account", "Action": "lambda:InvokeFunction", "Principal": "210987654321"}
    bucket = {
        **function, "StatementId": "bucket", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
        "SourceArn": "arn:aws:s3:::bucket", "SourceAccount": "210987654321",
    }
    checks.steps(
        Step("lambda.add_permission", added, {"Statement": lambda text: statement(text) == written,
            "ResponseMetadata.HTTPStatusCode": 201}),
        Step("lambda.add_permission", account, {
            "Statement": lambda text: statement(text)["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
        }),
        Step("lambda.add_permission", bucket, {
            "Statement": lambda text: statement(text)["Condition"] == {
                "StringEquals": {"AWS:SourceAccount": "210987654321"}, "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
            }
        }),
        Step("lambda.get_policy", function, {
            "Policy": lambda text: [one["Sid"] for one in json.loads(text)["Statement"]] == ["events", "account", "bucket"]
            and json.loads(text)["Version"] == "2012-10-17" and json.loads(text)["Id"] == "default",
            "RevisionId": lambda text: len(text) == 36,
        }),
    )
    revision = checks.step(Step("lambda.get_policy", function))["RevisionId"]
    checks.steps(
        Step("lambda.remove_permission", {**function, "StatementId": "events", "RevisionId": revision}),
        Step("lambda.remove_permission", {**function, "StatementId": "account"}),
        Step("lambda.get_policy", function, {"Policy": lambda text: [one["Sid"] for one in json.loads(text)["Statement"]] == ["bucket"]}),
    )


def concurrency(checks, names):
    function = {"FunctionName": "round"}
    checks.steps(
        Step("lambda.get_function_concurrency", function, {"ReservedConcurrentExecutions": None}),
        Step("lambda.put_function_concurrency", {**function, "ReservedConcurrentExecutions": 5}, {"ReservedConcurrentExecutions": 5}),
        Step("lambda.get_function", function, {"Concurrency.ReservedConcurrentExecutions": 5}),
        Step("lambda.put_function_concurrency", {**function, "ReservedConcurrentExecutions": 0}, {"ReservedConcurrentExecutions": 0}),
        Step("lambda.get_function_concurrency", function, {"ReservedConcurrentExecutions": 0}),
        Step("lambda.delete_function_concurrency", function),
        Step("lambda.get_function", function, {"Concurrency": None}),
        Step("lambda.get_function_code_signing_config", function, {"CodeSigningConfigArn": None}),
        Step("lambda.get_function_recursion_config", function, {"RecursiveLoop": "Terminate"}),
        Step("lambda.get_runtime_management_config", function, {"UpdateRuntimeOn": "Auto"}),
        Step("lambda.list_event_source_mappings", function, {"EventSourceMappings": []}),
    )


def lists(checks, names):
    for number in range(5):
        checks.step(Step("lambda.create_function", names.new_function(f"many-{number}")))
    every = sorted([f"many-{number}" for number in range(5)] + ["plain", "round"])
    checks.steps(
        Step("pages lambda.list_functions", {}, {
            "Functions[].FunctionName | sort(@)": every, "Functions[?State] | length(@)": 0, "Functions[0].MemorySize": 128
        }),
        *[Step("lambda.delete_function", {"FunctionName": name}, {"ResponseMetadata.HTTPStatusCode": 204}) for name in every],
        Step("lambda.list_functions", {}, {"Functions": []}),
    )


def rules(checks, names):
    rule, arn = {"Name": "round"}, names.rule("round")
    pattern = json.dumps({"source": ["tests"], "detail": {"size": [{"numeric": [">", 5]}]}})
    shown = {
        "Name": "round", "Arn": arn, "ScheduleExpression": "cron(0 6 1 * ? *)", "State": "DISABLED", "Description": "Every month",
        "EventBusName": "default", "EventPattern": None, "CreatedBy": checks.account,
    }
    checks.steps(
        Step("events.put_rule", {
            **rule, "ScheduleExpression": "cron(0 6 1 * ? *)", "State": "DISABLED", "Description": "Every month", "Tags": tags(team="core")
        }, {"RuleArn": arn}),
        Step("events.describe_rule", rule, shown),
        Step("events.describe_rule", {**rule, "EventBusName": "default"}, shown),
        Step("events.list_rules", {"NamePrefix": "rou"}, {
            "Rules[0].Arn": arn, "Rules[0].State": "DISABLED", "Rules[0].Description": "Every month", "length(Rules)": 1
        }),
        Step("events.enable_rule", rule),
        Step("events.describe_rule", rule, {"State": "ENABLED"}),
        Step("events.disable_rule", rule),
        Step("events.describe_rule", rule, {"State": "DISABLED"}),
        # A rule that is put again loses what is left out, and keeps its tags whatever is said of them.
        Step("events.put_rule", {**rule, "EventPattern": pattern, "Tags": tags(team="other")}, {"RuleArn": arn}),
        Step("events.describe_rule", rule, {
            "Description": None, "State": "ENABLED", "ScheduleExpression": None, "EventPattern": same_json(pattern)
        }),
        Step("events.list_tags_for_resource", {"ResourceARN": arn}, {"Tags": tags(team="core")}),
        Step("events.tag_resource", {"ResourceARN": arn, "Tags": tags(team="third", new="")}),
        Step("events.untag_resource", {"ResourceARN": arn, "TagKeys": ["team"]}),
        Step("events.list_tags_for_resource", {"ResourceARN": arn}, {"Tags": tags(new="")}),
        *[Step("events.put_rule", {"Name": f"many-{number}", "ScheduleExpression": "rate(7 days)"}) for number in range(5)],
        Step("pages events.list_rules", {"NamePrefix": "many-"}, {"Rules[].Name": [f"many-{number}" for number in range(5)]}),
        *[Step("events.delete_rule", {"Name": f"many-{number}"}) for number in range(5)],
        Step("events.delete_rule", {"Name": "was-never-there"}),
        Step("events.put_events", {
            "Entries": [{"Source": "tests", "DetailType": "round", "Detail": json.dumps({"size": 1}), "EventBusName": "default"}]
        }, {"FailedEntryCount": 0, "Entries[0].EventId": lambda id: len(id) > 8, "Entries[0].ErrorCode": None}),
    )


def expressions(checks, names):
    """Schedules that EventBridge takes, and gives back as they were written."""
    rule = {"Name": "expression"}
    for text in (
        "rate(1 minute)", "rate(1 day)", "rate(90 minutes)", "cron(0/15 * * * ? *)", "cron(0 6 L * ? *)", "cron(0 6 ? * 3#2 *)",
        "cron(0 6 15W * ? *)", "cron(0 6 ? * 6L *)", "cron(0 18 ? * MON-FRI *)", "cron(5,35 14 * * ? *)",
        "cron(0 0 ? JAN,MAR SUN 2030-2035)", "cron(0 10 1 * ? 2500)",
    ):
        checks.steps(
            Step("events.put_rule", {**rule, "ScheduleExpression": text}),
            Step("events.describe_rule", rule, {"ScheduleExpression": text}),
        )
    checks.step(Step("events.delete_rule", rule))


def targets(checks, names):
    rule, function = {"Rule": "round"}, names.function("target")
    one = {"Id": "one", "Arn": function, "Input": '{"a": 1}', "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 120}}
    transformer = {"InputPathsMap": {"size": "$.detail.size"}, "InputTemplate": '{"n": <size>}'}
    two = {"Id": "two", "Arn": function, "InputTransformer": transformer}
    three = {"Id": "three", "Arn": function, "InputPath": "$.detail"}
    checks.steps(
        *steps_to_function(names, "target"),
        Step("events.put_targets", {**rule, "Targets": [one, two, three]}, {"FailedEntryCount": 0, "FailedEntries": []}),
        Step("events.list_targets_by_rule", rule, {"sort_by(Targets, &Id)": [one, three, two]}),
        Step("pages events.list_targets_by_rule", rule, {"length(Targets)": 3}),
        Step("events.put_targets", {**rule, "Targets": [{"Id": "one", "Arn": function}]}, {"FailedEntryCount": 0}),
        Step("events.list_targets_by_rule", rule, {"Targets[?Id=='one'] | [0]": {"Id": "one", "Arn": function}}),
        Step("events.list_rule_names_by_target", {"TargetArn": function}, {"RuleNames": ["round"]}),
        Step("events.remove_targets", {**rule, "Ids": ["one", "two", "three"]}, {"FailedEntryCount": 0}),
        Step("events.list_targets_by_rule", rule, {"Targets": []}),
        Step("events.delete_rule", {"Name": "round"}),
        Step("lambda.delete_function", {"FunctionName": "target"}),
    )
