//! The settings of a function, as data.
//!
//! Ranges and patterns follow the Lambda API model and the quotas page of the Lambda guide; the
//! defaults are what `GetFunction` answers for a function that was made without the setting.

use super::resources::{check_access_point, check_kms_key, check_layer, check_security_group, check_subnet};
use super::{environment, runtime};
use crate::kinds::image;
use crate::kinds::image_uri::ImageUri;
use crate::kinds::names::only;
use crate::kinds::{arn, log_group, tagging};
use crate::model::field::{ANY_STRING, fill_defaults};
use crate::model::{Compare, Default, Field, Shape, Table, Value};

/// The longest name of a function (Lambda API model; the 140 there are for ARNs).
pub(super) const LONGEST_NAME: usize = 64;
/// A function in a VPC has at most this many subnets (Lambda API model).
pub(super) const MOST_SUBNETS: usize = 16;
/// A function in a VPC has at most this many security groups (Lambda API model).
pub(super) const MOST_SECURITY_GROUPS: usize = 5;
/// A function has at most this many layers (Lambda quotas).
pub(super) const MOST_LAYERS: usize = 5;

pub(super) const FIELDS: &[Field] = &[
    Field::new("function_name", Shape::checked(1, LONGEST_NAME, check_name), "Its name in AWS, instead of `<project>-<stage>-<name>`.")
        .replaces(),
    Field::new("description", Shape::text(0, 256), "What it does, for people.").default(Default::Text("")),
    Field::new("runtime", Shape::checked(1, 64, runtime::check), "What runs the code.").default(Default::Text(runtime::USUAL)),
    Field::new("handler", Shape::checked(1, 128, check_handler), "What the runtime calls; of no meaning to `provided.al2023`.")
        .default(Default::Text("bootstrap")),
    Field::new("role", ANY_STRING, "The role that it runs as: the name of a `[role.NAME]` or the ARN of an existing one."),
    Field::new("code", Shape::AnyOf(&[Shape::Table(CODE)]), "The package, made of files that are there already."),
    Field::new("image", Shape::Table(IMAGE), "The container image, made here or there already.").internal(),
    Field::new("architectures", Shape::List { item: &Shape::Choice(&["x86_64", "arm64"]), max: 1 }, "The processor that it runs on.")
        .default(Default::Texts(&["x86_64"])),
    Field::new(
        "memory_size",
        Shape::Integer { min: 128, max: 10_240 },
        "Memory in MB, at most 10,240 for an ordinary function; processor time grows with it.",
    )
    .default(Default::Integer(128)),
    Field::new(
        "timeout",
        Shape::Integer { min: 1, max: 900 },
        "How long one invocation may take, in seconds, at most 900 (15 minutes) for an ordinary function.",
    )
    .default(Default::Integer(3)),
    Field::new("environment", ENVIRONMENT, "Environment variables; numbers and booleans become text.").default(Default::EmptyTable),
    Field::new(
        "ephemeral_storage",
        Shape::AnyOf(&[STORAGE_SIZE, Shape::Table(EPHEMERAL_STORAGE)]),
        "The size of `/tmp` in MB, alone or as `size`.",
    )
    .default(Default::Made(ephemeral_storage)),
    Field::new(
        "layers",
        Shape::List { item: &Shape::checked(1, 2048, check_layer), max: MOST_LAYERS },
        "Layer versions by ARN; later ones overwrite the files of earlier ones.",
    )
    .default(Default::Texts(&[])),
    Field::new("vpc_config", Shape::Table(VPC_CONFIG), "The VPC that it reaches into.").default(Default::Made(vpc_config)),
    Field::new("dead_letter_config", Shape::Table(DEAD_LETTER_CONFIG), "Where asynchronous events go that could not be handled.")
        .default(Default::Made(dead_letter_config)),
    Field::new("tracing_config", Shape::Table(TRACING_CONFIG), "Tracing with X-Ray.").default(Default::Made(tracing_config)),
    Field::new("logging_config", Shape::Table(LOGGING_CONFIG), "How and where it logs."),
    Field::new("kms_key_arn", Shape::checked(0, 2048, check_kms_key()), "The key that encrypts its environment.")
        .default(Default::Text("")),
    Field::new(
        "file_system_configs",
        Shape::List { item: &Shape::Table(FILE_SYSTEM_CONFIG), max: 1 },
        "A file system that is mounted; needs `vpc_config`.",
    )
    .default(Default::Texts(&[])),
    Field::new("snap_start", Shape::Table(SNAP_START), "Snapshots that make cold starts faster.").default(Default::Made(snap_start)),
    Field::new("image_config", Shape::Table(IMAGE_CONFIG), "What is another than the image itself says."),
    Field::new("package_type", Shape::Choice(&["Zip", "Image"]), "Follows from `image`; AWS cannot change it.").replaces(),
    Field::new(
        "reserved_concurrent_executions",
        Shape::Integer { min: 0, max: i32::MAX as i64 },
        "How many invocations run at once, kept free for it; 0 stops it; absent means unreserved.",
    ),
    tagging::FIELD,
    Field::new("build", Shape::AnyOf(&[ANY_STRING, Shape::Table(BUILD)]), "How the package is made from sources.").internal(),
    Field::new("use", TEXTS, "Templates whose settings it takes.").internal(),
    Field::new("unset", TEXTS, "Inherited settings that it does without.").internal(),
    Field::new("ignore", TEXTS, "Settings that others manage: never written, never drift.").internal(),
    Field::new("protect", Shape::Boolean, "Refuses to delete or replace it.").internal(),
    Field::new("depends_on", TEXTS, "Addresses of resources that must be complete before it.").internal(),
];

