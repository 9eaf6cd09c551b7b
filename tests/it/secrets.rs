//! Secrets reach the functions, and nothing else that a run leaves behind.

use crate::formats::fits;
use crate::support::{Backend, Output, Rule, Sandbox, World, on_each_emulator, spec};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;

on_each_emulator!(
    a_secret_is_applied_followed_when_it_is_rotated_and_never_written_down,
    parameters_and_secrets_of_aws_are_looked_up,
    a_refusal_that_quotes_a_secret_tells_nothing_of_it,
);

/// Where in a value it is looked for: a cut quote has a piece of it.
const PIECES: [usize; 3] = [0, 40, 400];
const PIECE: usize = 24;

/// Fails when a piece of a secret stands in what was printed or in any file below the project, but for its own source.
#[track_caller]
fn nowhere(sandbox: &Sandbox, output: &Output, secret: &str, source: &str) {
    let pieces: Vec<&str> =
        PIECES.iter().filter_map(|at| secret.get(*at..(at + PIECE).min(secret.len())).filter(|piece| piece.len() > 5)).collect();
    let mut texts = vec![("what was printed".to_owned(), format!("{}{}", output.stdout, output.stderr))];
    collect(sandbox.path(), &mut texts);
    for (place, text) in texts.iter().filter(|(place, _)| !place.ends_with(source)) {
        for piece in &pieces {
            assert!(!text.contains(piece), "`{piece}` stands in {place}");
        }
    }
}

fn collect(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The local cloud is AWS here, and AWS has the value.
        if path.is_dir() && !path.ends_with("cloud") {
            collect(&path, texts);
        } else if path.is_file() {
            texts.push((path.display().to_string(), String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()));
        }
    }
}

fn with(environment: &str) -> String {
    spec::header() + &spec::plain("a").replace("code =", &format!("environment = {{ LOG_LEVEL = \"info\", {environment} }}\ncode ="))
}

fn variable(world: &World, name: &str) -> Option<String> {
    let function = world.cloud.done(world.cloud.lambda.get_function_configuration().function_name("demo-a").send());
    function.environment()?.variables()?.get(name).cloned()
}

fn a_secret_is_applied_followed_when_it_is_rotated_and_never_written_down(backend: Backend) {
    let world = World::start(backend);
    let mut sandbox = world.sandbox(&with("TOKEN = { env = \"DEPLOY_TOKEN\" }, PASSWORD = { file = \"password.txt\" }"));
    let (first, password) = ("first-token-of-the-project", "hunter2\"with\\odd\nlines");
    sandbox.write("password.txt", &format!("{password}\n"));
    let missing = sandbox.expect(1, &["up", "--yes"]).says("environment variable `DEPLOY_TOKEN` is not set");
    assert!(missing.stderr.contains("function.a") && world.proxy.mutating() == 0, "{missing}");
    sandbox.expect(0, &["plan"]).says("it is taken for what was applied");
    sandbox.variable("DEPLOY_TOKEN", first);
    for command in [
        &["plan", "-v", "--out", "saved.json"][..],
        &["up", "--plan", "saved.json", "--yes", "-v", "--events", "events.jsonl"],
        &["plan", "--exit-code", "--format", "json"],
        &["drift", "--format", "json"],
        &["state", "show", "function.a"],
        &["runs", "show", "-v"],
        &["spec"],
    ] {
        let output = sandbox.expect(0, command);
        nowhere(&sandbox, &output, first, "none");
        nowhere(&sandbox, &output, password, "password.txt");
    }
    assert_eq!((variable(&world, "TOKEN").as_deref(), variable(&world, "PASSWORD").as_deref()), (Some(first), Some(password)));
    assert_eq!(variable(&world, "LOG_LEVEL").as_deref(), Some("info"));

    // Another value in the same source is told as that.
    let second = "second-token-of-the-project";
    sandbox.variable("DEPLOY_TOKEN", second);
    let plan =
        sandbox.expect(2, &["plan", "--exit-code"]).says("environment.TOKEN: (secret, rotated: environment variable `DEPLOY_TOKEN`)");
    nowhere(&sandbox, &plan, second, "none");
    let document = fits(&sandbox.expect(0, &["plan", "--format", "json"]));
    let change = &document["steps"].as_array().unwrap().iter().find(|step| step["address"] == "function.a").unwrap()["changes"][0];
    assert_eq!((&change["cause"], &change["desired"]), (&"source".into(), &serde_json::json!({ "$secret": "rotated" })), "{document:#}");
    let up = sandbox.expect(0, &["up", "--yes"]);
    nowhere(&sandbox, &up, second, "none");
    assert_eq!(variable(&world, "TOKEN").as_deref(), Some(second));
    sandbox.expect(0, &["plan", "--exit-code"]);

    // Somebody changes it in AWS: the value is drift, and still nobody's to see.
    let theirs = "a-token-from-the-console";
    // The value of before is kept elsewhere, and is a secret there, too, whoever may have another one by now.
    let copy = format!("https://example.test/?token={second}");
    let variables = [("LOG_LEVEL", second), ("COPY", copy.as_str()), ("TOKEN", theirs), ("PASSWORD", password)];
    let environment = aws_sdk_lambda::types::Environment::builder();
    let environment = variables.iter().fold(environment, |all, (name, value)| all.variables(*name, *value)).build();
    world.cloud.configure("demo-a", |call| call.environment(environment.clone()));
    let drift = sandbox.expect(3, &["drift"]).says("environment.TOKEN: (secret, changed in AWS)");
    nowhere(&sandbox, &drift, theirs, "none");
    for token in [second, theirs] {
        sandbox.variable("DEPLOY_TOKEN", token);
        for command in [&["drift"][..], &["drift", "--format", "json"], &["plan"], &["plan", "--format", "json", "--out", "saved.json"]] {
            let output = sandbox.run(command);
            nowhere(&sandbox, &output, second, "none");
            nowhere(&sandbox, &output, theirs, "none");
        }
    }
    sandbox.variable("DEPLOY_TOKEN", second);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(variable(&world, "TOKEN").as_deref(), Some(second));

    // Another source with the same value changes nothing.
    sandbox.write("token.txt", second);
    sandbox.edit("{ env = \"DEPLOY_TOKEN\" }", "{ file = \"token.txt\" }");
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["up", "--yes"]);
    let gone = sandbox.expect(0, &["destroy", "--yes"]);
    nowhere(&sandbox, &gone, second, "token.txt");
}

