// Stands in for AWS's runtime client `aws-lambda-ric` where that is not installed: fetches events, calls the handler, answers.
const { existsSync } = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { format } = require("node:util");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const takesCallbacks = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)?.[1] ?? 0) < 24;
let requestId = "";

for (const level of ["debug", "info", "warn", "error", "log", "trace"]) {
  const name = level === "log" ? "INFO" : level.toUpperCase();
  console[level] = (...parts) => process.stdout.write([new Date().toISOString(), requestId, name, format(...parts)].join("\t") + "\n");
}

const call = (method, rest, body, headers = {}) =>
  new Promise((done, failed) => {
    const request = http.request({ host, port, method, path: "/2018-06-01/runtime" + rest, headers }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => done({ headers: response.headers, body: Buffer.concat(parts).toString() }));
    });
    request.on("error", failed);
    request.end(body);
  });

const report = async (rest, error, prefix) => {
  const errorType = error?.name ?? typeof error;
  const body = { errorType, errorMessage: error?.message ?? String(error), trace: String(error?.stack ?? error).split("\n") };
  console.error(prefix, JSON.stringify(body));
  await call("POST", rest, JSON.stringify(body), { "Lambda-Runtime-Function-Error-Type": errorType });
};

const named = (name, message) => Object.assign(new Error(message), { name });

const find = async (handler) => {
  const place = handler.slice(0, handler.lastIndexOf("/") + 1);
  const dot = handler.indexOf(".", place.length);
  if (dot < 0) throw named("Runtime.MalformedHandlerName", "Bad handler");
  const [module, names] = [handler.slice(place.length, dot), handler.slice(dot + 1)];
  const files = ["", ".js", ".mjs", ".cjs"].map((ending) => path.resolve(process.env.LAMBDA_TASK_ROOT, place, module + ending));
  const file = files.find((file) => existsSync(file));
  if (!file) throw named("Runtime.ImportModuleError", `Error: Cannot find module '${module}'`);
  let loaded;
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (error) {
    const kind = error instanceof SyntaxError ? "Runtime.UserCodeSyntaxError" : "Runtime.ImportModuleError";
    throw error?.code?.startsWith("ERR_MODULE_NOT_FOUND") || error instanceof SyntaxError ? named(kind, String(error)) : error;
  }
  const inside = (from) => names.split(".").reduce((at, name) => at?.[name], from);
  const found = inside(loaded) ?? inside(loaded.default);
  if (typeof found !== "function") throw named("Runtime.HandlerNotFound", `${handler} is undefined or not exported`);
  if (found.length >= 3 && !takesCallbacks) {
    throw named("Runtime.CallbackHandlerDeprecated", `${handler} takes a callback, which no runtime from nodejs24.x on passes`);
  }
  return found;
};

const invoke = (handler, event, context) =>
  handler.length < 3
    ? handler(event, context)
    : new Promise((done, failed) => {
        const returned = handler(event, context, (error, answer) => (error ? failed(error) : done(answer)));
        returned?.then?.(done, failed);
      });

const contextOf = (headers) => {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const { env } = process;
  return {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
};

const serve = async (handler) => {
  const { headers, body } = await call("GET", "/invocation/next");
  requestId = headers["lambda-runtime-aws-request-id"];
  process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
  const rest = "/invocation/" + requestId;
  try {
    const answer = await invoke(handler, JSON.parse(body), contextOf(headers));
    await call("POST", rest + "/response", JSON.stringify(answer === undefined ? null : answer));
  } catch (error) {
    await report(rest + "/error", error, "Invoke Error");
  }
};

(async () => {
  let handler;
  try {
    handler = await find(process.argv.at(-1));
  } catch (error) {
    await report("/init/error", error, "Init Error");
    process.exit(1);
  }
  for (;;) await serve(handler);
})();
