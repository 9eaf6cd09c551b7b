//! What comes from outside may be anything: no input makes lambdo panic, hang, or take memory without end.

use lambdo::kinds::Registry;
use lambdo::model::{Address, Entry, Lineage, PackageRequest, Record, State, Table, Target, Transition};
use lambdo::package::check_file;
use lambdo::spec::{self, LoadOptions};
use lambdo::store::{FileStore, JournalHeader, RunRecords, StateStore};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::io::Write;
use std::path::Path;

/// Pieces that parsers stumble over.
const ODD: &[&str] = &[
    "",
    "\u{0}",
    "\u{feff}",
    "\r",
    "\n",
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "#",
    "\\",
    "\\u{d800}",
    "${",
    "$${",
    "${a.b.c}",
    "}}",
    "*",
    "?",
    "..",
    "../",
    "/",
    "é",
    "日本",
    "\u{202e}",
    "-1",
    "0",
    "9223372036854775808",
    "1e999",
    "nan",
    "true",
    "null",
    "1979-05-27T07:32:00Z",
    "(",
    ")",
    "rate(",
    "cron(* * * * * *)",
    "arn:aws:",
    ":::::::",
    "[function.x]",
    "[[function]]",
    "[defaults]",
    "use = [\"x\"]",
    "${function.a.arn}",
    "${var.x}",
    "%",
    "&",
    "<",
    ">",
];

/// A text with some stretches replaced by odd ones.
fn mutated(text: String) -> impl Strategy<Value = String> {
    let edits = proptest::collection::vec((any::<Index>(), 0_usize..12, select(ODD)), 0..6);
    edits.prop_map(move |edits| {
        let mut text = text.clone();
        for (at, length, odd) in edits {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.ceil_char_boundary((start + length).min(text.len()));
            text.replace_range(start..end, odd);
        }
        text
    })
}

fn bytes_mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = proptest::collection::vec((any::<Index>(), any::<u8>()), 0..12);
    (edits, any::<Index>(), any::<bool>()).prop_map(move |(edits, end, is_cut)| {
        let mut bytes = bytes.clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(if is_cut { end.index(bytes.len()) } else { bytes.len() });
        bytes
    })
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        select(ODD).prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
        select(&["Allow", "*", "s3:*", "arn:aws:s3:::b/*", "lambda.amazonaws.com", "2012-10-17", "sts:AssumeRole"][..])
            .prop_map(Into::into),
    ];
    let keys = select(
        &[
            "Version",
            "Statement",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "Principal",
            "Condition",
            "StringEquals",
            "AWS",
            "Service",
            "prefix",
            "x",
            "",
        ][..],
    );
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let key = prop_oneof![keys.clone().prop_map(str::to_owned), ".{0,6}".prop_map(String::from)];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            proptest::collection::btree_map(key, inner, 0..5).prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Everything that is said of a spec, without a file of it.
fn judge(text: &str) {
    let environment = |name: &str| name.len().is_multiple_of(2).then(|| "\u{0}${x}".to_owned());
    for (stage, local) in [(None, None), (Some("dev"), Some("x86_64"))] {
        let options = LoadOptions { stage, region: Some("eu-central-1"), local, environment: &environment };
        let _ = spec::load_header(Path::new("config.toml"), text, &options);
        let _ = spec::check(Path::new("config.toml"), text, &options, &Registry::new(), &|_| Vec::new());
    }
}

const SPEC: &str = r#"project = "demo"
[aws]
region = "eu-central-1"
[vars]
x = { env = "X", default = "y" }
[defaults]
memory_size = 256
[template.t]
timeout = 9
[stage.dev.function.a]
memory_size = 512
[function.a]
use = ["t"]
code = { files = { bootstrap = "bootstrap" } }
environment = { LEVEL = "${var.x}", TOKEN = { ssm = "/a" }, N = 1 }
layers = ["${layer.l.arn}"]
tags = { team = "core" }
role.allow = [{ action = ["s3:GetObject"], resource = "arn:aws:s3:::b/*", condition = { StringEquals = { "aws:x" = "y" } } }]
[function.a.event_rule.nightly]
schedule_expression = "cron(0 2 * * ? *)"
[function.a.event_rule.pattern]
event_pattern = { source = ["aws.s3"], detail = { size = [{ numeric = [">", 5] }] } }
[function.a.permission.p]
principal = "sns.amazonaws.com"
[layer.l]
code = { dir = "layer" }
[ecr.images]
[role.shared]
trust_policy = '{"Version":"2012-10-17","Statement":[]}'
[outputs]
arn = "${function.a.arn}"
"#;

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn function(rest: &str) -> String {
    format!("project = \"demo\"\n[aws]\nregion = \"eu-central-1\"\n[function.a]\ncode = {{ file = \"bootstrap\" }}\n{rest}\n")
}