#[test]
fn a_state_that_is_rebuilt_holds_no_variable_that_the_spec_does_not_name() {
    let world = World::start(Backend::Local);
    let mut sandbox = world.sandbox(&with("TOKEN = { env = \"DEPLOY_TOKEN\" }"));
    let token = "the-token-of-the-project";
    sandbox.variable("DEPLOY_TOKEN", token);
    sandbox.expect(0, &["up", "--yes"]);
    std::fs::remove_dir_all(sandbox.path().join("state/history")).ok();
    std::fs::remove_file(sandbox.state_file()).unwrap();
    sandbox.edit(", TOKEN = { env = \"DEPLOY_TOKEN\" }", "");
    // A harmless variable that has much in common with what is everywhere.
    let environment = aws_sdk_lambda::types::Environment::builder().variables("LOG_LEVEL", "info").variables("TOKEN", token);
    let environment = environment.variables("TOPIC", "arn:aws:sns:eu-central-1:000000000000:alerts").build();
    world.cloud.configure("demo-a", |call| call.environment(environment.clone()));
    let rebuilt = sandbox.expect(0, &["state", "rebuild"]).says("environment.TOKEN");
    nowhere(&sandbox, &rebuilt, token, "none");
    let plan = sandbox.expect(0, &["plan", "--format", "json"]);
    nowhere(&sandbox, &plan, token, "none");
    let drift = sandbox.expect(0, &["drift"]);
    nowhere(&sandbox, &drift, token, "none");
    assert!(std::fs::read_to_string(sandbox.state_file()).unwrap().contains("Statement"), "the role's rights are known");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((variable(&world, "TOKEN"), variable(&world, "TOPIC")), (None, None));
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_secret_that_somebody_copied_to_where_none_is_expected_gets_into_no_file() {
    let world = World::start(Backend::Local);
    let mut sandbox = world.sandbox(&(with("TOKEN = { env = \"DEPLOY_TOKEN\" }") + &spec::plain("b")));
    let secret = "foo-bar-baz-secret-of-the-project";
    sandbox.variable("DEPLOY_TOKEN", secret);
    sandbox.expect(0, &["up", "--yes"]);
    let environment = aws_sdk_lambda::types::Environment::builder().variables("COPIED", secret).build();
    world.cloud.configure("demo-b", |call| call.environment(environment.clone()).description(format!("s {secret}")));
    let spec = std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap();
    let refused = sandbox.expect(3, &["drift", "--accept", "--yes"]).says("a secret stands in it");
    nowhere(&sandbox, &refused, secret, "none");
    assert_eq!(std::fs::read_to_string(sandbox.path().join("config.toml")).unwrap(), spec);
    for _ in 0..2 {
        let looked = sandbox.expect(3, &["daemon", "--once"]);
        nowhere(&sandbox, &looked, secret, "none");
    }
    let memory: Value = serde_json::from_str(&std::fs::read_to_string(sandbox.path().join("state/daemon/demo.json")).unwrap()).unwrap();
    let moments = memory["timeline"].as_array().unwrap();
    let of_kind = |kind: &str| moments.iter().filter(|moment| moment["kind"] == kind).count();
    assert_eq!((of_kind("opened"), of_kind("changed")), (2, 0), "a finding is known again: {memory:#}");
    // The plan is kept without them, and holds all the same.
    let planned = sandbox.expect(0, &["plan", "--out", "saved.json"]);
    nowhere(&sandbox, &planned, secret, "none");
    let up = sandbox.expect(0, &["up", "--plan", "saved.json", "--yes"]);
    nowhere(&sandbox, &up, secret, "none");
    // What is imported or found again gets into the state without them.
    world.cloud.configure("demo-b", |call| call.environment(environment.clone()).description(format!("s {secret}")));
    sandbox.expect(0, &["state", "forget", "function.b"]);
    sandbox.expect(0, &["import", "function.b", "demo-b"]);
    let planned = sandbox.expect(0, &["plan", "--out", "saved.json"]).says("description");
    nowhere(&sandbox, &planned, secret, "none");
    std::fs::remove_file(sandbox.state_file()).unwrap();
    let rebuilt = sandbox.expect(0, &["state", "rebuild"]).says("description");
    nowhere(&sandbox, &rebuilt, secret, "none");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_lost_key_of_the_hashes_makes_secrets_differ_once() {
    let world = World::start(Backend::Local);
    let mut sandbox = world.sandbox(&with("TOKEN = { env = \"DEPLOY_TOKEN\" }"));
    sandbox.variable("DEPLOY_TOKEN", "short-1");
    sandbox.expect(0, &["up", "--yes"]);
    let key = sandbox.path().join("state/demo.key");
    let kept = std::fs::read_to_string(&key).unwrap();
    let state = std::fs::read_to_string(sandbox.state_file()).unwrap();
    assert!(kept.trim().len() == 64 && !state.contains(kept.trim()));
    sandbox.expect(0, &["drift"]);
    std::fs::remove_file(&key).unwrap();
    sandbox.expect(3, &["drift"]).says("environment.TOKEN");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["drift"]);
    assert_ne!(std::fs::read_to_string(&key).unwrap(), kept);
}

#[test]
fn a_secret_that_is_the_projects_name_tears_no_document_apart() {
    let world = World::start(Backend::Local);
    let mut sandbox = world.sandbox(&with("TOKEN = { env = \"DEPLOY_TOKEN\" }"));
    for value in ["demo", "create", "abc"] {
        sandbox.variable("DEPLOY_TOKEN", value);
        let up = sandbox.expect(0, &["up", "--yes", "--format", "json"]).says("A secret is too weak to be hidden");
        let document = fits(&up);
        let steps = document["steps"].as_array().unwrap();
        assert!(document["project"] == "demo" && steps.iter().any(|step| step["address"] == "function.a"), "{document:#}");
        assert!(!up.stdout.contains("(secret)"), "{up}");
    }
}

#[test]
fn a_secret_that_looks_like_json_leaves_documents_whole() {
    let world = World::start(Backend::Local);
    let mut sandbox = world.sandbox(&with("TOKEN = { env = \"DEPLOY_TOKEN\" }"));
    for value in ["null", "true", "false"] {
        sandbox.variable("DEPLOY_TOKEN", value);
        fits(&sandbox.expect(0, &["up", "--yes", "--format", "json", "--events", "events.jsonl"]));
        let events = std::fs::read_to_string(sandbox.path().join("events.jsonl")).unwrap();
        events.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).unwrap()));
    }
}

