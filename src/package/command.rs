//! Builds by a command of the user's.

use super::builder::{Build, Builder, Built, Job};
use super::fingerprint::{self, Excluded, Facts, Record, Sources};
use super::hash::{Item, content_hash};
use super::problem::{blocking, missing, not_built, strings, unknown_key, wrong_type};
use super::process::{Tail, apart, watch};
use crate::diagnostic::Diagnostic;
use crate::model::{Table, Value};
use crate::package::BUILD_FAILED;
use async_trait::async_trait;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

const KEYS: [&str; 5] = ["kind", "path", "command", "inputs", "output"];
const FUNCTION: &str = "LAMBDO_FUNCTION";
const ARCHITECTURE: &str = "LAMBDO_ARCHITECTURE";

/// How many lines of what a failed command said are shown.
const SHOWN_LINES: usize = 40;

/// `build = { kind = "command", command = "make", output = "bin/bootstrap" }`
///
/// It shows how a builder knows that it need not run: before the build it reads its [`Sources`], which are
/// [`Facts`] (versions, flags) and files by name, with the run's index, so that only files that moved are
/// opened; the [`Record`] of the last build says whether these sources and the output still hold; after a
/// build it saves a new record. The sources go into [`Built`], from where `plan` says what changed.
pub(super) struct CommandBuilder;

/// The options, read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Command {
    /// Program and arguments.
    words: Vec<String>,
    /// As a person would type it.
    text: String,
    /// Patterns of the files that it reads; everything in its folder where absent.
    inputs: Option<Vec<String>>,
    /// What it makes, relative to its folder.
    output: String,
}

impl Command {
    fn parse(options: &Table) -> Result<Self, Vec<Diagnostic>> {
        let mut problems: Vec<Diagnostic> =
            options.keys().filter(|key| !KEYS.contains(&key.as_str())).map(|key| unknown_key("build", key, &KEYS)).collect();
        let words = words(options.get("command")).map_err(|problem| problems.push(problem)).ok();
        let inputs = inputs(options.get("inputs")).map_err(|problem| problems.push(problem)).ok();
        let output = output(options.get("output")).map_err(|problem| problems.push(problem)).ok();
        match (words, inputs, output) {
            (Some((words, text)), Some(inputs), Some(output)) if problems.is_empty() => Ok(Self { words, text, inputs, output }),
            _ => Err(problems),
        }
    }
}

fn words(command: Option<&Value>) -> Result<(Vec<String>, String), Diagnostic> {
    match command {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok((["sh", "-c", text].map(str::to_owned).into(), text.clone())),
        Some(value) => {
            let words = strings("build.command", value, "a command as a string, or as a list of program and arguments")?;
            let text = words.join(" ");
            Ok((words, text))
        }
        None => Err(missing_key("command", "make")),
    }
}

fn inputs(inputs: Option<&Value>) -> Result<Option<Vec<String>>, Diagnostic> {
    let Some(value) = inputs else { return Ok(None) };
    let patterns = strings("build.inputs", value, "a list of patterns such as `[\"src/**\"]`")?;
    for pattern in &patterns {
        fingerprint::check_pattern(pattern).map_err(|reason| {
            Diagnostic::error("bad-pattern", "A pattern cannot be understood").detail(format!("`{pattern}` in `build.inputs`: {reason}."))
        })?;
    }
    Ok(Some(patterns))
}

fn output(output: Option<&Value>) -> Result<String, Diagnostic> {
    match output {
        Some(Value::String(path)) if !path.is_empty() => Ok(path.clone()),
        Some(other) => Err(wrong_type("build.output", "the path of a file, a folder or a zip", other.type_name())),
        None => Err(missing_key("output", "bin/bootstrap")),
    }
}

fn missing_key(key: &str, example: &str) -> Diagnostic {
    Diagnostic::error("missing-key", "A key is missing")
        .detail(format!("A build by a command needs `{key}`, such as `{key} = \"{example}\"`."))
}

#[async_trait]
impl Builder for CommandBuilder {
    fn kind(&self) -> &'static str {
        "command"
    }

    fn check(&self, build: &Build) -> Vec<Diagnostic> {
        Command::parse(&build.options).err().unwrap_or_default()
    }

    fn is_per_function(&self, build: &Build) -> bool {
        Command::parse(&build.options).is_ok_and(|command| command.text.contains(FUNCTION))
    }

    fn output(&self, job: &Job<'_>) -> Option<PathBuf> {
        Command::parse(&job.build.options).ok().map(|command| output_path(job, &command))
    }

    async fn build(&self, job: &Job<'_>) -> Result<Built, Diagnostic> {
        // `check` has said all of them before.
        let command = Command::parse(&job.build.options).map_err(|mut problems| problems.remove(0))?;
        let folder = job.path();
        if !folder.is_dir() {
            return Err(missing(&folder, &job.build.path, "folder"));
        }
        let output = output_path(job, &command);
        if !job.may_run {
            return last_build(output, &command);
        }
        build(job, &command, folder, output).await
    }
}

