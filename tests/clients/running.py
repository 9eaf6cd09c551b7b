"""Functions that really run: answers, errors, logs, asynchronous events, rules."""

import base64
import concurrent.futures
import json

from checks import REGION, Step
from stage import Names, allow, steps_to_function, trust, updated


def run(checks, endpoint_url):
    names = Names(checks.account)
    # It may make its own log group, as most roles may.
    checks.steps(
        Step("iam.create_role", {"RoleName": "writer", "AssumeRolePolicyDocument": trust()}),
        Step("iam.put_role_policy", {"RoleName": "writer", "PolicyName": "logs", "PolicyDocument": allow("logs:*")}),
        *steps_to_function(names, "runs", Role=names.role("writer"), Timeout=2, Environment={"Variables": {"LEVEL": "info"}}),
    )
    checks.parts([answers, environment, failures, logs, asynchronous, limits, events], checks, names)
    checks.step(Step("lambda.delete_function", {"FunctionName": "runs"}))


def invocation(event, **more):
    """The arguments of Invoke."""
    return {"FunctionName": "runs", "Payload": json.dumps(event).encode(), **more}


def invoked(checks, event, **more):
    """Invokes `runs`; the answer with `Payload` read and taken apart."""
    answer = checks.answer("lambda.invoke", invocation(event, **more))
    if "Payload" in answer:
        body = answer["Payload"].read()
        answer["Payload"] = json.loads(body) if body else None
    return answer


def answers(checks, names):
    for event in ({"do": "echo", "text": "ä€𝄞"}, [1, 2.5, None], "text", 7, True, None):
        answer = invoked(checks, event)
        payload = answer.get("Payload")
        got = payload if isinstance(event, dict) else (payload or {}).get("event", "nothing")
        checks.expect(f"invoke {event!r}", got == event and "FunctionError" not in answer, answer)
    answer = checks.call("lambda.invoke", {"FunctionName": "runs"})
    event = json.loads(answer["Payload"].read())["event"]
    checks.expect("invoke without a payload", event == {}, event)
    checks.expect("ExecutedVersion", answer.get("ExecutedVersion") == "$LATEST" and answer["StatusCode"] == 200, answer)
    counts = [invoked(checks, {})["Payload"]["count"] for _ in range(3)]
    checks.expect("a process is used again", counts == list(range(counts[0], counts[0] + 3)), counts)
    answer = invoked(checks, {}, InvocationType="DryRun")
    checks.expect("invoke as a dry run", answer.get("StatusCode") == 204, answer)
    answer = invoked(checks, {"do": "echo", "text": "x" * 5_000_000})
    checks.expect("five megabytes there and back", len(answer.get("Payload", {}).get("text", "")) == 5_000_000, list(answer))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: invoked(checks, {"do": "echo", "n": number})["Payload"]["n"], range(24)))
    checks.expect("24 invocations, 8 at once", found == list(range(24)), found)


def environment(checks, names):
    answer = invoked(checks, {})
    payload = answer.get("Payload", {})
    found = payload.get("environment", {})
    expected = {
        "LEVEL": "info", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_LAMBDA_FUNCTION_NAME": "runs",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "_HANDLER": "bootstrap",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/runs", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "TZ": ":UTC",
    }
    for name, value in expected.items():
        checks.expect(f"the variable {name}", found.get(name) == value, f"is {found.get(name)!r}, expected {value!r}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_LOG_STREAM_NAME"):
        checks.expect(f"the variable {name}", found.get(name), "is missing")
    checks.expect("the function's ARN in the invocation", payload.get("arn") == names.function("runs"), payload.get("arn"))
    same = payload.get("request_id") == answer["ResponseMetadata"]["RequestId"]
    checks.expect("the request id is that of the call", same, (payload.get("request_id"), answer["ResponseMetadata"]["RequestId"]))


def failures(checks, names):
    fails = [
        ({"do": "fail"}, {"errorType": "Oops", "errorMessage": "as asked"}),
        ({"do": "exit"}, {"errorType": "Runtime.ExitError"}),
        ({"do": "sleep", "seconds": 20}, {"errorType": "Sandbox.Timedout"}),
    ]
    for event, members in fails:
        answer = invoked(checks, event)
        payload = answer.get("Payload") or {}
        right = answer.get("StatusCode") == 200 and answer.get("FunctionError") == "Unhandled"
        checks.expect(f"invoke {event}", right and {key: payload.get(key) for key in members} == members, answer)
    checks.expect("after a timeout it runs again", "FunctionError" not in invoked(checks, {}), "fails")


