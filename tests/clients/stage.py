"""What the cases need: names, documents, packages."""

import io
import json
import zipfile

from checks import REGION, Step

# A runtime in Python's own library: does what the event asks for.
BOOTSTRAP = """#!/usr/bin/env python3
import json, os, sys, time, urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"

def post(path, answer):
    urllib.request.urlopen(urllib.request.Request(API + path, json.dumps(answer).encode(), method="POST")).read()

count = 0
while True:
    with urllib.request.urlopen(API + "next") as request:
        identity, event = request.headers["Lambda-Runtime-Aws-Request-Id"], json.load(request)
        arn = request.headers["Lambda-Runtime-Invoked-Function-Arn"]
    count += 1
    do = event.get("do") if isinstance(event, dict) else None
    if do == "print":
        print(event["text"], flush=True)
    if do == "exit":
        sys.exit(3)
    if do == "sleep":
        time.sleep(event["seconds"])
    if do == "fail":
        post(identity + "/error", {"errorType": "Oops", "errorMessage": "as asked"})
    else:
        answer = {"event": event, "count": count, "request_id": identity, "arn": arn, "environment": dict(os.environ)}
        post(identity + "/response", event if do == "echo" else answer)
"""


def package(bootstrap=BOOTSTRAP):
    """A zip with an executable `bootstrap`; the same bytes each time, and large contents made small."""
    entry = zipfile.ZipInfo("bootstrap", (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, bootstrap)
    return buffer.getvalue()


def document(*statements):
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service="lambda.amazonaws.com"):
    """A trust policy for one service."""
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def allow(action="s3:GetObject", resource="*"):
    """An inline policy."""
    return document({"Effect": "Allow", "Action": action, "Resource": resource})


class Names:
    """ARNs in one account."""

    def __init__(self, account):
        self.account = account

    def role(self, name):
        return f"arn:aws:iam::{self.account}:role/{name}"

    def function(self, name):
        return f"arn:aws:lambda:{REGION}:{self.account}:function:{name}"

    def rule(self, name):
        return f"arn:aws:events:{REGION}:{self.account}:rule/{name}"

    def group(self, name):
        return f"arn:aws:logs:{REGION}:{self.account}:log-group:{name}"

    def new_function(self, name, **changes):
        """The arguments of CreateFunction; a change to `None` leaves one out."""
        arguments = {
            "FunctionName": name, "Role": self.role("runner"), "Runtime": "provided.al2023", "Handler": "bootstrap",
            "Code": {"ZipFile": package()},
        }
        arguments.update(changes)
        return {key: value for key, value in arguments.items() if value is not None}


def managed(name="service-role/AWSLambdaBasicExecutionRole"):
    """The ARN of a policy that AWS manages."""
    return f"arn:aws:iam::aws:policy/{name}"


def steps_to_function(names, name, **changes):
    """A function that is ready."""
    return [
        Step("lambda.create_function", names.new_function(name, **changes), {"FunctionName": name}),
        Step("wait lambda.function_active_v2", {"FunctionName": name}),
    ]


def updated(name):
    """The step that waits for an update of a function."""
    return Step("wait lambda.function_updated_v2", {"FunctionName": name})