fn output_path(job: &Job<'_>, command: &Command) -> PathBuf {
    job.path().join(&command.output).components().collect()
}

fn last_build(output: PathBuf, command: &Command) -> Result<Built, Diagnostic> {
    if output.exists() {
        return Ok(Built { output, sources: None, is_cached: true, warnings: Vec::new() });
    }
    Err(not_built(&format!("`{}`", command.output)))
}

async fn build(job: &Job<'_>, command: &Command, folder: PathBuf, output: PathBuf) -> Result<Built, Diagnostic> {
    let excluded = Excluded::new(&folder, &output, job.own, command.inputs.is_none());
    let facts = facts(job, command);
    let place = job.cache.join(format!("{}.json", identity(job, command)));
    // Before the command runs: what is edited meanwhile must count as a change.
    let look = blocking({
        let (index, folder, place, output, inputs) =
            (job.index.clone(), folder.clone(), place.clone(), output.clone(), command.inputs.clone());
        move || {
            let sources = Sources::read(&index, facts, &fingerprint::inputs(&folder, inputs.as_deref(), &excluded)?)?;
            let is_cached = Record::load(&place).is_some_and(|record| record.holds(&index, &sources, &output));
            Ok((sources, is_cached))
        }
    });
    let (sources, is_cached) = look.await?;
    if !is_cached {
        run(job, command, &folder).await?;
        remember(job, command, place, sources.clone(), output.clone()).await?;
    }
    Ok(Built { output, sources: Some(sources), is_cached, warnings: Vec::new() })
}

async fn remember(job: &Job<'_>, command: &Command, place: PathBuf, sources: Sources, output: PathBuf) -> Result<(), Diagnostic> {
    if !output.exists() {
        let mut diagnostic = missing(&output, &command.output, "output");
        diagnostic.code = "no-output";
        diagnostic.summary = "The build did not make its output".into();
        diagnostic.detail = format!("`{}` ended well, but `{}` is not there.", command.text, output.display());
        return Err(diagnostic);
    }
    let index = job.index.clone();
    blocking(move || {
        Record::of(&index, sources, &output).save(&place);
        Ok(())
    })
    .await
}

/// What besides the inputs decides what the command makes. The tools that it calls are not known
/// here: after an update of a compiler, a changed input or a removed output brings a new build.
fn facts(job: &Job<'_>, command: &Command) -> Facts {
    let facts = Facts::default().shown("build.path", &job.build.path).shown("build.output", &command.output);
    // A command may have a token in it.
    let facts = facts.shown("architecture", job.architecture).hidden("build.command", &command.words.join("\0"));
    if command.text.contains(FUNCTION) { facts.shown("function", job.function) } else { facts }
}

/// Names the record of a build: the same for the next run of the same build.
fn identity(job: &Job<'_>, command: &Command) -> String {
    let facts = format!("{:?}", facts(job, command));
    let item = Item { name: facts, mode: 0, bytes: 0, sha256: [0; 32] };
    format!("command-{}", content_hash(&[item]).trim_start_matches("sha256:").get(..16).unwrap_or_default())
}

async fn run(job: &Job<'_>, command: &Command, folder: &Path) -> Result<(), Diagnostic> {
    let [program, arguments @ ..] = &command.words[..] else { return Ok(()) };
    let mut started = tokio::process::Command::new(program);
    let started = apart(&mut started)
        .args(arguments)
        .current_dir(folder)
        .env(FUNCTION, job.function)
        .env(ARCHITECTURE, job.architecture)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = started.map_err(|error| not_started(program, command, &error))?;
    let tail = Tail::of(SHOWN_LINES);
    let status =
        watch(&mut child, |line| tail.push(line), |line| tail.push(line)).await.map_err(|error| not_started(program, command, &error))?;
    if status.success() { Ok(()) } else { Err(failed(command, &job.build.path, status, &tail.text())) }
}

fn not_started(program: &str, command: &Command, error: &io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!("`{}` could not be started: {error}.", command.text));
    if error.kind() == io::ErrorKind::NotFound {
        diagnostic.hint(format!("is `{program}` installed and in the `PATH`?"))
    } else {
        diagnostic
    }
}

fn failed(command: &Command, path: &str, status: ExitStatus, said: &str) -> Diagnostic {
    let said = if said.is_empty() { "It said nothing.".to_owned() } else { format!("It said:\n{said}") };
    Diagnostic::error(BUILD_FAILED, "A build failed").detail(format!("`{}` in `{path}` ended with {status}. {said}", command.text))
}