const TEXTS: Shape = Shape::List { item: &ANY_STRING, max: usize::MAX };

const ENVIRONMENT: Shape = Shape::Map {
    value: &Shape::AnyOf(&[ANY_STRING, Shape::Integer { min: i64::MIN, max: i64::MAX }, Shape::Boolean, Shape::Table(SECRET)]),
    check: Some(environment::check_name),
};

/// Where a secret comes from: it is looked up when it is applied, and never written down.
const SECRET: &[Field] = &[
    Field::new("ssm", ANY_STRING, "A parameter of the Systems Manager."),
    Field::new("secretsmanager", ANY_STRING, "A secret of the Secrets Manager."),
    Field::new("key", ANY_STRING, "The key inside a secret that is a JSON object."),
    Field::new("env", ANY_STRING, "An environment variable of the one who deploys."),
    Field::new("file", ANY_STRING, "A file beside the spec."),
];

/// Keys of `code`.
pub(crate) const CODE: &[Field] = &[
    Field::new("file", Shape::text(1, 4096), "One file, which becomes `bootstrap` or keeps its name."),
    Field::new("files", Shape::Map { value: &ANY_STRING, check: None }, "Files by their path inside the package."),
    Field::new("dir", Shape::text(1, 4096), "A folder with everything that is below it, but for what a `.lambdoignore` in it names."),
    Field::new("include", TEXTS, "Patterns of the files of `dir` that are taken, such as `**/*.py` or `data`; all where absent."),
    Field::new("exclude", TEXTS, "Patterns of the files of `dir` that are left out."),
    Field::new("zip", Shape::text(1, 4096), "A zip that is used as it is."),
    Field::new("s3", Shape::Table(STORED), "A zip that lies in S3 already, in the region that is deployed to."),
];

/// Keys of `code.s3`.
const STORED: &[Field] = &[
    Field::new("bucket", Shape::text(1, 255), "The bucket.").required(),
    Field::new("key", Shape::text(1, 1024), "The object's key.").required(),
    Field::new("version", Shape::text(1, 1024), "The object's version; without it the object is asked whether it changed."),
];

