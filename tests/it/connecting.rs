//! What keeps lambdo from working in an account is said by name, before anything is called where that can be
//! known, and before the end of a build where it cannot.

use crate::support::process::until_no_process_has;
use crate::support::{Rule, Sandbox, World, spec};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const PROFILES: &str = "\
[default]
region = eu-central-1
[profile dev]
region = eu-central-1
aws_access_key_id = a
aws_secret_access_key = b
[profile guarded]
region = eu-central-1
role_arn = arn:aws:iam::123456789012:role/deploy
source_profile = dev
mfa_serial = arn:aws:iam::123456789012:mfa/me
[profile behind-it]
role_arn = arn:aws:iam::123456789012:role/other
source_profile = guarded
[profile single]
region = eu-central-1
sso_session = corp
sso_account_id = 123456789012
sso_role_name = deploy
[sso-session corp]
sso_region = eu-central-1
sso_start_url = https://corp.example/start
";

/// A good spec in a folder whose AWS settings are all its own.
fn sandbox(world: &World, variables: &[(&str, &str)]) -> Sandbox {
    let mut sandbox = world.sandbox(&("project = \"demo\"\n\n".to_owned() + &spec::scheduled("a")));
    sandbox.write("aws-config", PROFILES);
    let config = sandbox.path().join("aws-config").display().to_string();
    sandbox.variable("AWS_CONFIG_FILE", &config);
    variables.iter().for_each(|(name, value)| sandbox.variable(name, value));
    sandbox
}

const WITHOUT_KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];

/// Variables, the exit code, and what must be said.
type Case = (&'static [(&'static str, &'static str)], i32, &'static [&'static str]);
/// Status, code and message of AWS's answer, variables, and what must be said.
type Refusal = (u16, &'static str, &'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn what_the_settings_lack_is_said_without_a_call() {
    let world = World::without_cloud();
    let cases: &[Case] = &[
        (
            &[("AWS_REGION", ""), ("AWS_PROFILE", "nothing")],
            6,
            &["`AWS_REGION` and `AWS_DEFAULT_REGION` are not set", "`nothing`", "--region"],
        ),
        (&[("AWS_PROFILE", "devv")], 6, &["`devv` (from `AWS_PROFILE`)", "did you mean `dev`?", "`behind-it`, `default`, `dev`"]),
        (&[("LAMBDO_PROFILE", "guarded")], 6, &["`guarded` has `mfa_serial`", "aws configure export-credentials --profile guarded"]),
        (&[("LAMBDO_PROFILE", "behind-it")], 6, &["`guarded` has `mfa_serial`"]),
        (&[("LAMBDO_PROFILE", "single")], 1, &["aws sso login --profile single"]),
        (
            &[],
            1,
            &[
                "There are no AWS credentials",
                "`AWS_ACCESS_KEY_ID`",
                "the AWS profile `default` names none",
                "`AWS_WEB_IDENTITY_TOKEN_FILE`",
            ],
        ),
    ];
    for (variables, code, said) in cases {
        let mut all = WITHOUT_KEYS.to_vec();
        // The first case is about a region, for which keys must be there.
        if variables.first().is_some_and(|(name, _)| *name == "AWS_REGION") {
            all.clear();
        }
        all.extend_from_slice(variables);
        let sandbox = sandbox(&world, &all);
        for command in [&["up", "--yes"][..], &["plan"], &["drift"], &["destroy", "--yes"]] {
            let output = sandbox.expect(*code, command);
            said.iter().fold(output, |output, text| output.says(text));
        }
        assert!(!sandbox.state_file().exists());
    }
    assert!(world.proxy.calls().is_empty(), "{:?}", world.proxy.tally());
}

#[cfg(unix)]
#[test]
fn profiles_in_something_without_an_end_are_refused() {
    let world = World::without_cloud();
    let mut sandbox = sandbox(&world, &WITHOUT_KEYS);
    let pipe = sandbox.path().join("pipe").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, said) in [(pipe.as_str(), "is no file"), ("/dev/zero", "is no file")] {
        sandbox.variable("AWS_CONFIG_FILE", path);
        sandbox.expect(6, &["plan"]).says(said);
    }
    sandbox.variable("AWS_CONFIG_FILE", "/dev/null");
    sandbox.expect(1, &["plan"]).says("There are no AWS credentials");
}

#[test]
fn what_aws_refuses_is_told_with_its_code_and_what_to_do() {
    let world = World::without_cloud();
    let cases: &[Refusal] = &[
        (
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
            &[("AWS_SESSION_TOKEN", "x")],
            &["(`AWS_SESSION_TOKEN`)"],
        ),
        (
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            &[],
            &["`AWS_ACCESS_KEY_ID`", "aws sts get-caller-identity"],
        ),
        (403, "SignatureDoesNotMatch", "Signature expired", &[], &["clock"]),
        (
            403,
            "AccessDenied",
            "User: arn:aws:iam::1:user/a is not authorized to perform: sts:GetCallerIdentity with an explicit deny in a service control policy",
            &[],
            &["with an explicit deny in a service control policy", "organization"],
        ),
    ];
    for (status, code, message, variables, said) in cases {
        let sandbox = sandbox(&world, variables);
        world.proxy.rules([Rule::any().refuse(*status, code, *message)]);
        let output = sandbox.expect(1, &["plan"]).says("sts:GetCallerIdentity").says(code).says("comes from");
        said.iter().fold(output, |output, text| output.says(text));
    }
}

#[test]
fn an_endpoint_that_does_not_answer_is_named_with_where_it_comes_from() {
    let world = World::without_cloud();
    let mut sandbox = sandbox(&world, &[("LAMBDO_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]);
    sandbox.expect(1, &["plan"]).says("nothing listens at `http://127.0.0.1:9`").says("comes from the variable `AWS_ENDPOINT_URL`");
    sandbox.variable("HTTP_PROXY", "http://me:secret@127.0.0.1:9");
    sandbox.variable("AWS_ENDPOINT_URL", "http://aws.example");
    let output = sandbox.expect(1, &["plan"]).says("the proxy `http://127.0.0.1:9`, since `HTTP_PROXY` is set");
    assert!(!output.stderr.contains("secret"), "{output}");
    sandbox.variable("HTTP_PROXY", "");
    let plain = world.proxy.url.replace("http://", "https://");
    sandbox.variable("AWS_ENDPOINT_URL", &plain);
    sandbox.expect(1, &["plan"]).says("`http://`");
}

/// A server that begins each answer like this and goes on with one letter for as long as anybody reads.
fn endless(beginning: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // It ends with the test's process.
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 65_536];
                let mut goes_on = connection.read(&mut request).is_ok() && connection.write_all(beginning.as_bytes()).is_ok();
                while goes_on {
                    goes_on = connection.write_all(&[b'a'; 65_536]).is_ok();
                }
            });
        }
    });
    address
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let world = World::without_cloud();
    for beginning in ["HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP/1.1 200 OK\r\nX-A: "] {
        let sandbox = sandbox(&world, &[("LAMBDO_ENDPOINT_URL", &endless(beginning))]);
        let output = sandbox.run_with_limits(&["--as=1500000000"], &["plan"]).expect(1);
        assert!(output.stderr.contains("sts:GetCallerIdentity") && !output.stderr.contains("panicked"), "{beginning}: {output}");
    }
}