fn a_refusal_that_quotes_a_secret_tells_nothing_of_it(backend: Backend) {
    let world = World::start(backend);
    let mut sandbox = world.sandbox(&with("TOKEN = { env = \"LARGE\" }, PLAIN = \"a plain value of some length that nobody has to read\""));
    let secret: String = (0..30_000_u32).map(|number| char::from(b'a' + u8::try_from(number.wrapping_mul(number) % 26).unwrap())).collect();
    sandbox.variable("LARGE", &secret);
    let quoted =
        serde_json::json!({ "LOG_LEVEL": "info", "PLAIN": "a plain value of some length that nobody has to read", "TOKEN": secret });
    for message in [
        format!("Lambda was unable to configure your environment variables because {quoted} exceeds the 4KB limit"),
        format!("1 validation error: Value '{}...' at 'environment' failed", &secret[..8_000]),
        format!("Value {:?} is too long", quoted.to_string()),
    ] {
        world.proxy.rules([Rule::on("CreateFunction").refuse(400, "InvalidParameterValueException", message)]);
        let output = sandbox.run(&["up", "--yes", "-v", "--events", "events.jsonl"]);
        assert!(matches!(output.code, Some(1 | 9)), "{output}");
        nowhere(&sandbox, &output, &secret, "none");
        assert!(output.stderr.contains("(secret)") && !output.stderr.contains("nobody has to read"), "{output}");
        let json = sandbox.run(&["up", "--yes", "--format", "json"]);
        nowhere(&sandbox, &json, &secret, "none");
        nowhere(&sandbox, &sandbox.expect(0, &["runs", "show", "-v"]), &secret, "none");
        nowhere(&sandbox, &sandbox.expect(0, &["status", "--format", "json"]), &secret, "none");
    }
    world.proxy.clear();
}

