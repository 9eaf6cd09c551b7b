//! What was seen of a folder and not taken: code in which no function was found, Dockerfiles beside code, Java.

use super::folder::{Folder, join, split};
use super::script::{DOCKERFILES, is_around};
use super::text::quoted;
use super::{Code, Function};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};
use crate::package::{NODE_RUNTIME, PYTHON_RUNTIME};

/// Files by which projects are known.
const PROJECTS: [&str; 4] = ["package.json", "requirements.txt", "pyproject.toml", "go.mod"];
/// Those of Java.
const OF_JAVA: [&str; 3] = ["pom.xml", "build.gradle", "build.gradle.kts"];
/// What sources end with. A crate of Rust may have the example, a crate too, beside it.
const SOURCES: [&str; 11] = ["py", "js", "mjs", "cjs", "ts", "mts", "go", "java", "kt", "rb", "cs"];
/// How many files are named.
const NAMED: usize = 3;

/// Something that may be a function, and is not in the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The file that it is known by.
    pub file: String,
    /// What it is.
    pub kind: Kind,
}

/// What was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Dockerfile beside code that was taken.
    Dockerfile,
    /// A project of Java or Kotlin.
    Java,
}

impl PassedOver {
    /// Why it was not taken.
    pub fn reason(&self) -> &'static str {
        match self.kind {
            Kind::Dockerfile => "it lies beside code that was taken",
            Kind::Java => "lambdo does not build Java by itself",
        }
    }

    /// What makes a function of it.
    pub fn setting(&self) -> String {
        match self.kind {
            Kind::Dockerfile => format!("image = {{ dockerfile = {} }}", quoted(&self.file)),
            Kind::Java => {
                let (place, name) = split(&self.file);
                let jar = if name == "pom.xml" { "target/NAME.jar" } else { "build/libs/NAME.jar" };
                format!("code = {{ zip = {} }}", quoted(&join(place, jar)))
            }
        }
    }

    /// What more there is to say of that.
    pub fn remark(&self) -> &'static str {
        match self.kind {
            Kind::Dockerfile => "",
            Kind::Java => {
                " with `runtime = \"java25\"` and `handler = \"PACKAGE.CLASS\"`, a jar that was built before and has all that it needs in it; \
                 or `build = { kind = \"command\", … }` that makes a folder or a zip"
            }
        }
    }
}

/// What was passed over, with `functions` being what was taken.
pub fn passed_over(folder: &Folder, functions: &[Function]) -> Vec<PassedOver> {
    let is_taken = |file: &str| functions.iter().any(|one| matches!(&one.code, Code::Dockerfile { file: taken, .. } if taken == file));
    let is_beside = |file: &str| functions.iter().any(|one| is_around(split(file).0, &one.folder));
    let dockerfiles = DOCKERFILES.iter().flat_map(|name| folder.called(name).filter(|file| !is_taken(file) && is_beside(file)));
    let dockerfiles = dockerfiles.map(|file| PassedOver { file: file.to_owned(), kind: Kind::Dockerfile });
    let java: Vec<&str> = OF_JAVA.iter().flat_map(|name| folder.called(name)).collect();
    // The modules of a project are built with it, and an image brings its own build.
    let is_inner = |file: &str| {
        let place = split(file).0;
        let is_module = java.iter().any(|other| split(other).0 != place && is_around(split(other).0, place));
        is_module || functions.iter().any(|one| matches!(one.code, Code::Dockerfile { .. }) && is_around(&one.folder, place))
    };
    let own = java.iter().filter(|file| !is_inner(file)).map(|file| PassedOver { file: (*file).to_owned(), kind: Kind::Java });
    dockerfiles.chain(own).collect()
}

/// The first files that show that there is code of languages other than Rust.
pub fn code(folder: &Folder) -> Vec<String> {
    let projects = PROJECTS.iter().chain(&OF_JAVA).flat_map(|name| folder.called(name));
    projects.chain(folder.ending(&SOURCES)).take(NAMED).map(str::to_owned).collect()
}

/// Refuses to write a spec for code in which no function is found: an example in another language would be of no use.
pub fn nothing_found(project: &str, unread: &[String], passed_over: &[PassedOver]) -> Failure {
    let files: Vec<String> = unread.iter().map(|file| format!("`{file}`")).collect();
    let detail = format!(
        "There is code here ({}), but none in which a function for Lambda can be seen, so that no spec is written. Looked for, up to \
         {} folders deep, but in no tests, in nothing that was installed, and in nothing that git ignores: in Python `def \
         handler(event, context)`, under any name; in JavaScript and TypeScript exports such as `exports.handler = …` or `export const \
         hello = async (event) => …`; in Go `package main`; crates that need `lambda_runtime`; programs called `bootstrap`; Dockerfiles.",
        files.join(", "),
        super::folder::DEPTH,
    );
    let failure = Diagnostic::error("no-functions", "No functions found").detail(detail);
    let failure = failure.hint(format!("write `config.toml` by hand: `project = \"{project}\"`, and below it {}", section(unread)));
    let of_java = passed_over.iter().map(|one| format!("`{}`: {}: `{}`{}", one.file, one.reason(), one.setting(), one.remark()));
    let failure = of_java.fold(failure, Diagnostic::hint);
    Failure::new(Exit::Usage, failure.hint("`lambdo init DIR` looks at another folder; an empty one gets an example"))
}

/// How a function is written whose code is like these files.
fn section(unread: &[String]) -> String {
    let is_of =
        |names: &[&str]| unread.iter().any(|file| names.iter().any(|name| split(file).1 == *name || file.ends_with(&format!(".{name}"))));
    let settings = if is_of(&["package.json", "js", "mjs", "cjs", "ts", "mts"]) {
        format!("`build = {{ kind = \"node\", path = \".\" }}`, `runtime = \"{NODE_RUNTIME}\"`, `handler = \"FOLDER/FILE.FUNCTION\"`")
    } else if is_of(&["requirements.txt", "pyproject.toml", "py"]) {
        format!("`build = {{ kind = \"python\", path = \".\" }}`, `runtime = \"{PYTHON_RUNTIME}\"`, `handler = \"FILE.FUNCTION\"`")
    } else if is_of(&["go.mod", "go"]) {
        "`build = { kind = \"go\", path = \"FOLDER\" }`".to_owned()
    } else {
        "`code = { dir = \"FOLDER\" }` or `code = { zip = \"FILE\" }`, `runtime = …`, `handler = …`".to_owned()
    };
    format!("`[function.NAME]` with {settings}")
}