fn state() -> State {
    let target = Target { partition: "aws".into(), account: "123456789012".into(), region: "eu-central-1".into() };
    let mut state = State::new(Lineage("00112233445566778899aabbccddeeff".into()), "demo", None, target, None);
    let mut entry = Entry::new("demo-a".into());
    entry.inputs = Table::from_iter([("memory_size".to_owned(), 128.into()), ("description".to_owned(), "é".into())]);
    state.entries.insert(Address::new("function", "a"), entry);
    state.serial = 1;
    state
}

/// What a store says of its folder, with these files in it.
fn loaded(files: &[(&str, &[u8])]) {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, bytes)| std::fs::write(folder.path().join(name), bytes).unwrap());
    let store = FileStore::new(folder.path().to_owned(), "demo", None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _ = store.load().await.map_err(|error| error.to_diagnostic());
        let _ = store.history().await;
    });
}

/// The files of a state and of a journal that goes on from it.
fn stored() -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().to_owned(), "demo", None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let state = state();
        store.save(&state, 0).await.unwrap();
        let address = Address::new("role", "a");
        let begin = Record::Begin {
            operation: 0,
            address,
            physical_id: Some("demo-a".into()),
            call: "iam:CreateRole".into(),
            transition: Transition::Update,
        };
        store.append(&JournalHeader::of(&state), &[begin, Record::Failed { operation: 0 }]).await.unwrap();
    });
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    (read("demo.json"), read("demo.journal"))
}