/// A build that takes a minute in a child of its own.
const SLOW_BUILD: &str = "touch begun; sh -c 'sleep 60; true'; touch done";

#[test]
fn a_build_is_stopped_when_nobody_gets_in() {
    let world = World::without_cloud();
    let sandbox = sandbox(&world, &[]);
    let build = format!("build = {{ kind = \"command\", command = \"{SLOW_BUILD}\", output = \"bootstrap\" }}");
    sandbox.edit("code = { file = \"bootstrap\" }", &build);
    world.proxy.rules([Rule::any().refuse(403, "InvalidClientTokenId", "The security token is invalid")]);
    world.proxy.latency(Duration::from_secs(1));
    let started = Instant::now();
    sandbox.expect(1, &["up", "--yes"]).says("InvalidClientTokenId");
    assert!(started.elapsed() < Duration::from_secs(50), "the build was waited for");
    assert!(sandbox.path().join("begun").exists(), "it is built while AWS is asked");
    // Its home is in their environment.
    until_no_process_has(&sandbox.path().display().to_string(), Duration::from_secs(10));
    assert!(!sandbox.path().join("done").exists());
}

#[test]
fn a_file_that_is_missing_is_said_before_anybody_is_called_and_anything_is_built() {
    let world = World::without_cloud();
    let sandbox = sandbox(&world, &[]);
    let more = spec::scheduled("b").replace("code = { file = \"bootstrap\" }", "code = { file = \"missing\" }");
    let text = std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap() + &more;
    let build = format!("build = {{ kind = \"command\", command = \"{SLOW_BUILD}\", output = \"bootstrap\" }}");
    sandbox.spec(&text.replace("code = { file = \"bootstrap\" }", &build));
    sandbox.expect(6, &["up", "--yes"]).says("missing");
    assert!(world.proxy.calls().is_empty() && !sandbox.path().join("begun").exists());
}