/// Keys of `image`. Those that say how it is made are read where it is made.
const IMAGE: &[Field] = &[
    Field::new("dockerfile", Shape::text(1, 4096), "The Dockerfile that it is built from."),
    Field::new("context", Shape::text(1, 4096), "The folder that the Dockerfile copies from."),
    Field::new("target", ANY_STRING, "The stage of the Dockerfile that is built."),
    Field::new("build_args", Shape::Map { value: &SCALAR, check: None }, "Values for the `ARG`s of the Dockerfile."),
    Field::new(
        "secrets",
        Shape::Map { value: &Shape::Table(IMAGE_SECRET), check: None },
        "Secrets that the engine reads while it builds, by the ids that the Dockerfile mounts.",
    ),
    Field::new("cache", Shape::Table(IMAGE_CACHE), "Where the engine finds layers of earlier builds, and keeps those of this one."),
    Field::new("engine", Shape::Choice(ENGINES), "What builds the Dockerfile; the first that is there unless given."),
    Field::new("base", Shape::text(1, 2048), "The image that `files` or the built program are laid on, or `scratch`."),
    Field::new("files", Shape::Map { value: &ANY_STRING, check: None }, "Files by their path inside the image."),
    Field::new("build", Shape::AnyOf(&[ANY_STRING, Shape::Table(BUILD)]), "How the program in it is made from sources."),
    Field::new("entry_point", TEXTS, "What the image starts, written into it; `image_config` changes it for one function."),
    Field::new("command", TEXTS, "What its entry point gets, written into it."),
    Field::new("working_directory", ANY_STRING, "The folder that it is started in, written into it."),
    Field::new("environment", Shape::Map { value: &SCALAR, check: None }, "Variables that are written into the image."),
    Field::new("credentials", Shape::Choice(&["docker-config"]), "Whether the base's registry is asked with what `docker login` keeps."),
    Field::new("uri", Shape::checked(1, 2048, check_image_uri), "The address of an image that lies in ECR already."),
    Field::new("repository", ANY_STRING, "The `[ecr.NAME]` that it is pushed to; one of the function's own unless given."),
    Field::new(
        image::KEEP,
        image::KEPT,
        "How many images stay, the current one among them, so that one can go back to them; 1 unless given.",
    ),
];

const SCALAR: Shape = Shape::AnyOf(&[ANY_STRING, Shape::Integer { min: i64::MIN, max: i64::MAX }, Shape::Boolean]);

const ENGINES: &[&str] = &["docker", "podman", "finch", "nerdctl", "buildah"];

const IMAGE_SECRET: &[Field] =
    &[Field::new("env", ANY_STRING, "The environment variable that has it."), Field::new("file", ANY_STRING, "The file that has it.")];

const IMAGE_CACHE: &[Field] =
    &[Field::new("from", TEXTS, "Where layers are found, in the engine's words."), Field::new("to", TEXTS, "Where they are kept.")];

const IMAGE_CONFIG: &[Field] = &[
    Field::new("command", Shape::List { item: &ANY_STRING, max: 1500 }, "What the entry point gets, instead of the image's `CMD`."),
    Field::new("entry_point", Shape::List { item: &ANY_STRING, max: 1500 }, "What is started, instead of the image's `ENTRYPOINT`."),
    Field::new("working_directory", Shape::text(0, 1000), "The folder that it is started in, instead of the image's `WORKDIR`."),
];

