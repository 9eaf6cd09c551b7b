//! The repository's own `config.toml`: the examples are built, come up, and do their work.
//!
//! They are built in the folder that `scripts/try` builds them in too, so that who has tried them need not wait again.

use crate::support::ages::AgesDays;
use crate::support::sandbox::Output;
use crate::support::{Backend, Sandbox, World};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Log groups that are none of the project's.
const FOREIGN: usize = 2000;
/// Of so many groups, one each is of every sort but the last.
const SORTS: usize = 50;
const OF_EACH_SORT: usize = FOREIGN / SORTS;

/// A group that the spec says is never deleted, whatever its age.
const KEPT: &str = "/aws/lambda/demo-of-old";

/// NIST's vector, and one outside of ASCII; made with `openssl dgst -sha256 -binary | base64 | tr +/ -_`.
const HASHES: [(&str, &str); 2] =
    [("\"abc\"", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0="), ("\"Grüße, 世界\"", "SYN0NHFqpvaRcQTLuoK9W46CqXDdxb_ve8xF49bqYLY=")];

struct Trial {
    world: World,
    sandbox: Sandbox,
    backend: Backend,
}

#[test]
fn the_examples_work_on_the_local_cloud() {
    Trial::start(Backend::Local).run();
}

#[test]
fn the_examples_work_on_ministack() {
    Trial::start(Backend::Ministack).run();
}

/// This machine's architecture in Lambda's words.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