fn zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    for (name, content) in [
        ("bootstrap", &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0"[..]),
        ("lib/a.so", b"\x7fELF"),
        ("b.py", b"def handler(): pass"),
    ] {
        writer.start_file(name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn request(runtime: &str, handler: &str) -> PackageRequest {
    PackageRequest {
        address: Address::new("function", "a"),
        code: None,
        build: None,
        image: None,
        image_config: None,
        runtime: runtime.to_owned(),
        handler: handler.to_owned(),
        architectures: vec!["x86_64".into()],
        layers: None,
        environment: None,
        span: None,
    }
}

const WORDS: &[&str] = &[
    "plan",
    "up",
    "destroy",
    "drift",
    "state",
    "show",
    "list",
    "runs",
    "policy",
    "invoke",
    "logs",
    "build",
    "spec",
    "output",
    "unlock",
    "completions",
    "bash",
    "--yes",
    "-y",
    "-C",
    ".",
    "--config",
    "--stage",
    "dev",
    "--format",
    "json",
    "human",
    "markdown",
    "--region",
    "--since",
    "10m",
    "--target",
    "function.a",
    "a.b.c.d",
    "--adopt",
    "--parallel",
    "0",
    "99999999999",
    "-v",
    "-q",
    "--",
    "--plan",
    "--out",
    "-",
    "@file",
    "--ignore",
    "a:b",
    "*:*",
    "--help",
    "--exit-code",
    "--grep",
    "--payload",
    "--account",
    "123456789012",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_spec_is_judged(text in mutated(SPEC.to_owned())) {
        judge(&text);
    }

    #[test]
    fn any_text_is_no_spec_or_one(text in proptest::collection::vec(prop_oneof![select(ODD).prop_map(str::to_owned), ".{0,8}".prop_map(String::from)], 0..40)) {
        judge(&text.concat());
    }

    #[test]
    fn any_policy_document_is_judged(document in json(), is_text in any::<bool>()) {
        let text = document.to_string();
        let value = if is_text { quoted(&text) } else { serde_json::from_str::<toml::Value>(&text).map_or_else(|_| quoted(&text), |value| value.to_string()) };
        for key in ["role.inline_policy.x", "role.trust_policy"] {
            judge(&function(&format!("{key} = {value}")));
        }
        judge(&function(&format!("[ecr.x]\nrepository_policy = {value}")));
        judge(&function(&format!("event_rule.x.event_pattern = {value}")));
    }

    #[test]
    fn any_schedule_is_judged(text in "(cron|rate|at)?[(]?[-0-9a-zA-Z*?/,LW# ]{0,40}[)]?") {
        judge(&function(&format!("event_rule.x.schedule_expression = {}", quoted(&text))));
    }

    #[test]
    fn any_environment_is_judged(variables in proptest::collection::btree_map(".{0,12}", prop_oneof![select(ODD).prop_map(str::to_owned), ".{0,40}".prop_map(String::from)], 0..8), source in json()) {
        let lines: Vec<String> = variables.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value))).collect();
        let source = serde_json::from_str::<toml::Value>(&source.to_string()).map_or_else(|_| "{}".to_owned(), |value| value.to_string());
        judge(&function(&format!("[function.a.environment]\n{}\nSECRET = {source}", lines.join("\n"))));
    }

    #[test]
    fn any_arguments_are_read(words in proptest::collection::vec(prop_oneof![4 => select(WORDS).prop_map(str::to_owned), 1 => ".{0,10}".prop_map(String::from)], 0..8)) {
        let _ = lambdo::cli::parse(std::iter::once("lambdo".to_owned()).chain(words).map(Into::into));
    }

    #[test]
    fn any_state_file_is_read_or_refused(bytes in bytes_mutated(stored().0)) {
        loaded(&[("demo.json", &bytes)]);
    }

    #[test]
    fn any_journal_is_read_or_refused(bytes in bytes_mutated(stored().1), has_state in any::<bool>()) {
        let state = stored().0;
        let files: &[(&str, &[u8])] = if has_state { &[("demo.json", &state), ("demo.journal", &bytes)] } else { &[("demo.journal", &bytes)] };
        loaded(files);
    }

    #[test]
    fn any_zip_is_read_or_refused(bytes in bytes_mutated(zip()), runtime in select(&["provided.al2023", "python3.13", "nodejs22.x", "java21"][..]), handler in "[a-z./:]{0,12}") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.zip"), &bytes).unwrap();
        let _ = check_file(folder.path(), "a.zip", &request(runtime, &handler), &[], false);
    }

    #[test]
    fn any_program_is_looked_at(bytes in proptest::collection::vec(any::<u8>(), 0..600), has_head in any::<bool>()) {
        let head: &[u8] = if has_head { b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0" } else { b"" };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bootstrap"), [head, &bytes].concat()).unwrap();
        let _ = check_file(folder.path(), "bootstrap", &request("provided.al2023", "bootstrap"), &[], false);
    }

    #[test]
    fn any_record_of_a_run_is_read(bytes in bytes_mutated(b"{\"event\":\"run_started\",\"command\":\"up\"}\n{\"event\":\"called\"}\n{\"event\":\"run_ended\",\"exit\":0}\n".to_vec())) {
        let folder = tempfile::tempdir().unwrap();
        let records = RunRecords::below(folder.path());
        std::fs::create_dir(folder.path().join("runs")).unwrap();
        std::fs::write(folder.path().join("runs/a.jsonl"), &bytes).unwrap();
        let read = records.read("a").unwrap();
        prop_assert!(read.lines.len() + read.unreadable <= bytes.len() + 1);
        prop_assert!(records.outline("a", |line| line["event"] == "run_ended").is_ok());
    }
}

/// Variables in variables, as a row and as a tree, that would take a stack or a memory without end.
#[test]
fn variables_that_grow_without_end_are_refused() {
    let row: String = (0..20_000).map(|number| format!("v{number} = \"${{var.v{}}}\"\n", number + 1)).collect();
    let tree: String = (0..60).map(|number| format!("v{number} = \"${{var.v{0}}}${{var.v{0}}}\"\n", number + 1)).collect();
    for (variables, last) in [(row, 20_000), (tree, 60)] {
        judge(&format!("{}[vars]\n{variables}v{last} = \"x\"\n", function("description = \"${var.v0}\"")));
    }
}

/// Each file is read once for all the mistakes in it.
#[cfg(target_os = "linux")]
#[test]
fn a_spec_with_thousands_of_mistakes_takes_little_memory() {
    let comment = "#".repeat(60);
    let templates: String = (0..3_000).map(|number| format!("[template.t{number}]\nuse = [\"x{number}\"]\n{comment}\n")).collect();
    let world = crate::support::World::without_cloud();
    let sandbox = world.sandbox(&format!("project = \"demo\"\n{templates}"));
    sandbox.run_with_limits(&["--as=500000000"], &["validate"]).expect(6).says("use = [\"x2999\"]");
}