/// Keys of `build`.
pub(crate) const BUILD: &[Field] = &[
    Field::new(
        "kind",
        ANY_STRING,
        "What builds it: `go`, `rust`, `python`, `node` or `command`; found from what lies in the folder unless given.",
    ),
    Field::new("path", ANY_STRING, "The folder with the sources."),
    Field::new("command", Shape::AnyOf(&[ANY_STRING, TEXTS]), "What is run: a line for the shell, or a program with its arguments."),
    Field::new(
        "inputs",
        TEXTS,
        "Globs of the files that decide whether it must be built again; for a script of Node.js, of those outside of its folder.",
    ),
    Field::new("output", ANY_STRING, "The file or folder that the build leaves; for a script of Node.js `dist` unless given."),
    RUST[0],
    RUST[1],
    RUST[2],
    RUST[3],
    RUST[4],
    RUST[5],
    RUST[6],
    GO[0],
    GO[1],
    GO[2],
    GO[3],
    PYTHON[0],
    PYTHON[1],
    PYTHON[2],
    PYTHON[3],
    PYTHON[4],
    PYTHON[5],
    NODE[0],
    NODE[1],
    NODE[2],
    NODE[3],
    NODE[4],
    NODE[5],
    Field::new("go", Shape::Table(GO), "What holds for builds of Go only, such as in `[defaults.build.go]`."),
    Field::new("rust", Shape::Table(RUST), "What holds for builds of Rust only, such as in `[defaults.build.rust]`."),
    Field::new("python", Shape::Table(PYTHON), "What holds for builds of Python only."),
    Field::new("node", Shape::Table(NODE), "What holds for builds of Node.js only."),
];

/// Keys of `build` for Rust, and of `build.rust`.
const RUST: &[Field] = &[
    Field::new("bin", ANY_STRING, "The binary, where there are several and none is called like the function."),
    Field::new("package", ANY_STRING, "The member of a workspace of Rust, or Go's package of the program, such as `./cmd/api`."),
    Field::new("features", TEXTS, "Features that are switched on."),
    Field::new("profile", ANY_STRING, "The profile that it is built with; `release` unless given."),
    Field::new("target", ANY_STRING, "A target that `architectures` does not imply, such as `x86_64-unknown-linux-musl`."),
    FLAGS,
    ENV,
    CONTAINER,
    CONTAINER_IMAGE,
];

const CONTAINER: Field = Field::new(
    "container",
    Shape::Choice(&["auto", "never", "always", "docker", "podman", "finch", "nerdctl", "buildah"]),
    "Whether a container builds it, and which engine: `auto` where the toolchain is missing; `never` unless given.",
);
const CONTAINER_IMAGE: Field = Field::new(
    "container_image",
    ANY_STRING,
    "The image of that container; the official one of the version that `go.mod` or `rust-toolchain.toml` asks for unless given.",
);
const FLAGS: Field =
    Field::new("flags", TEXTS, "More arguments for the build's tool: `cargo build`, `go build`, uv or pip, esbuild or npm.");
const ENV: Field = Field::new("env", Shape::Map { value: &ANY_STRING, check: None }, "More environment variables for the build.");
const INCLUDE: Field =
    Field::new("include", TEXTS, "Globs of the files that the package takes; of a bundle, those that lie beside it. All unless given.");
const EXCLUDE: Field = Field::new("exclude", TEXTS, "Globs of the files that stay out of the package.");

/// Keys of `build` for Python, and of `build.python`.
const PYTHON: &[Field] = &[
    Field::new(
        "requirements",
        ANY_STRING,
        "The file that says what is installed: `requirements.txt`, `uv.lock` or `pyproject.toml` unless given.",
    ),
    Field::new("installer", Shape::Choice(&["uv", "pip"]), "What installs it; uv where it is there, else pip."),
    Field::new("interpreter", ANY_STRING, "The Python that the installer is asked with; `python3` unless given."),
    Field::new("source", ANY_STRING, "The folder below `path` whose files become the package, such as `src`."),
    INCLUDE,
    EXCLUDE,
    FLAGS,
    ENV,
];