/// A call of AWS's JSON protocol, with a signature that emulators do not look at.
fn call(world: &World, service: &str, target: &str, input: &Value) {
    let authority = world.authority();
    let mut stream = std::net::TcpStream::connect(&authority).unwrap();
    let signed = format!("AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=00");
    let body = input.to_string();
    let head = format!("POST / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nAuthorization: {signed}\r\nX-Amz-Target: {target}");
    write!(stream, "{head}\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{target}: {answer}");
}

fn parameters_and_secrets_of_aws_are_looked_up(backend: Backend) {
    let world = World::start(backend);
    let environment =
        "KEY = { ssm = \"/shop/key\" }, DB = { secretsmanager = \"shop/db\", key = \"password\" }, ALL = { secretsmanager = \"shop/db\" }";
    let sandbox = world.sandbox(&with(environment));
    let missing = sandbox.expect(1, &["up", "--yes"]).says("parameter `/shop/key` of the Systems Manager is not there: account");
    let missing = missing.says("--> config.toml:").says("KEY = { ssm =");
    missing.says("`aws secretsmanager create-secret --name shop/db --secret-string …");
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
    let parameter = |value: &str| serde_json::json!({ "Name": "/shop/key", "Value": value, "Type": "SecureString", "Overwrite": true });
    call(&world, "ssm", "AmazonSSM.PutParameter", &parameter("the-first-parameter"));
    let text = r#"{"user":"shop","password":"the-password-of-the-database"}"#;
    call(&world, "secretsmanager", "secretsmanager.CreateSecret", &serde_json::json!({ "Name": "shop/db", "SecretString": text }));
    let up = sandbox.expect(0, &["up", "--yes", "-v"]);
    for secret in ["the-first-parameter", "the-password-of-the-database"] {
        nowhere(&sandbox, &up, secret, "none");
    }
    assert_eq!(variable(&world, "KEY").as_deref(), Some("the-first-parameter"));
    assert_eq!(variable(&world, "DB").as_deref(), Some("the-password-of-the-database"));
    assert_eq!(variable(&world, "ALL").as_deref(), Some(text));
    sandbox.expect(0, &["plan", "--exit-code"]);
    // What cannot be looked up may have changed: that is no "nothing to do".
    sandbox.edit("ssm = \"/shop/key\"", "ssm = \"/shop/kay\"");
    sandbox.expect(5, &["plan", "--exit-code"]).says("environment.KEY of function.a: secret unknown");
    sandbox.edit("ssm = \"/shop/kay\"", "ssm = \"/shop/key\"");
    call(&world, "ssm", "AmazonSSM.PutParameter", &parameter("the-second-parameter"));
    sandbox.expect(2, &["plan", "--exit-code"]).says("rotated: parameter `/shop/key` of the Systems Manager");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(variable(&world, "KEY").as_deref(), Some("the-second-parameter"));
    let policy = sandbox.expect(0, &["policy"]).stdout;
    assert!(policy.contains(":parameter/shop/key\"") && policy.contains(":secret:shop/db-??????\""), "{policy}");
    // A plan looks them up, too; what only deletes has no use for them.
    let policy = sandbox.expect(0, &["policy", "--read-only"]).says("also grant `kms:Decrypt`").stdout;
    assert!(policy.contains("ssm:GetParameter") && policy.contains("secretsmanager:GetSecretValue"), "{policy}");
    let policy = sandbox.expect(0, &["policy", "--destroy"]).stdout;
    assert!(!policy.contains("ssm:GetParameter") && !policy.contains("secretsmanager:GetSecretValue"), "{policy}");
    sandbox.edit("key = \"password\"", "key = \"pasword\"");
    sandbox.expect(1, &["up", "--yes"]).says("the secret has `password`, `user`");
    sandbox.expect(0, &["destroy", "--yes"]);
}