def logs(checks, names):
    answer = invoked(checks, {"do": "print", "text": "a line to be found"}, LogType="Tail")
    tail = base64.b64decode(answer.get("LogResult", "")).decode()
    for part in ("START RequestId: ", "a line to be found\n", "END RequestId: ", "REPORT RequestId: ", "Billed Duration: ",
        "Max Memory Used: "):
        checks.expect(f"the tail says {part!r}", part in tail, tail)
    answer = invoked(checks, {"do": "print", "text": "y" * 10_000}, LogType="Tail")
    checks.expect("the tail has 4 KB at most", 3_000 < len(base64.b64decode(answer.get("LogResult", ""))) <= 4_096, answer)
    checks.expect("no tail unasked", "LogResult" not in invoked(checks, {}), "came")
    checks.step(Step(
        "pages logs.filter_log_events", {"logGroupName": "/aws/lambda/runs", "filterPattern": '"a line to be found"', "PageSize": 1000},
        {"length(events)": 1, "events[0].logStreamName": lambda text: "[$LATEST]" in text}, within_seconds=10,
    ))


def asynchronous(checks, names):
    answer = invoked(checks, {"do": "print", "text": "came later"}, InvocationType="Event")
    checks.expect("invoke as an event", answer.get("StatusCode") == 202 and not answer.get("Payload"), answer)
    checks.step(found_in_logs("came later"))


def found_in_logs(text):
    """The step that waits for a line."""
    arguments = {"logGroupName": "/aws/lambda/runs", "filterPattern": f'"{text}"', "PageSize": 1000}
    return Step("pages logs.filter_log_events", arguments, {"events[].message | [0]": lambda line: line and text in line},
        within_seconds=20)


def limits(checks, names):
    checks.step(Step("lambda.put_function_concurrency", {"FunctionName": "runs", "ReservedConcurrentExecutions": 0}))
    error = invoked(checks, {}).get("Error", {})
    checks.expect("no concurrency left", error.get("Code") == "TooManyRequestsException", error)
    checks.step(Step("lambda.delete_function_concurrency", {"FunctionName": "runs"}))
    checks.steps(
        Step("lambda.update_function_configuration", {"FunctionName": "runs", "Environment": {"Variables": {"LEVEL": "debug"}}}),
        updated("runs"),
    )
    found = invoked(checks, {}).get("Payload", {}).get("environment", {}).get("LEVEL")
    checks.expect("a new environment is seen", found == "debug", found)


def events(checks, names):
    rule = {"Rule": "on-event"}
    pattern = json.dumps({"source": ["tests.clients"], "detail": {"text": [{"prefix": "from-a-rule"}]}})
    entry = {"Source": "tests.clients", "DetailType": "test"}
    checks.steps(
        Step("events.put_rule", {"Name": "on-event", "EventPattern": pattern}),
        Step("lambda.add_permission", {
            "FunctionName": "runs", "StatementId": "rule", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com",
            "SourceArn": names.rule("on-event"),
        }),
        Step("events.put_targets", {**rule, "Targets": [{
            "Id": "runs", "Arn": names.function("runs"),
            "InputTransformer": {"InputPathsMap": {"text": "$.detail.text"}, "InputTemplate": '{"do": "print", "text": <text>}'},
        }]}),
        Step("events.put_events", {"Entries": [
            {**entry, "Detail": json.dumps({"text": "not-meant"})}, {**entry, "Detail": json.dumps({"text": "from-a-rule-1"})},
        ]}, {"FailedEntryCount": 0, "length(Entries)": 2, "Entries[0].EventId": lambda text: len(text) == 36}),
        Step("events.put_events", {"Entries": [{**entry, "Detail": "no JSON"}, {"Source": "x", "Detail": "{}"}]}, {
            "FailedEntryCount": 2, "Entries[].ErrorCode": ["MalformedDetail", "InvalidArgument"]
        }),
        found_in_logs("from-a-rule-1"),
        Step("events.remove_targets", {**rule, "Ids": ["runs"]}),
        Step("events.delete_rule", {"Name": "on-event"}),
    )