/// Keys of `build` for Node.js, and of `build.node`.
const NODE: &[Field] = &[
    Field::new("entry", ANY_STRING, "The file that is bundled, where the handler does not name it."),
    Field::new("format", Shape::Choice(&["esm", "cjs"]), "The kind of module that the bundle is; as `package.json` says unless given."),
    Field::new("minify", Shape::Boolean, "Whether the bundle is made small."),
    Field::new("sourcemap", Shape::Boolean, "Whether a source map lies beside the bundle."),
    Field::new("external", TEXTS, "Packages that stay out of the bundle; those of the AWS SDK unless given."),
    Field::new("script", ANY_STRING, "The script of `package.json` that builds, in place of esbuild."),
    Field::new("output", ANY_STRING, "The folder that the script leaves; `dist` unless given."),
    INCLUDE,
    EXCLUDE,
    FLAGS,
    ENV,
    Field::new("inputs", TEXTS, "Globs of the files outside of the folder that the script reads, such as `../shared/**`."),
];

/// Keys of `build` for Go, and of `build.go`.
const GO: &[Field] = &[
    Field::new("ldflags", Shape::AnyOf(&[ANY_STRING, TEXTS]), "Arguments of Go's linker; `-s -w` unless given."),
    Field::new("tags", TEXTS, "Build tags; `lambda.norpc` unless given."),
    CONTAINER,
    CONTAINER_IMAGE,
    Field::new("package", ANY_STRING, "The package of the program, such as `./cmd/api`; the folder itself unless given."),
    FLAGS,
    ENV,
];

const STORAGE_SIZE: Shape = Shape::Integer { min: 512, max: 10_240 };

/// Keys of `ephemeral_storage`.
const EPHEMERAL_STORAGE: &[Field] = &[Field::new("size", STORAGE_SIZE, "The size of `/tmp` in MB.").default(Default::Integer(512))];

const VPC_CONFIG: &[Field] = &[
    Field::new("subnet_ids", Shape::List { item: &Shape::checked(1, 1024, check_subnet), max: MOST_SUBNETS }, "Its subnets.")
        .default(Default::Texts(&[]))
        .compare(Compare::Set),
    Field::new(
        "security_group_ids",
        Shape::List { item: &Shape::checked(1, 1024, check_security_group), max: MOST_SECURITY_GROUPS },
        "Its security groups.",
    )
    .default(Default::Texts(&[]))
    .compare(Compare::Set),
    Field::new("ipv6_allowed_for_dual_stack", Shape::Boolean, "Whether it may use IPv6 in dual-stack subnets.")
        .default(Default::Boolean(false)),
];

const DEAD_LETTER_CONFIG: &[Field] =
    &[Field::new("target_arn", Shape::checked(0, 2048, check_optional_arn), "The ARN of an SQS queue or SNS topic.")
        .default(Default::Text(""))];

const TRACING_CONFIG: &[Field] =
    &[Field::new("mode", Shape::Choice(&["PassThrough", "Active"]), "`Active` samples and traces, `PassThrough` follows the caller.")
        .default(Default::Text("PassThrough"))];

