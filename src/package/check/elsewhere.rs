//! What a function's variables say of where its code lies and how it is loaded, which no package shows.

use crate::model::{PackageRequest, Value};

/// Variables that lead to code outside of the package, such as on a mounted file system, by how the runtimes begin that
/// read them (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
const SEARCH_PATHS: [(&str, &str); 9] = [
    ("python", "PYTHONPATH"),
    ("nodejs", "NODE_PATH"),
    ("ruby", "GEM_PATH"),
    ("ruby", "RUBYLIB"),
    ("java", "CLASSPATH"),
    ("dotnet", "DOTNET_SHARED_STORE"),
    ("dotnet", "DOTNET_ADDITIONAL_DEPS"),
    ("", "LD_LIBRARY_PATH"),
    ("", WRAPPER),
];

/// Names a program that starts the runtime in its place
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html>).
const WRAPPER: &str = "AWS_LAMBDA_EXEC_WRAPPER";

/// Options of Node.js that change how files are loaded (<https://nodejs.org/api/cli.html>).
const NODE_OPTIONS: [&str; 6] = ["-r", "--require", "--import", "--loader", "--experimental-", "--conditions"];

/// Whether code is sought in places that are not in the package.
pub(super) fn has_search_path(request: &PackageRequest) -> bool {
    search_paths(request).next().is_some() || has_options(request)
}

/// The variables that lead elsewhere.
pub(super) fn search_paths(request: &PackageRequest) -> impl Iterator<Item = &'static str> {
    SEARCH_PATHS.iter().filter(|(family, _)| request.runtime.starts_with(family)).map(|(_, name)| *name).filter(|name| has(request, name))
}

/// Whether files are loaded in another way than their language does it by itself.
pub(super) fn has_options(request: &PackageRequest) -> bool {
    let options = variable(request, "NODE_OPTIONS").filter(|_| request.runtime.starts_with("nodejs"));
    // What is not known until it is deployed may be any option.
    let changes = |options: &Value| options.as_str().is_none_or(|text| NODE_OPTIONS.iter().any(|option| text.contains(option)));
    options.is_some_and(changes) || has(request, WRAPPER)
}

fn has(request: &PackageRequest, name: &str) -> bool {
    variable(request, name).is_some_and(|value| value.as_str() != Some(""))
}

fn variable<'a>(request: &'a PackageRequest, name: &str) -> Option<&'a Value> {
    request.environment.as_ref()?.as_table()?.get(name)
}

/// What nobody looks at because of layers and variables, in words.
pub(super) fn unseen(request: &PackageRequest) -> Vec<String> {
    let layers = request.has_layers().then(|| "what its layers bring".to_owned());
    layers.into_iter().chain(search_paths(request).map(|name| format!("what `{name}` leads to"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{request, value};

    #[test]
    fn variables_that_lead_elsewhere_are_those_of_the_runtime() {
        let of = |runtime: &str, environment: &str| PackageRequest {
            runtime: runtime.to_owned(),
            environment: Some(value(environment)),
            ..request("f", r#"{"path":"."}"#)
        };
        for (runtime, environment, expected) in [
            ("python3.13", r#"{"PYTHONPATH":"/mnt/lib"}"#, (true, false)),
            ("python3.13", r#"{"NODE_PATH":"/mnt/lib","NODE_OPTIONS":"--import x"}"#, (false, false)),
            ("python3.13", r#"{"PYTHONPATH":""}"#, (false, false)),
            ("nodejs22.x", r#"{"NODE_PATH":"/mnt/lib"}"#, (true, false)),
            ("nodejs22.x", r#"{"NODE_OPTIONS":"--enable-source-maps"}"#, (false, false)),
            ("nodejs22.x", r#"{"NODE_OPTIONS":"--import /opt/hook.mjs"}"#, (true, true)),
            ("provided.al2023", r#"{"LD_LIBRARY_PATH":"/mnt/lib"}"#, (true, false)),
            ("java21", r#"{"AWS_LAMBDA_EXEC_WRAPPER":"/opt/wrapper"}"#, (true, true)),
        ] {
            let request = of(runtime, environment);
            assert_eq!((has_search_path(&request), has_options(&request)), expected, "{runtime} {environment}");
        }
        assert_eq!(unseen(&of("python3.13", r#"{"PYTHONPATH":"/mnt/lib"}"#)), ["what `PYTHONPATH` leads to"]);
    }
}
