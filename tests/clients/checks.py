"""Steps against a cloud: calls of boto3 as data, with what must come back or how they must be refused."""

import collections
import json
import time
import traceback

import boto3
import botocore.config
import botocore.exceptions
import botocore.parsers
import jmespath

REGION = "eu-central-1"
SERVICES = ["sts", "iam", "logs", "lambda", "events", "ecr", "s3", "ssm", "secretsmanager"]

# A step that must succeed. `call` is `service.method`, `pages service.method` (a paginator, all pages in
# one answer) or `wait service.waiter`; `shows` maps JMESPath expressions on the answer to their values,
# or to a function that says whether a value will do. A step with `within_seconds` is repeated until then.
Step = collections.namedtuple("Step", "call arguments shows within_seconds", defaults=[{}, {}, 0])

# A call that must be refused with this code and HTTP status, and a message that says `says`.
Refused = collections.namedtuple("Refused", "what call arguments code status says", defaults=[""])


class Checks:
    """Runs steps, and collects what is wrong."""

    def __init__(self, endpoint_url):
        # Nothing is validated or retried on this side: the cloud is asked, not botocore.
        config = botocore.config.Config(
            region_name=REGION, parameter_validation=False, retries={"total_max_attempts": 1}, max_pool_connections=32, read_timeout=120
        )
        session = boto3.Session("test", "test")
        self.clients = {name: session.client(name, endpoint_url=endpoint_url, config=config) for name in SERVICES}
        self.account = self.clients["sts"].get_caller_identity()["Account"]
        self.succeeded = {"sts:GetCallerIdentity"}
        self.findings = []
        self.count = 0
        for client in self.clients.values():
            client.meta.events.register("after-call", self._note)

    def _note(self, http_response, model, **_):
        if http_response.status_code < 300:
            self.succeeded.add(f"{model.service_model.service_name}:{model.name}")

    def finding(self, where, text):
        self.findings.append(f"{where}: {text}")

    def expect(self, where, condition, text):
        """Notes a finding unless the condition holds."""
        self.count += 1
        if not condition:
            self.finding(where, text)

    def call(self, call, arguments):
        """The answer to a call, or to all of its pages."""
        *way, path = call.split(" ")
        service, method = path.split(".")
        client = self.clients[service]
        if way == ["wait"]:
            return client.get_waiter(method).wait(**arguments, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
        if way == ["pages"]:
            arguments, size = dict(arguments), arguments.get("PageSize", 2)
            arguments.pop("PageSize", None)
            return client.get_paginator(method).paginate(**arguments, PaginationConfig={"PageSize": size}).build_full_result()
        return getattr(client, method)(**arguments)

    def answer(self, call, arguments):
        """The same as plain data: streams are read, and the failure is what it says."""
        try:
            return self.call(call, arguments) or {}
        except botocore.exceptions.ClientError as error:
            return error.response
        except (botocore.exceptions.BotoCoreError, botocore.parsers.ResponseParserError) as error:
            return {"Error": {"Code": type(error).__name__, "Message": str(error)}}

    def parts(self, parts, *arguments):
        """Runs parts one after the other; one that breaks off is a finding, and the rest still runs."""
        for part in parts:
            try:
                part(*arguments)
            except Exception as error:  # pylint: disable=broad-except
                where = traceback.extract_tb(error.__traceback__)[1]
                self.finding(f"{part.__module__}.{part.__name__}, line {where.lineno}", f"broke off: {error!r}")

    def step(self, step):
        """Runs a step that must succeed; gives its answer."""
        deadline = time.monotonic() + step.within_seconds
        while True:
            answer = self.answer(step.call, step.arguments)
            problem = mismatch(answer, step.shows)
            if problem is None or time.monotonic() >= deadline:
                break
            time.sleep(0.05)
        self.expect(f"{step.call} {brief(step.arguments)}", problem is None, problem)
        return answer

    def steps(self, *steps):
        """Runs steps one after the other; gives the last one's answer."""
        return [self.step(step) for step in steps][-1]

    def prepare(self, *steps):
        """Runs steps that make the scenery: they are no cases, unless they fail."""
        before = self.count
        self.steps(*steps)
        self.count = before

    def refused(self, case):
        """Runs a call that must be refused."""
        answer = self.answer(case.call, case.arguments)
        error = answer.get("Error")
        if error is None:
            return self.expect(f"{case.call}, {case.what}", False, f"was accepted, expected {case.code}")
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        right = (error.get("Code"), status) == (case.code, case.status) and case.says in error.get("Message", "")
        expected = f"expected {case.status} {case.code} {case.says!r}"
        self.expect(f"{case.call}, {case.what}", right, f"{expected}, got {status} {error.get('Code')} {error.get('Message')!r}")


def mismatch(answer, shows):
    """What is wrong with an answer, or `None`."""
    if "Error" in answer:
        return f"refused: {answer['Error']}"
    for path, expected in shows.items():
        value = jmespath.search(path, answer)
        if not (expected(value) if callable(expected) else value == expected):
            return f"`{path}` is {value!r}" + ("" if callable(expected) else f", expected {expected!r}")
    return None


def brief(arguments):
    """Arguments on one short line."""
    text = json.dumps(arguments, default=lambda value: f"<{type(value).__name__}>")
    return text if len(text) <= 100 else text[:100] + "…"