const LOGGING_CONFIG: &[Field] = &[
    Field::new("log_format", Shape::Choice(&["Text", "JSON"]), "The form of the log lines.").default(Default::Text("Text")),
    Field::new("log_group", Shape::checked(1, 512, log_group::check_name), "The log group that it writes to, by name."),
    Field::new(
        "application_log_level",
        Shape::Choice(&["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]),
        "The least level of the function's own lines; needs `log_format = \"JSON\"`.",
    ),
    Field::new(
        "system_log_level",
        Shape::Choice(&["DEBUG", "INFO", "WARN"]),
        "The least level of Lambda's lines; needs `log_format = \"JSON\"`.",
    ),
];

const FILE_SYSTEM_CONFIG: &[Field] = &[
    Field::new("arn", Shape::checked(1, 256, check_access_point), "The ARN of the file system's access point.").required(),
    Field::new("local_mount_path", Shape::checked(1, 160, check_mount_path), "Where it is mounted, below `/mnt/`.").required(),
];

const SNAP_START: &[Field] =
    &[Field::new("apply_on", Shape::Choice(&["None", "PublishedVersions"]), "Which versions get one.").default(Default::Text("None"))];

/// The defaults of a table's fields as one value.
fn filled(fields: &[Field]) -> Value {
    let mut table = Table::new();
    fill_defaults(fields, &mut table);
    table.into()
}

fn ephemeral_storage() -> Value {
    filled(EPHEMERAL_STORAGE)
}

fn vpc_config() -> Value {
    filled(VPC_CONFIG)
}

fn dead_letter_config() -> Value {
    filled(DEAD_LETTER_CONFIG)
}

fn tracing_config() -> Value {
    filled(TRACING_CONFIG)
}

fn snap_start() -> Value {
    filled(SNAP_START)
}

fn check_name(text: &str) -> Result<(), String> {
    only(text, "-_")
}

/// Whether a function can be called so.
pub(in crate::kinds) fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && check_name(text).is_ok()
}

/// Lambda takes images of private registries of ECR. Addresses on this machine are an emulator's.
fn check_image_uri(text: &str) -> Result<(), String> {
    const EXAMPLE: &str = "`123456789012.dkr.ecr.eu-central-1.amazonaws.com/NAME:TAG`";
    let Some(uri) = ImageUri::parse(text) else { return Err(format!("is not the address of an image, such as {EXAMPLE}")) };
    if uri.registry().is_none() && !uri.is_of_this_machine() {
        return Err(format!("is not in a private registry of ECR, and Lambda takes images from there only, such as {EXAMPLE}"));
    }
    let is_exact = uri.tag.is_some() || uri.digest.is_some();
    is_exact.then_some(()).ok_or_else(|| "has neither a tag nor a digest".to_owned())
}

fn check_handler(text: &str) -> Result<(), String> {
    if text.chars().any(char::is_whitespace) { Err("must not have spaces".to_owned()) } else { Ok(()) }
}

fn check_optional_arn(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { arn::check(text) }
}

fn check_mount_path(text: &str) -> Result<(), String> {
    let is_below = text.strip_prefix("/mnt/").is_some_and(|rest| {
        !rest.is_empty() && rest.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
    });
    is_below.then_some(()).ok_or_else(|| "must be one folder below `/mnt/`, such as `/mnt/data`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_builds_of_a_language_can_stand_in_the_build_itself_once() {
        for language in [RUST, GO, PYTHON, NODE] {
            assert!(language.iter().all(|option| BUILD.iter().filter(|field| field.key == option.key).count() == 1));
        }
    }

    #[test]
    fn every_setting_that_reads_back_has_the_default_that_lambda_answers() {
        let Value::Table(defaults) = filled(FIELDS) else { panic!("no table") };
        insta::assert_snapshot!(Value::Table(defaults).to_json(), @r#"{"architectures":["x86_64"],"dead_letter_config":{"target_arn":""},"description":"","environment":{},"ephemeral_storage":{"size":512},"file_system_configs":[],"handler":"bootstrap","kms_key_arn":"","layers":[],"memory_size":128,"runtime":"provided.al2023","snap_start":{"apply_on":"None"},"tags":{},"timeout":3,"tracing_config":{"mode":"PassThrough"},"vpc_config":{"ipv6_allowed_for_dual_stack":false,"security_group_ids":[],"subnet_ids":[]}}"#);
    }

    #[test]
    fn checks_refuse_what_lambda_refuses() {
        for (check, good, bad) in [
            (check_name as crate::model::field::Check, "demo-hash_1", "demo.hash"),
            (check_handler, "index.handler", "index handler"),
            (check_optional_arn, "", "my-queue"),
            (check_image_uri, "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1", "123456789012.dkr.ecr.us-east-1.amazonaws.com/x"),
            (check_image_uri, "127.0.0.1:4566/x:1", "public.ecr.aws/x:1"),
            (check_mount_path, "/mnt/data", "/data"),
            (check_mount_path, "/mnt/data", "/mnt/"),
        ] {
            assert!(check(good).is_ok(), "{good}");
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
