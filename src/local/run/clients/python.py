# Stands in for AWS's runtime client `awslambdaric` where that is not installed: fetches events, calls the handler, answers.
import http.client, importlib, json, logging, os, sys, time, traceback

API, BASE = os.environ["AWS_LAMBDA_RUNTIME_API"], "/2018-06-01/runtime"


def call(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(API)
    connection.request(method, BASE + path, body, headers)
    response = connection.getresponse()
    answer = response.headers, response.read()
    connection.close()
    return answer


class Context:
    identity = client_context = None
    aws_request_id = ""

    def __init__(self):
        for name in ("function_name", "function_version", "log_group_name", "log_stream_name"):
            setattr(self, name, os.environ.get("AWS_LAMBDA_" + name.upper()))
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")

    def take(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))


def report(path, kind, message, trace, request_id=""):
    print("[ERROR] %s: %s\n%s" % (kind, message, "".join(trace)), flush=True)
    body = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}
    call("POST", path, json.dumps(body), {"Lambda-Runtime-Function-Error-Type": kind})


def refuse(kind, message, trace=[]):
    report("/init/error", kind, message, trace)
    sys.exit(1)


def find(handler):
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    module, _, name = handler.rpartition(".")
    if not module:
        refuse("Runtime.MalformedHandlerName", "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % handler)
    try:
        found = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        refuse("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module, error))
    except SyntaxError as error:
        refuse("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module, error), traceback.format_exc().splitlines(True))
    except Exception as error:
        refuse(type(error).__name__, str(error), traceback.format_exc().splitlines(True))
    if not hasattr(found, name):
        refuse("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (name, module))
    return getattr(found, name)


def serve(handler, context):
    headers, event = call("GET", "/invocation/next")
    context.take(headers)
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
    path = "/invocation/" + context.aws_request_id
    try:
        answer = handler(json.loads(event), context)
    except Exception as error:
        frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
        return report(path + "/error", type(error).__name__, str(error), frames, context.aws_request_id)
    try:
        body = json.dumps(answer).encode()
    except Exception as error:
        return report(path + "/error", "Runtime.MarshalError", "Unable to marshal response: %s" % error, [], context.aws_request_id)
    call("POST", path + "/response", body)


def log_lines(context):
    def request_id(record):
        record.aws_request_id = context.aws_request_id
        return True

    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"))
    lines.formatter.converter = time.gmtime
    lines.addFilter(request_id)
    logging.getLogger().addHandler(lines)


def main():
    context = Context()
    log_lines(context)
    handler = find(sys.argv[1])
    while True:
        serve(handler, context)


main()
