//! Functions that behave and functions that do not, run for real.

use super::deployment::{FunctionError, ImageCode, Isolation, ThrottleReason};
use super::*;
use bytes::Bytes;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Something in a package.
pub enum Entry<'a> {
    File(&'a str, u32, &'a [u8]),
    Link(&'a str, &'a str),
}

pub fn zip_of(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for entry in entries {
        match entry {
            Entry::File(name, mode, content) => {
                zip.start_file(*name, options.unix_permissions(*mode)).unwrap();
                zip.write_all(content).unwrap();
            }
            Entry::Link(name, target) => zip.add_symlink(*name, *target, options).unwrap(),
        }
    }
    zip.finish().unwrap().into_inner()
}

/// A runtime whose events are Python that sets `answer`.
const PYTHON: &str = r#"#!/usr/bin/env python3
import http.client, os, sys, time, signal, subprocess, json, socket
connection = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
def call(method, path, body=None):
    connection.request(method, '/2018-06-01/runtime/' + path, body)
    response = connection.getresponse()
    return response, response.read()
sys.stdout.reconfigure(line_buffering=True)
count = 0
while True:
    response, event = call('GET', 'invocation/next')
    headers, count, answer = response.headers, count + 1, b''
    request_id = headers['Lambda-Runtime-Aws-Request-Id']
    exec(event, globals())
    call('POST', 'invocation/' + request_id + '/response', answer)
"#;

#[derive(Default)]
struct Memory(Mutex<Vec<(String, LogEvent)>>);

impl LogSink for Memory {
    fn append(&self, region: &str, group: &str, stream: &str, events: Vec<LogEvent>) {
        assert_eq!((region, group), ("eu-central-1", "/aws/lambda/f"));
        self.0.lock().unwrap().extend(events.into_iter().map(|event| (stream.to_owned(), event)));
    }
}

impl Memory {
    fn text(&self) -> String {
        self.0.lock().unwrap().iter().map(|(_, event)| event.message.as_str()).collect()
    }

    async fn until(&self, is_there: impl Fn(&str) -> bool) -> String {
        for _ in 0..200 {
            let text = self.text();
            if is_there(&text) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not in the log:\n{}", self.text());
    }
}

/// A runner with a function.
struct Stage {
    runner: Arc<Runner>,
    log: Arc<Memory>,
    folder: tempfile::TempDir,
    requests: AtomicU64,
    deployment: Deployment,
}

impl Stage {
    fn with(options: Options, entries: &[Entry<'_>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path().join("code.zip");
        std::fs::write(&code, zip_of(entries)).unwrap();
        let log = Arc::new(Memory::default());
        let options = Options { folder: Some(folder.path().join("run")), ..options };
        // An unprivileged function must get through.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let runner = Arc::new(Runner::new(options, Arc::<Memory>::clone(&log)));
        Self { runner, log, folder, requests: AtomicU64::new(0), deployment: deployment(code) }
    }

    fn python(isolation: Isolation) -> Self {
        Self::with(Options { isolation, ..Options::default() }, &[Entry::File("bootstrap", 0o755, PYTHON.as_bytes())])
    }

    fn shell(script: &str) -> Self {
        Self::with(Options::default(), &[Entry::File("bootstrap", 0o755, format!("#!/bin/sh\n{script}").as_bytes())])
    }

    fn invocation(&self, payload: &str) -> Invocation {
        let request_id = format!("request-{}", self.requests.fetch_add(1, Ordering::Relaxed) + 1);
        Invocation { payload: Bytes::copy_from_slice(payload.as_bytes()), request_id, ..Invocation::default() }
    }

    async fn try_run(&self, payload: &str) -> Result<Outcome, Refusal> {
        self.runner.invoke(&self.deployment, self.invocation(payload)).await
    }

    async fn run(&self, payload: &str) -> Outcome {
        self.try_run(payload).await.unwrap()
    }

    /// The answer of a function that did not fail.
    async fn answer(&self, payload: &str) -> String {
        let outcome = self.run(payload).await;
        assert_eq!(outcome.function_error, None, "{:?}", outcome.payload);
        String::from_utf8(outcome.payload.to_vec()).unwrap()
    }

    /// The error of a function that failed.
    async fn error(&self, payload: &str) -> String {
        let outcome = self.run(payload).await;
        assert_eq!(outcome.function_error, Some(FunctionError::Unhandled), "{:?}", outcome.payload);
        String::from_utf8(outcome.payload.to_vec()).unwrap()
    }
}

fn deployment(code: PathBuf) -> Deployment {
    Deployment {
        arn: "arn:aws:lambda:eu-central-1:000000000000:function:f".into(),
        name: "f".into(),
        version: "$LATEST".into(),
        generation: "1".into(),
        code,
        code_sha256: "sha".into(),
        handler: "index.handler".into(),
        runtime: "provided.al2023".into(),
        memory_mb: 128,
        timeout_ms: 3000,
        ephemeral_storage_mb: 16,
        environment: [("GREETING", "it's \"hello\" $HOME"), ("EMPTY", "")].map(|(name, value)| (name.into(), value.into())).into(),
        reserved_concurrency: None,
        log_group: "/aws/lambda/f".into(),
        region: "eu-central-1".into(),
        endpoint_url: "http://127.0.0.1:4567".into(),
        image: None,
        layers: vec![],
    }
}

/// Stands for podman: starts what it is told to run on the machine itself, with the folder of the image before its name.
const PODMAN: &str = r#"#!/bin/sh
echo "$*" >> "$(dirname "$0")/calls"
[ "$1" = run ] || exit 0
while [ "$1" != --rootfs ]; do
  case "$1" in --env=*=*) export "${1#--env=}" ;; esac
  shift
done
root=$2 program=$3
shift 3
exec "$root$program" "$@"
"#;

/// A stage without namespaces, with an image of one program, and an engine in its search path.
fn contained(engine: &str, script: &str) -> (Stage, PathBuf) {
    let tools = tempfile::tempdir().unwrap().keep();
    std::fs::write(tools.join(engine), script).unwrap();
    std::fs::set_permissions(tools.join(engine), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let search_path = Some(format!("{}:/usr/bin:/bin", tools.display()));
    let mut stage = Stage::with(Options { isolation: Isolation::Plain, search_path, ..Options::default() }, &[]);
    let layer = stage.folder.path().join("layer");
    let mut archive = tar::Builder::new(std::fs::File::create(&layer).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(PYTHON.len() as u64);
    header.set_mode(0o755);
    archive.append_data(&mut header, "bin/program", PYTHON.as_bytes()).unwrap();
    // What looks for the interpreter that the program names looks in the image.
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o755);
    archive.append_data(&mut header, "usr/bin/env", &[][..]).unwrap();
    archive.finish().unwrap();
    let environment = [("MARK".to_owned(), "image".to_owned()), ("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    let command = vec!["/bin/program".to_owned(), "argument".to_owned()];
    stage.deployment.image = Some(ImageCode { layers: vec![layer], command, working_folder: "/".into(), environment, is_foreign: false });
    (stage, tools)
}

#[tokio::test]
async fn an_engine_runs_images_where_there_are_no_namespaces() {
    let (stage, tools) = contained("podman", PODMAN);
    let event = "answer = ' '.join([sys.argv[1], os.environ['MARK'], os.environ['GREETING'], os.environ['LAMBDA_TASK_ROOT']]).encode()";
    assert_eq!(stage.answer(event).await, "argument image it's \"hello\" $HOME /var/task");
    let calls = || std::fs::read_to_string(tools.join("calls")).unwrap();
    let said = calls();
    assert!(
        said.starts_with("info ") && said.contains("\nrun --rm --name lambdo-") && said.contains(" --env=AWS_LAMBDA_RUNTIME_API "),
        "{said}"
    );
    assert!(!said.contains("hello"), "values are not among the arguments: {said}");
    assert!(stage.log.text().contains("`podman` runs the image, since no Linux namespaces can be had here\n"));
    // One that hangs is ended by the engine, and so is what is idle when the cloud ends.
    let name = said.split(' ').find(|word| word.starts_with("lambdo-")).unwrap().to_owned();
    assert!(stage.error("os._exit(137)").await.contains("signal: killed"));
    stage.log.until(|text| text.contains("REPORT RequestId: request-2")).await;
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
    stage.runner.shutdown().await;
    let said = calls();
    assert!(said.contains(&format!("rm --force {name}\n")) && said.matches("\nrm --force ").count() >= 2, "{said}");
    std::fs::remove_dir_all(tools).unwrap();
}

#[tokio::test]
async fn an_engine_that_does_not_work_is_no_way_out() {
    let (stage, tools) = contained("docker", "#!/bin/sh\necho 'Cannot connect to the Docker daemon.' >&2\nexit 1\n");
    let Refusal::CannotRun { message, .. } = stage.try_run("").await.unwrap_err() else { panic!("another refusal") };
    let why = "and can have neither here (`docker` does not work: Cannot connect to the Docker daemon, no `podman` is on the PATH): ";
    assert!(message.contains("Linux namespaces") && message.contains(why), "{message}");
    std::fs::remove_dir_all(tools).unwrap();
}

/// Stands for docker, which runs no folder but what was imported.
const DOCKER: &str = r#"#!/bin/sh
folder=$(dirname "$0")
echo "$*" >> "$folder/calls"
case "$1" in
  import) mkdir "$folder/$3" && exec tar -x -f - -C "$folder/$3" ;;
  run) ;;
  *) exit 0 ;;
esac
while :; do case "$1" in lambdo-local:*) break ;; --env=*=*) export "${1#--env=}" ;; esac; shift; done
root=$folder/$1 program=$2
shift 2
exec "$root$program" "$@"
"#;