impl Trial {
    fn start(backend: Backend) -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let world = World::start(backend);
        let mut sandbox = world.sandbox(&std::fs::read_to_string(repository.join("config.toml")).unwrap());
        if backend == Backend::Ministack {
            // Without `--local` nobody but the spec says what is built; another processor's may not be installed.
            sandbox.edit("architectures = \"arm64\"", &format!("architectures = \"{}\"", architecture()));
            // It does not tell functions where it is.
            let endpoint = format!("environment = {{ AWS_ENDPOINT_URL = \"http://{}\", KEEP_PREFIXES", world.emulator().authority);
            sandbox.edit("environment = { KEEP_PREFIXES", &endpoint);
        }
        std::os::unix::fs::symlink(repository.join("lambdas"), sandbox.path().join("lambdas")).unwrap();
        let home = std::env::var("HOME").unwrap_or_default();
        let of_home = |folder: &str| format!("{home}/{folder}");
        for (key, default) in [("CARGO_HOME", of_home(".cargo")), ("RUSTUP_HOME", of_home(".rustup"))] {
            sandbox.variable(key, &std::env::var(key).unwrap_or(default));
        }
        for key in ["RUSTUP_TOOLCHAIN", "HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE"] {
            if let Ok(value) = std::env::var(key) {
                sandbox.variable(key, &value);
            }
        }
        if backend == Backend::Local {
            sandbox.variable("LAMBDO_LOCAL", "true");
            sandbox.variable("LAMBDO_STATE_DIR", &world.folder().join("cloud").display().to_string());
        }
        Self { world, sandbox, backend }
    }

    fn run(&self) {
        // The first build of a SDK takes minutes.
        let build = self.sandbox.start(&["build"]).wait_at_most(Duration::from_secs(15 * 60)).expect(0);
        if self.backend == Backend::Local {
            // Programs that an earlier run has left in the target folder are not built again.
            build.says(&format!("Built for this machine ({}): ", architecture()));
        }
        self.fleet();
        let up = self.sandbox.expect(0, &["up", "--yes", "--format", "json"]);
        assert_eq!(up.json()["summary"]["create"], 17, "{up}");
        self.greets_and_hashes();
        if self.backend == Backend::Local {
            self.masks_and_spells();
        }
        self.cleans_up();
        self.sandbox.expect(0, &["drift"]);
        self.sandbox.expect(0, &["plan", "--exit-code"]);
        self.sandbox.expect(0, &["destroy", "--yes"]);
        assert_eq!(self.world.cloud.names_without_groups().len(), 0, "{:?}", self.world.cloud.names_without_groups());
        let left = self.retention();
        assert!(left.keys().all(|name| name.starts_with("/fleet/") || name == KEPT), "{left:?}");
    }

    fn invoked(&self, code: i32, arguments: &[&str]) -> (Value, Output) {
        let words: Vec<&str> = ["invoke"].iter().chain(arguments).copied().collect();
        let output = self.sandbox.expect(code, &words);
        (serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}")), output)
    }

    fn greets_and_hashes(&self) {
        assert_eq!(self.invoked(0, &["hello"]).0, json!("Hello World"));
        for (input, hash) in HASHES {
            let (answer, output) = self.invoked(0, &["hash", input]);
            assert_eq!(answer, json!(hash), "{input}");
            output.says("input: \"");
        }
        let (refusal, output) = self.invoked(1, &["hash", "7"]);
        assert_eq!(refusal["errorType"], "Hash.EventIsNoString", "{output}");
        for name in ["demo-hash", "demo-log-cleanup"] {
            let function = self.world.cloud.done(self.world.cloud.lambda.get_function_configuration().function_name(name).send());
            assert_eq!(function.architectures()[0].as_str(), architecture(), "{name}");
        }
    }

    /// Whatever versions of Python and Node.js this machine has run them.
    fn masks_and_spells(&self) {
        let masked = json!({ "text": "[email] from [ip] with [access-key]", "found": { "email": 1, "ip": 1, "access-key": 1 } });
        assert_eq!(self.invoked(0, &["redact", r#""ada@example.com from 10.0.0.1 with AKIAIOSFODNN7EXAMPLE""#]).0, masked);
        assert_eq!(self.invoked(1, &["redact", "7"]).0["errorType"], "TypeError");
        assert_eq!(self.invoked(0, &["slug", "\"Grüße, 世界!\""]).0, json!("grusse-世界"));
        assert_eq!(self.invoked(1, &["slug", "7"]).0["errorType"], "TypeError");
    }

    /// Two thousand groups: in each fifty one without retention, one that is empty and older than its retention, one that
    /// is as old and not empty, and one that is not old enough by a day.
    fn fleet(&self) {
        let names: Vec<String> = (0..FOREIGN).map(|number| format!("/fleet/{number:04}")).chain([KEPT.to_owned()]).collect();
        let made = stream::iter(names.iter().enumerate()).for_each_concurrent(32, |(number, name)| self.group(name, number));
        self.world.cloud.wait(made);
        let age = |number: usize| match number % SORTS {
            0..=2 => Some(31),
            3 => Some(29),
            _ => None,
        };
        let ages: AgesDays = names.iter().enumerate().filter_map(|(number, name)| Some((name.clone(), age(number)?))).collect();
        assert!(ages.contains_key(KEPT));
        self.world.emulator().age_groups(&ages);
    }

    async fn group(&self, name: &str, number: usize) {
        let logs = &self.world.cloud.logs;
        logs.create_log_group().log_group_name(name).send().await.unwrap();
        if !number.is_multiple_of(SORTS) || name == KEPT {
            logs.put_retention_policy().log_group_name(name).retention_in_days(30).send().await.unwrap();
        }
        if number % SORTS == 2 {
            logs.create_log_stream().log_group_name(name).log_stream_name("s").send().await.unwrap();
            let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
            let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder().message("here").timestamp(i64::try_from(now_ms).unwrap());
            logs.put_log_events().log_group_name(name).log_stream_name("s").log_events(event.build().unwrap()).send().await.unwrap();
        }
    }

    /// Retention by the name of each group.
    fn retention(&self) -> BTreeMap<String, Option<i32>> {
        let groups = self.world.cloud.logs.describe_log_groups().into_paginator().items().send();
        let groups = self.world.cloud.done(groups.collect::<Result<Vec<_>, _>>());
        groups.into_iter().map(|group| (group.log_group_name.unwrap(), group.retention_in_days)).collect()
    }

    fn cleans_up(&self) {
        let before = self.retention();
        let total = FOREIGN + 1 + 5;
        assert_eq!(before.len(), total);
        let dry = json!({
            "groups": total, "retention_set": OF_EACH_SORT, "deleted": OF_EACH_SORT, "kept": total - 2 * OF_EACH_SORT,
            "already_gone": 0, "failed": 0, "left": 0, "more_left": false, "dry_run": true,
        });
        let (answer, output) = self.invoked(0, &["log-cleanup", r#"{"dry_run": true}"#]);
        assert_eq!(answer, dry, "{output}");
        assert_eq!(self.retention(), before, "a dry run changes something");

        let (answer, output) = self.invoked(0, &["log-cleanup"]);
        let mut wet = dry.clone();
        wet["dry_run"] = json!(false);
        assert_eq!(answer, wet, "{output}");
        assert_eq!(self.retention(), cleaned(before), "{output}");
        self.sandbox.expect(0, &["logs", "log-cleanup"]).says("deleted /fleet/0001");

        let (answer, _) = self.invoked(0, &["log-cleanup"]);
        assert_eq!((&answer["retention_set"], &answer["deleted"], &answer["kept"]), (&json!(0), &json!(0), &json!(total - OF_EACH_SORT)));
    }
}

/// What is there after a run that does what it should.
fn cleaned(mut groups: BTreeMap<String, Option<i32>>) -> BTreeMap<String, Option<i32>> {
    let sort = |name: &str| name.strip_prefix("/fleet/").map(|number| number.parse::<usize>().unwrap() % SORTS);
    groups.retain(|name, _| sort(name) != Some(1));
    for (_, retention) in groups.iter_mut().filter(|(name, _)| sort(name) == Some(0)) {
        assert_eq!(*retention, None);
        *retention = Some(365);
    }
    groups
}