#[tokio::test]
async fn docker_is_given_an_image_once_which_goes_with_the_cloud() {
    let (mut stage, tools) = contained("docker", DOCKER);
    assert_eq!(stage.answer("answer = sys.argv[1].encode()").await, "argument");
    stage.deployment.generation = "2".into();
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
    stage.runner.shutdown().await;
    let said = std::fs::read_to_string(tools.join("calls")).unwrap();
    let count = |text: &str| said.matches(text).count();
    assert!(count("\nrun ") >= 2 && count("import - lambdo-local:code-") == count("\nrmi lambdo-local:code-"), "{said}");
    std::fs::remove_dir_all(tools).unwrap();
}

const BOTH: [Isolation; 2] = [Isolation::WherePossible, Isolation::Plain];

/// Processes with this word among their arguments.
fn processes_with(word: &str) -> usize {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        let list = std::process::Command::new("ps").args(["-axww", "-o", "args="]).output().unwrap();
        return String::from_utf8_lossy(&list.stdout).lines().filter(|line| line.contains(word)).count();
    };
    let entries = entries.flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|part| part == word.as_bytes())).count()
}

async fn until_no_process_has(word: &str) {
    let patience = Instant::now() + Duration::from_secs(20);
    while processes_with(word) > 0 {
        assert!(Instant::now() < patience, "a process survived");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A daemon: out of the process group, out of the session, deaf to signals. Only Linux finds what left
/// its process group.
fn daemon(word: &str) -> String {
    let leaves = if cfg!(target_os = "linux") { "True" } else { "False" };
    format!(
        "child = 'import signal, time\\nfor s in (1, 2, 13, 15): signal.signal(s, signal.SIG_IGN)\\nprint(1, flush=True)\\ntime.sleep(1000)'
started = subprocess.Popen([sys.executable, '-c', child, '{word}'], start_new_session={leaves}, stdout=subprocess.PIPE)
started.stdout.readline()\n"
    )
}

#[tokio::test]
async fn a_process_is_reused_and_its_log_reads_as_on_lambda() {
    for isolation in BOTH {
        let stage = Stage::python(isolation);
        assert_eq!(stage.answer("print('first line'); answer = b'{\"n\":%d}' % count").await, "{\"n\":1}");
        assert_eq!(stage.answer("print('no end', end='', flush=True); answer = b'%d' % count").await, "2");
        let invocation = Invocation { wants_tail: true, ..stage.invocation("print('over', flush=True)") };
        let outcome = stage.runner.invoke(&stage.deployment, invocation).await.unwrap();
        let tail = String::from_utf8(outcome.log_tail).unwrap();
        assert!(tail.starts_with("START RequestId: request-3 Version: $LATEST\nover\nEND RequestId: request-3\nREPORT"), "{tail}");
        let text = stage.log.text();
        assert!(text.contains("no endEND RequestId: request-2\n"), "{text}");
        assert_eq!(text.matches("INIT_START Runtime Version: provided:al2023.local\n").count(), 1);
        let report = text.lines().find(|line| line.starts_with("REPORT RequestId: request-1\tDuration: ")).unwrap();
        assert!(report.contains(" ms\tMemory Size: 128 MB\tMax Memory Used: ") && report.contains("Init Duration: "), "{report}");
        assert_eq!(text.matches("Init Duration").count(), 1);
        stage.runner.shutdown().await;
        assert_eq!(std::fs::read_dir(stage.folder.path().join("run")).unwrap().count(), 0, "its folder is gone");
        assert_eq!(stage.try_run("").await.unwrap_err(), Refusal::ShuttingDown);
    }
}

/// Takes its time.
struct Slow(Arc<Memory>);

impl LogSink for Slow {
    fn append(&self, region: &str, group: &str, stream: &str, events: Vec<LogEvent>) {
        std::thread::sleep(Duration::from_millis(300));
        self.0.append(region, group, stream, events);
    }
}

#[tokio::test]
async fn a_cloud_that_ends_right_after_an_answer_has_the_whole_log() {
    let stage = Stage::python(Isolation::WherePossible);
    let options = Options { folder: Some(stage.folder.path().join("run")), ..Options::default() };
    let runner = Runner::new(options, Arc::new(Slow(Arc::clone(&stage.log))));
    // The answer goes out 200 ms before the function asks for more.
    let event = "print('said'); call('POST', 'invocation/' + request_id + '/response', b'1'); time.sleep(0.2)";
    runner.invoke(&stage.deployment, stage.invocation(event)).await.unwrap();
    runner.shutdown().await;
    let text = stage.log.text();
    assert!(text.contains("said\nEND RequestId: request-1\nREPORT RequestId: request-1\t"), "{text}");
}

#[tokio::test]
async fn headers_tell_of_the_invocation() {
    let stage = Stage::python(Isolation::WherePossible);
    let invocation = Invocation {
        client_context: Some("{\"client\":1}".into()),
        trace_id: Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1".into()),
        qualifier: Some("live".into()),
        ..stage.invocation("answer = json.dumps({name.lower(): value for name, value in headers.items()}).encode()")
    };
    let before = jiff::Timestamp::now().as_millisecond();
    let outcome = stage.runner.invoke(&stage.deployment, invocation).await.unwrap();
    let mut headers: serde_json::Value = serde_json::from_slice(&outcome.payload).unwrap();
    let deadline: i64 = headers["lambda-runtime-deadline-ms"].take().as_str().unwrap().parse().unwrap();
    assert!((before + 2900..before + 13_000).contains(&deadline), "{deadline} {before}");
    assert_eq!(headers["lambda-runtime-aws-request-id"], "request-1");
    assert_eq!(headers["lambda-runtime-invoked-function-arn"], "arn:aws:lambda:eu-central-1:000000000000:function:f:live");
    assert_eq!(headers["lambda-runtime-client-context"], "{\"client\":1}");
    assert_eq!(headers["lambda-runtime-trace-id"], "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
}

#[tokio::test]
async fn a_function_sees_its_variables_and_lambdas_and_nothing_of_the_cloud() {
    for isolation in BOTH {
        let stage = Stage::python(isolation);
        let text = stage.answer("answer = json.dumps(dict(os.environ)).encode()").await;
        let mut seen: std::collections::BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
        let is_private = seen["LAMBDA_TASK_ROOT"] == "/var/task";
        assert!(is_private || seen.remove("TMPDIR") == seen.remove("HOME"));
        let mut vary = |name: &str| seen.remove(name).unwrap();
        assert!(vary("PATH").starts_with("/usr/local/bin:/usr/bin:/bin:/opt/bin"));
        assert!(vary("AWS_LAMBDA_RUNTIME_API").starts_with("127.0.0.1:"));
        let stream = vary("AWS_LAMBDA_LOG_STREAM_NAME");
        assert!(stream.contains("/[$LATEST]") && stage.log.0.lock().unwrap().iter().all(|(name, _)| *name == stream));
        let root = vary("LAMBDA_TASK_ROOT");
        assert_eq!(vary("LD_LIBRARY_PATH"), format!("{root}:{root}/lib:/opt/lib"));
        // Python adds its own.
        seen.remove("LC_CTYPE");
        insta::allow_duplicates! {
            insta::assert_debug_snapshot!(seen, @r#"
        {
            "AWS_ACCESS_KEY_ID": "ASIALOCALCLOUD000000",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:4567",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_REGION": "eu-central-1",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "EMPTY": "",
            "GREETING": "it's \"hello\" $HOME",
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "_HANDLER": "index.handler",
        }
        "#);
        }
    }
}

#[tokio::test]
async fn bytes_come_back_as_they_were_sent() {
    let stage = Stage::python(Isolation::WherePossible);
    let outcome = stage.run("answer = bytes(range(256)) * 4000").await;
    let expected: Vec<u8> = (0..=255u8).cycle().take(256 * 4000).collect();
    assert!(outcome.payload == expected);
    let binary = Stage::shell(
        "api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
id=$(curl -sS -D - -o /tmp/event $api/next | tr -d '\\r' | sed -n 's/^lambda-runtime-aws-request-id: //p')
curl -sS --data-binary @/tmp/event $api/$id/response\nsleep 9",
    );
    let invocation = Invocation { payload: expected.clone().into(), ..binary.invocation("") };
    let mut deployment = binary.deployment.clone();
    deployment.ephemeral_storage_mb = 512;
    assert!(binary.runner.invoke(&deployment, invocation).await.unwrap().payload == expected);
}

#[tokio::test]
async fn errors_are_the_functions_own_words() {
    let stage = Stage::python(Isolation::WherePossible);
    let body = r#"{"errorMessage":"no","errorType":"Mine"}"#;
    let fails = format!("call('POST', 'invocation/' + request_id + '/error', b'{body}')");
    assert_eq!(stage.error(&fails).await, body);
    // Its answer after the error was refused, and it goes on.
    assert_eq!(stage.answer("answer = b'%d' % count").await, "2");
}

#[tokio::test]
async fn the_runtime_api_refuses_what_is_out_of_order() {
    let stage = Stage::python(Isolation::WherePossible);
    let probe = "answers = []
def note(path, body=b''):
    response, text = call('POST', path, body)
    answers.append('%d %s' % (response.status, text.decode().strip()))
note('invocation/other/response'); note('init/error')
call('POST', 'invocation/' + request_id + '/error', b'{}')
note('invocation/' + request_id + '/response'); note('nowhere')
print('\\n'.join(answers), flush=True)";
    stage.error(probe).await;
    let text = stage.log.until(|text| text.contains("REPORT")).await;
    let told: Vec<&str> = text.lines().filter(|line| line.starts_with('4')).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}
    403 {"errorMessage":"State transition from Running to InitError failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}
    403 {"errorMessage":"State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}
    404 {"errorMessage":"The local cloud has the Runtime API only, and no such path in it","errorType":"NotFound"}
    "#);
}

#[tokio::test]
async fn the_runtime_api_answers_no_page_of_a_browser() {
    let stage = Stage::python(Isolation::WherePossible);
    let probe = "port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')[1]
def attempt(headers):
    connection.request('POST', '/2018-06-01/runtime/nowhere', b'', headers)
    response = connection.getresponse(); response.read()
    return response.status
hosts = ['127.0.0.1:' + port, 'localhost:' + port, 'localhost', 'evil.example:' + port, '127.0.0.1:1', '127.0.0.1.evil.example']
answer = json.dumps([attempt({'Host': host}) for host in hosts] + [attempt({'Origin': 'http://127.0.0.1'})]).encode()";
    assert_eq!(stage.answer(probe).await, "[404, 404, 404, 403, 403, 403, 403]");
}

#[tokio::test]
async fn an_init_error_is_tried_again_and_then_told() {
    let stage = Stage::shell(
        "echo trying
curl -sS -o /dev/null -H 'Lambda-Runtime-Function-Error-Type: Runtime.NoSuchHandler' \
  -d '{\"errorType\":\"Runtime.NoSuchHandler\",\"errorMessage\":\"none\"}' http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error
exit 1",
    );
    assert_eq!(stage.error("").await, r#"{"errorType":"Runtime.NoSuchHandler","errorMessage":"none"}"#);
    let text = stage.log.until(|text| text.contains("REPORT RequestId")).await;
    insta::assert_snapshot!(without_figures(&text), @"
    INIT_START Runtime Version: provided:al2023.local
    trying
    INIT_REPORT Init Duration: … | Phase: init | Status: error | Error Type: Runtime.NoSuchHandler
    trying
    INIT_REPORT Init Duration: … | Phase: invoke | Status: error | Error Type: Runtime.NoSuchHandler
    START RequestId: request-1 Version: $LATEST
    END RequestId: request-1
    REPORT RequestId: request-1 | Duration: … | Billed Duration: … | Memory Size: 128 MB | Status: error | Error Type: Runtime.NoSuchHandler
    ");
}

/// A log with its durations and moments taken out.
fn without_figures(text: &str) -> String {
    let mut words = Vec::new();
    for line in text.lines() {
        let line = if line.contains(" Task timed out") { line.split_once(' ').unwrap().1 } else { line };
        let figures = line.split('\t').map(|part| match part.split_once(": ") {
            Some((name, value)) if value.ends_with(" ms") || name == "Max Memory Used" => format!("{name}: …"),
            _ => part.to_owned(),
        });
        words.push(figures.collect::<Vec<_>>().join(" | ").trim_end_matches(" | ").to_owned());
    }
    words.join("\n")
}

#[tokio::test]
async fn an_init_that_is_too_slow_goes_on_within_the_invocation() {
    let slow = "import time; time.sleep(0.6)";
    let bootstrap = PYTHON.replacen("import http", &format!("{slow}\nimport http"), 1);
    let options = Options { init_limit: Duration::from_millis(400), ..Options::default() };
    let mut stage = Stage::with(options, &[Entry::File("bootstrap", 0o755, bootstrap.as_bytes())]);
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
    let text = stage.log.until(|text| text.contains("REPORT RequestId")).await;
    assert!(text.contains("\tPhase: init\tStatus: timeout\n"), "{text}");
    stage.deployment.generation = "2".into();
    stage.deployment.timeout_ms = 500;
    let error = stage.error("").await;
    assert_eq!(error, r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: request-2 Error: Task timed out after 0.50 seconds"}"#);
    assert!(stage.log.text().contains("\tPhase: invoke\tStatus: timeout\n"));
}

#[tokio::test]
async fn what_takes_too_long_is_killed_with_all_its_children() {
    for isolation in BOTH {
        let mut stage = Stage::python(isolation);
        stage.deployment.timeout_ms = 1000;
        let word = format!("lambdo-slow-{isolation:?}-{}", std::process::id());
        let hostile =
            format!("{}\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('before', flush=True)\ntime.sleep(60)", daemon(&word));
        let began = Instant::now();
        let error = stage.error(&hostile).await;
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!(
            error,
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: request-1 Error: Task timed out after 1.00 seconds"}"#
        );
        until_no_process_has(&word).await;
        assert_eq!(stage.answer("answer = b'%d' % count").await, "1", "a cold start");
        let text = stage.log.until(|text| text.contains("REPORT RequestId: request-2")).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(without_figures(&text), @"
            INIT_START Runtime Version: provided:al2023.local
            START RequestId: request-1 Version: $LATEST
            before
            request-1 Task timed out after 1.00 seconds

            END RequestId: request-1
            REPORT RequestId: request-1 | Duration: … | Billed Duration: … | Memory Size: 128 MB | Max Memory Used: … | Init Duration: … | Status: timeout
            INIT_START Runtime Version: provided:al2023.local
            START RequestId: request-2 Version: $LATEST
            END RequestId: request-2
            REPORT RequestId: request-2 | Duration: … | Billed Duration: … | Memory Size: 128 MB | Max Memory Used: … | Init Duration: …
            ");
        }
    }
}

#[tokio::test]
async fn what_a_function_leaves_behind_dies_with_its_environment() {
    for isolation in BOTH {
        let stage = Stage::python(isolation);
        let word = format!("lambdo-orphan-{isolation:?}-{}", std::process::id());
        stage.answer(&daemon(&word)).await;
        assert_eq!(processes_with(&word), 1, "it lives as long as the environment");
        assert!(stage.error("sys.exit(3)").await.contains("exit status 3"));
        until_no_process_has(&word).await;
        stage.answer(&daemon(&word)).await;
        stage.runner.shutdown().await;
        until_no_process_has(&word).await;
    }
}

#[tokio::test]
async fn crashes_are_told_and_followed_by_a_cold_start() {
    for isolation in BOTH {
        let stage = Stage::python(isolation);
        for (payload, message) in [
            ("os._exit(1)", "Runtime exited with error: exit status 1"),
            ("os._exit(0)", "Runtime exited without providing a reason"),
            ("os.abort()", "Runtime exited with error: signal: aborted"),
            ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
            ("raise Exception('not caught')", "Runtime exited with error: exit status 1"),
        ] {
            let error: serde_json::Value = serde_json::from_str(&stage.error(payload).await).unwrap();
            assert_eq!(error["errorType"], "Runtime.ExitError");
            assert!(error["errorMessage"].as_str().unwrap().ends_with(message), "{error}");
            assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
            stage.answer("answer = b'%d' % count").await;
        }
        let text = stage.log.until(|text| text.contains("REPORT RequestId: request-13")).await;
        let crash = "START RequestId: request-1 Version: $LATEST\nRequestId: request-1 Error: Runtime exited with error: exit status 1\nRuntime.ExitError\nEND RequestId: request-1\n";
        assert!(text.contains(crash), "{text}");
        assert!(text.contains("Exception: not caught\nRequestId: request-13 Error: "), "{text}");
    }
}

#[tokio::test]
async fn a_process_that_ends_after_its_answer_has_answered() {
    let stage = Stage::python(Isolation::WherePossible);
    let last = "call('POST', 'invocation/' + request_id + '/response', b'done'); os._exit(7)";
    assert_eq!(stage.answer(last).await, "done");
    stage.log.until(|text| text.contains("Error: Runtime exited with error: exit status 7\n")).await;
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
}

#[tokio::test]
async fn what_cannot_be_started_is_an_invalid_entrypoint() {
    // RISC-V, for which no emulator is looked for.
    let elf: Vec<u8> = [&[0x7f, b'E', b'L', b'F', 2][..], &[0; 13], &[243, 0], &[0; 44]].concat();
    let missing = "Couldn't find valid bootstrap(s): [";
    let table: [(Entry<'_>, &str); 4] = [
        (Entry::File("other", 0o755, b""), missing),
        (Entry::File("bootstrap", 0o644, b"#!/bin/sh\n"), "/bootstrap: permission denied"),
        (Entry::File("bootstrap", 0o755, b"#!/no/such\n"), "/bootstrap: no such file or directory"),
        (Entry::File("bootstrap", 0o755, &elf), "/bootstrap: exec format error"),
    ];
    for (entry, message) in table {
        let stage = Stage::with(Options::default(), &[entry]);
        let error: serde_json::Value = serde_json::from_str(&stage.error("").await).unwrap();
        assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint");
        assert!(error["errorMessage"].as_str().unwrap().contains(message), "{error}");
        assert!(stage.log.text().contains("Error Type: Runtime.InvalidEntrypoint\n"));
    }
}

#[tokio::test]
async fn a_megabyte_of_text_is_all_in_the_log() {
    for isolation in BOTH {
        let stage = Stage::python(isolation);
        stage.answer("for line in range(16384): print('%063d' % line)\nprint('x' * 1048576, file=sys.stderr, flush=True)").await;
        let text = stage.log.until(|text| text.contains("REPORT RequestId: request-1\t")).await;
        let lines: Vec<&str> = text.lines().filter(|line| line.len() == 63).collect();
        assert_eq!(lines.len(), 16384);
        assert!(lines.is_sorted());
        let cut = text.lines().filter(|line| line.starts_with("xx")).map(str::len);
        assert_eq!(cut.sum::<usize>(), 1_048_576);
        assert!(stage.log.0.lock().unwrap().iter().all(|(_, event)| event.message.len() <= 262_144));
        assert_eq!(stage.answer("answer = b'%d' % count").await, "2");
    }
}

#[tokio::test]
async fn an_endless_line_ends_with_the_timeout() {
    let mut stage = Stage::python(Isolation::WherePossible);
    stage.deployment.timeout_ms = 500;
    assert!(stage.error("while True: os.write(1, b'endless' * 1000)").await.contains("Task timed out after 0.50 seconds"));
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
}

#[tokio::test]
async fn an_answer_may_have_six_megabytes_and_no_more() {
    let stage = Stage::python(Isolation::WherePossible);
    assert_eq!(stage.run("answer = b'x' * 6291556").await.payload.len(), 6_291_556);
    assert_eq!(
        stage.error("answer = b'x' * 7340032").await,
        r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#
    );
    assert_eq!(stage.answer("answer = b'%d' % count").await, "3", "the process goes on");
}

#[tokio::test]
async fn a_full_disk_is_the_functions_own_problem() {
    let fill = "
import tempfile
try:
    with open(tempfile.gettempdir() + '/fill', 'wb') as file:
        for _ in range(100): file.write(b'x' * 1048576); file.flush()
    answer = b'no limit'
except OSError as error: answer = str(error.errno).encode()";
    for (isolation, expected) in BOTH.into_iter().zip(["28", "27"]) {
        let stage = Stage::python(isolation);
        let answer = stage.answer(fill).await;
        // ENOSPC on a file system of its own, EFBIG from a limit.
        assert!(answer == expected || answer == "27", "{isolation:?}: {answer}");
        let read = "answer = str(sum(len(files) for _, _, files in os.walk(os.environ.get('TMPDIR', '/tmp')))).encode()";
        assert_eq!(stage.answer(read).await, "1", "it stays between invocations");
        assert!(stage.error("os._exit(1)").await.contains("exit status 1"));
        assert_eq!(stage.answer(read).await, "0", "and goes with the environment");
    }
}

#[tokio::test]
async fn many_files_that_fill_the_disk_end_the_environment() {
    let stage = Stage::python(Isolation::Plain);
    let fill = "
for number in range(1000):
    with open(os.environ['TMPDIR'] + '/%d' % number, 'wb') as file: file.write(b'x' * 1048576)
    time.sleep(0.01)";
    assert!(stage.error(fill).await.contains("signal: killed"));
    assert!(stage.log.text().contains("grew beyond 16 MB\n"));
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn memory_beyond_the_limit_is_fatal() {
    for isolation in BOTH {
        let stage = Stage::python(isolation);
        let error = stage.error("hog = bytearray(200 * 1024 * 1024)\nfor at in range(0, len(hog), 4096): hog[at] = 1\ntime.sleep(5)").await;
        assert_eq!(
            error,
            r#"{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: request-1 Error: Runtime exited with error: signal: killed"}"#
        );
        let text = stage.log.until(|text| text.contains("REPORT")).await;
        assert!(text.contains("Max Memory Used: 128 MB\t") && text.contains("Error Type: Runtime.OutOfMemory"), "{text}");
        assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
    }
}

#[tokio::test]
async fn functions_have_neither_rights_nor_the_code() {
    for isolation in BOTH {
        let stage = Stage::python(isolation);
        let probe = "
def attempt(path):
    try: open(path, 'w').close(); return 'written'
    except OSError as error: return error.strerror
answer = json.dumps([os.getcwd() == os.environ['LAMBDA_TASK_ROOT'], os.getuid() == 0, attempt('new'), attempt('bootstrap'), attempt('/etc/lambdo')]).encode()";
        let seen: serde_json::Value = serde_json::from_str(&stage.answer(probe).await).unwrap();
        assert_eq!((&seen[0], &seen[1]), (&true.into(), &false.into()));
        let probe = "
is_private = os.environ['LAMBDA_TASK_ROOT'] == '/var/task'
mounts = [line.split()[4:6] for line in open('/proc/self/mountinfo')] if is_private else []
kernels = ('tmp', 'proc', 'dev', 'sys')
answer = ' '.join(target for target, options in mounts if options.startswith('rw') and target.split('/')[1] not in kernels).encode()";
        assert_eq!(stage.answer(probe).await, "", "these mounts can be written");
        assert!(seen.as_array().unwrap()[2..].iter().all(|outcome| outcome != "written"), "{seen}");
    }
}

#[tokio::test]
async fn invocations_at_once_get_environments_of_their_own() {
    let stage = Stage::python(Isolation::WherePossible);
    let began = Instant::now();
    let both =
        tokio::join!(stage.answer("time.sleep(0.5); answer = b'%d' % count"), stage.answer("time.sleep(0.5); answer = b'%d' % count"));
    assert_eq!(both, ("1".into(), "1".into()));
    assert!(began.elapsed() < Duration::from_secs(20));
    let streams: std::collections::BTreeSet<String> = stage.log.0.lock().unwrap().iter().map(|(stream, _)| stream.clone()).collect();
    assert_eq!(streams.len(), 2);
}

#[tokio::test]
async fn concurrency_is_limited_as_reserved_and_for_all() {
    let options = Options { most_environments: 2, ..Options::default() };
    let mut stage = Stage::with(options, &[Entry::File("bootstrap", 0o755, PYTHON.as_bytes())]);
    stage.deployment.reserved_concurrency = Some(0);
    let reserved = Refusal::TooManyRequests(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded);
    assert_eq!(stage.try_run("").await.unwrap_err(), reserved);
    stage.deployment.reserved_concurrency = Some(1);
    let pair = tokio::join!(stage.try_run("time.sleep(0.3)"), stage.try_run("time.sleep(0.3)"));
    assert!(pair.0.is_ok());
    assert_eq!(pair.1.unwrap_err(), reserved);
    for _ in 0..5 {
        stage.answer("").await;
    }
    stage.deployment.reserved_concurrency = None;
    let three = tokio::join!(stage.try_run("time.sleep(0.3)"), stage.try_run("time.sleep(0.3)"), stage.try_run("time.sleep(0.3)"));
    let refused: Vec<Refusal> = [three.0, three.1, three.2].into_iter().filter_map(Result::err).collect();
    assert_eq!(refused, [Refusal::TooManyRequests(ThrottleReason::ConcurrentInvocationLimitExceeded)]);
    // Idle environments of others make way.
    let mut other = stage.deployment.clone();
    other.arn += "2";
    assert!(stage.runner.invoke(&other, stage.invocation("")).await.is_ok());
}

#[tokio::test]
async fn an_update_ends_the_environments_of_before() {
    let mut stage = Stage::python(Isolation::WherePossible);
    let word = format!("lambdo-old-{}", std::process::id());
    stage.answer(&daemon(&word)).await;
    stage.deployment.generation = "2".into();
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
    until_no_process_has(&word).await;
    stage.answer(&daemon(&word)).await;
    stage.runner.retire(&stage.deployment.arn).await;
    assert_eq!(processes_with(&word), 0, "it is gone by then");
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
}

#[tokio::test]
async fn an_environment_without_work_ends() {
    let options = Options { idle: Duration::from_millis(200), ..Options::default() };
    let stage = Stage::with(options, &[Entry::File("bootstrap", 0o755, PYTHON.as_bytes())]);
    let word = format!("lambdo-idle-{}", std::process::id());
    stage.answer(&daemon(&word)).await;
    until_no_process_has(&word).await;
    assert_eq!(stage.answer("answer = b'%d' % count").await, "1");
}

#[tokio::test]
async fn an_invocation_goes_on_without_its_caller() {
    let stage = Stage::python(Isolation::WherePossible);
    let call = stage.try_run("time.sleep(0.3); print('to the end', flush=True)");
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    let text = stage.log.until(|text| text.contains("REPORT")).await;
    assert!(text.contains("to the end\n"));
    assert_eq!(stage.answer("answer = b'%d' % count").await, "2");
}

#[tokio::test]
async fn what_is_missing_is_named_with_the_command_that_brings_it() {
    let mut stage = Stage::python(Isolation::WherePossible);
    stage.deployment.layers = vec![Layer { arn: "arn:aws:lambda:eu-central-1:1:layer:x:1".into(), package: None }];
    stage.answer("").await;
    assert!(stage.log.text().contains(
        "The local cloud has no layers of other accounts: the function runs without `arn:aws:lambda:eu-central-1:1:layer:x:1`\n"
    ));
    for (runtime, part) in [("java21", "not `java21`; deploy the function to AWS"), ("ruby3.4", "not `ruby3.4`")] {
        stage.deployment.runtime = runtime.into();
        stage.deployment.generation = runtime.into();
        let Refusal::CannotRun { code, message } = stage.try_run("").await.unwrap_err() else { panic!("{runtime}") };
        assert_eq!(code, "InvalidRuntimeException");
        assert!(message.contains(part), "{message}");
    }
    std::fs::write(&stage.deployment.code, "no zip").unwrap();
    stage.deployment.code_sha256 = "other".into();
    stage.deployment.generation = "broken".into();
    let Refusal::CannotRun { code, .. } = stage.try_run("").await.unwrap_err() else { panic!() };
    assert_eq!(code, "InvalidZipFileException");
}

/// The version of the Python that functions find first.
fn python_version() -> String {
    let question = "import sys; print('%d.%d' % sys.version_info[:2])";
    let output = std::process::Command::new("python3").args(["-c", question]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn python_handlers_run_through_the_runtime_client_of_the_package() {
    // A client that does what AWS's does: the module is run with the handler as its argument.
    let client = PYTHON.replace("exec(event, globals())", "answer = json.dumps(sys.argv[1:] + [os.environ['AWS_EXECUTION_ENV']]).encode()");
    let entries = [Entry::File("awslambdaric/__init__.py", 0o644, b""), Entry::File("awslambdaric/__main__.py", 0o644, client.as_bytes())];
    let mut stage = Stage::with(Options::default(), &entries);
    let version = python_version();
    stage.deployment.runtime = format!("python{version}");
    for _ in 0..2 {
        assert_eq!(stage.answer("").await, format!(r#"["index.handler", "AWS_Lambda_python{version}"]"#));
        stage.deployment.generation += "+";
    }
}

#[tokio::test]
async fn node_handlers_run_through_the_runtime_client_of_the_package() {
    let description = br#"{"bin":{"aws-lambda-ric":"./bin/index.mjs"}}"#;
    let client = b"const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/invocation/';
for (;;) {
  const next = await fetch(api + 'next');
  const id = next.headers.get('lambda-runtime-aws-request-id');
  await fetch(api + id + '/response', { method: 'POST', body: process.argv[2] + await next.text() });
}";
    let package = "node_modules/aws-lambda-ric/package.json";
    let entries = [Entry::File(package, 0o644, description), Entry::File("node_modules/aws-lambda-ric/bin/index.mjs", 0o644, client)];
    let mut stage = Stage::with(Options::default(), &entries);
    // Older than any: the machine's own Node.js runs it, and the log says so.
    stage.deployment.runtime = "nodejs1.x".into();
    stage.deployment.memory_mb = 512;
    assert_eq!(stage.answer("{}").await, "index.handler{}");
    assert!(stage.log.until(|text| text.contains("REPORT")).await.contains("`nodejs1.x` runs on Node.js "));
}

#[tokio::test]
async fn python_handlers_need_no_runtime_client() {
    let handler = b"import logging, os, sys
logging.getLogger().setLevel('INFO')
def handler(event, context):
    if event.get('fail'): raise ValueError('no')
    logging.info('deadline %s', context.get_remaining_time_in_millis() > 0)
    return {'event': event, 'id': context.aws_request_id, 'arn': context.invoked_function_arn}
def odd(event, context): return object()";
    let broken = Entry::File("broken.py", 0o644, b"def handler(");
    let mut stage = Stage::with(Options::default(), &[Entry::File("src/index.py", 0o644, handler), broken]);
    // Newer than any: the machine's own Python runs it, and the log says so.
    stage.deployment.runtime = "python3.99".into();
    stage.deployment.handler = "src/index.handler".into();
    assert_eq!(
        stage.answer("{\"a\": 1}").await,
        r#"{"event": {"a": 1}, "id": "request-1", "arn": "arn:aws:lambda:eu-central-1:000000000000:function:f"}"#
    );
    let error = stage.error("{\"fail\": true}").await;
    assert!(error.starts_with(r#"{"errorMessage": "no", "errorType": "ValueError", "requestId": "request-2""#), "{error}");
    for (handler, kind) in [
        ("src/index.odd", "Runtime.MarshalError"),
        ("src/index.none", "Runtime.HandlerNotFound"),
        ("missing.handler", "Runtime.ImportModuleError"),
        ("broken.handler", "Runtime.UserCodeSyntaxError"),
        ("handler", "Runtime.MalformedHandlerName"),
    ] {
        stage.deployment.handler = handler.into();
        stage.deployment.generation = handler.into();
        let error = stage.error("{}").await;
        assert!(error.contains(kind), "{error}");
    }
    let text = stage.log.until(|text| text.contains("Error Type: Runtime.ImportModuleError")).await;
    assert!(
        text.contains("`python3.99` runs on Python ") && text.contains("\trequest-1\tdeadline True\nEND RequestId: request-1\n"),
        "{text}"
    );
}

#[tokio::test]
async fn node_handlers_need_no_runtime_client() {
    let module = b"export const handler = async (event, context) => {
  if (event.fail) throw new RangeError('no');
  console.log('left', context.getRemainingTimeInMillis() > 0);
  return { event, id: context.awsRequestId };
};
export const nothing = () => {};";
    let older = b"exports.handler = (event, context, callback) => callback(null, [context.functionName]);";
    let entries =
        [Entry::File("src/index.mjs", 0o644, module), Entry::File("older.js", 0o644, older), Entry::File("broken.mjs", 0o644, b"export {")];
    let mut stage = Stage::with(Options::default(), &entries);
    (stage.deployment.runtime, stage.deployment.handler) = ("nodejs99.x".into(), "src/index.handler".into());
    stage.deployment.memory_mb = 512;
    assert_eq!(stage.answer("{\"a\": 1}").await, r#"{"event":{"a":1},"id":"request-1"}"#);
    let error = stage.error("{\"fail\": true}").await;
    assert!(error.starts_with(r#"{"errorType":"RangeError","errorMessage":"no","trace":["RangeError: no""#), "{error}");
    for (runtime, handler, answer) in [("nodejs99.x", "src/index.nothing", "null"), ("nodejs22.x", "older.handler", r#"["f"]"#)] {
        stage.deployment.runtime = runtime.into();
        (stage.deployment.handler, stage.deployment.generation) = (handler.into(), handler.into());
        assert_eq!(stage.answer("{}").await, answer);
    }
    stage.deployment.runtime = "nodejs24.x".into();
    for (handler, kind) in [
        ("older.handler", "Runtime.CallbackHandlerDeprecated"),
        ("src/index.none", "Runtime.HandlerNotFound"),
        ("missing.handler", "Runtime.ImportModuleError"),
        ("broken.handler", "Runtime.UserCodeSyntaxError"),
    ] {
        (stage.deployment.handler, stage.deployment.generation) = (handler.into(), kind.into());
        let error = stage.error("{}").await;
        assert!(error.contains(kind), "{error}");
    }
    let text = stage.log.until(|text| text.contains("Error Type: Runtime.ImportModuleError")).await;
    assert!(text.contains("`nodejs99.x` runs on Node.js ") && text.contains("\trequest-1\tINFO\tleft true\n"), "{text}");
}

/// Names an executable that is measured instead of the Python one.
const MEASURED: &str = "LAMBDO_TEST_MEASURED_BOOTSTRAP";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, for a release build; it prints"]
async fn warm_invocations_are_measured() {
    for isolation in BOTH {
        let bootstrap = std::env::var(MEASURED).map_or_else(|_| PYTHON.into(), |path| std::fs::read(path).unwrap());
        let stage = Stage::with(Options { isolation, ..Options::default() }, &[Entry::File("bootstrap", 0o755, &bootstrap)]);
        let mut cold = Vec::new();
        for _ in 0..10 {
            let began = Instant::now();
            stage.run("").await;
            cold.push(began.elapsed());
            stage.runner.retire(&stage.deployment.arn).await;
        }
        stage.run("").await;
        let mut warm = Vec::new();
        for _ in 0..1000 {
            let began = Instant::now();
            stage.run("").await;
            warm.push(began.elapsed());
        }
        warm.sort();
        cold.sort();
        println!("{isolation:?}: warm p50 {:?}, p99 {:?}; cold p50 {:?}", warm[500], warm[990], cold[5]);
        let starts = stage.log.until(|text| text.contains("REPORT RequestId: request-1011\t")).await.matches("INIT_START").count();
        assert_eq!(starts, 11, "one process for all that is warm");
    }
}

/// Where the cloud that is going to be killed has its folder; only set for it.
const DOOMED: &str = "LAMBDO_TEST_DOOMED_CLOUD";

#[tokio::test]
#[ignore = "it is the process that the next test kills"]
async fn a_cloud_that_is_going_to_be_killed() {
    let Ok(setting) = std::env::var(DOOMED) else { return };
    let (folder, word) = setting.split_once('|').unwrap();
    let isolation = if word.contains("Plain") { Isolation::Plain } else { Isolation::WherePossible };
    let stage = Stage::with(Options { isolation, ..Options::default() }, &[Entry::File("bootstrap", 0o755, PYTHON.as_bytes())]);
    let options = Options { isolation, folder: Some(Path::new(folder).join("run")), ..Options::default() };
    let runner = Runner::new(options, Arc::<Memory>::clone(&stage.log));
    let mut deployment = stage.deployment.clone();
    deployment.timeout_ms = 60_000;
    let _ = runner.invoke(&deployment, stage.invocation(&format!("{}time.sleep(60)", daemon(word)))).await;
}

#[tokio::test]
async fn nothing_outlives_a_cloud_that_is_killed() {
    for isolation in BOTH {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let word = format!("lambdo-doomed-{isolation:?}-{}", std::process::id());
        let test = "local::run::tests::a_cloud_that_is_going_to_be_killed";
        let mut cloud = tokio::process::Command::new(std::env::current_exe().unwrap());
        cloud.args(["--exact", test, "--ignored"]).env(DOOMED, format!("{}|{word}", folder.path().display()));
        let mut cloud = cloud.stdout(std::process::Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let patience = Instant::now() + Duration::from_secs(10);
        while processes_with(&word) == 0 {
            assert!(Instant::now() < patience, "it did not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cloud.kill().await.unwrap();
        until_no_process_has(&word).await;
        while std::fs::read_dir(folder.path().join("run")).unwrap().count() > 0 {
            assert!(Instant::now() < patience, "its folder is left");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn layers_lie_below_opt_in_their_order_and_their_programs_are_found() {
    for isolation in BOTH {
        let mut stage = Stage::with(Options { isolation, ..Options::default() }, &[Entry::File("bootstrap", 0o755, PYTHON.as_bytes())]);
        let zips: Vec<PathBuf> = ["lower", "upper"].map(|name| stage.folder.path().join(format!("{name}.zip"))).into();
        let lower = [Entry::File("bin/lambdo-layer-tool", 0o755, b"#!/bin/sh\necho tool"), Entry::File("data", 0o644, b"lower")];
        std::fs::write(&zips[0], zip_of(&lower)).unwrap();
        std::fs::write(&zips[1], zip_of(&[Entry::File("data", 0o644, b"upper")])).unwrap();
        stage.deployment.layers =
            zips.iter().map(|zip| Layer { arn: "arn".into(), package: Some((zip.clone(), zip.display().to_string())) }).collect();
        let script = "import subprocess, shutil; tool = shutil.which('lambdo-layer-tool'); \
            data = open(os.path.dirname(os.path.dirname(tool)) + '/data').read(); \
            answer = (subprocess.check_output([tool], text=True).strip() + ' ' + data).encode()";
        assert_eq!(stage.answer(script).await, "tool upper", "{isolation:?}");
    }
}
