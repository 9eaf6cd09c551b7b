//! .NET: `ASSEMBLY::NAMESPACE.CLASS::METHOD`, or the assembly alone where it is a program
//! (<https://docs.aws.amazon.com/lambda/latest/dg/csharp-handler.html>).

use super::{Subject, Tree, no_file};
use crate::diagnostic::Diagnostic;
use crate::package::contents::BOOTSTRAP;
use serde_json::Value as Json;
use std::io;

/// What every program of .NET stands on.
const FRAMEWORK: &str = "Microsoft.NETCore.App";

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let assembly = subject.handler.split("::").next().unwrap_or_default();
    // Code that is compiled ahead of time comes as a program.
    if tree.has(BOOTSTRAP) || subject.has_more {
        return Ok(Vec::new());
    }
    let (library, configuration) = (format!("{assembly}.dll"), format!("{assembly}.runtimeconfig.json"));
    if !tree.has(&library) {
        let diagnostic = no_file(tree, subject, &[library], &[".dll"]);
        let source = tree.names().any(|name| name.ends_with(".csproj") || name.ends_with(".cs"));
        return Ok(vec![if source { diagnostic.hint("`dotnet publish -c Release` makes the folder to deploy") } else { diagnostic }]);
    }
    if let Some(problem) = bad_form(subject) {
        return Ok(vec![problem]);
    }
    if !tree.read(&library, 2)?.starts_with(b"MZ") {
        let found = Diagnostic::error("bad-assembly", "The handler's assembly is none");
        let detail = format!("`{library}` does not begin as assemblies do: it is cut off, or something else.");
        return Ok(vec![found.detail(detail).hint("`dotnet publish -c Release` makes the folder to deploy")]);
    }
    if tree.has(&configuration) {
        let text = tree.text(&configuration)?.unwrap_or_default();
        let found = newer_framework(subject, &configuration, &text).or_else(|| broken(&configuration, &text));
        return Ok(found.into_iter().collect());
    }
    let detail = format!("`{library}` is there, but `{configuration}`, without which `{}` cannot load it, is not.", subject.runtime);
    let diagnostic = Diagnostic::error("no-runtime-configuration", "The package of a .NET function is not whole").detail(detail);
    Ok(vec![diagnostic.hint(
        "`<GenerateRuntimeConfigurationFiles>true</GenerateRuntimeConfigurationFiles>` in the project makes `dotnet publish` write it",
    )])
}

/// A class library is called by assembly, type and method; a program by its assembly alone.
fn bad_form(subject: &Subject<'_>) -> Option<Diagnostic> {
    let parts: Vec<&str> = subject.handler.split("::").collect();
    if [1, 3].contains(&parts.len()) && !parts.iter().any(|part| part.is_empty()) {
        return None;
    }
    let detail = format!(
        "`{}` names no method: `{}` looks for `ASSEMBLY::NAMESPACE.CLASS::METHOD`, or starts the program `ASSEMBLY`.",
        subject.handler, subject.runtime
    );
    Some(Diagnostic::error("handler-form", "The handler cannot be found").detail(detail))
}

/// The host of .NET takes comments in it, and refuses what else is not JSON
/// (<https://github.com/dotnet/runtime/blob/main/src/native/corehost/json_parser.h>).
fn broken(configuration: &str, text: &str) -> Option<Diagnostic> {
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text.trim_start_matches('\u{feff}')).err()?;
    let has_comments = ["//", "/*"].iter().any(|start| text.contains(start));
    let found = || Diagnostic::error("no-runtime-configuration", "The package of a .NET function is not whole");
    (!has_comments).then(|| found().detail(format!("`{configuration}` is not JSON: {error}. Publish the project again.")))
}

/// The version of .NET that an assembly asks for is the least that it takes
/// (<https://learn.microsoft.com/dotnet/core/versions/selection>).
fn newer_framework(subject: &Subject<'_>, configuration: &str, text: &str) -> Option<Diagnostic> {
    let json: Json = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let options = &json["runtimeOptions"];
    let frameworks = options["frameworks"].as_array().into_iter().flatten().chain([&options["framework"]]);
    let own: u32 = subject.runtime.strip_prefix("dotnet")?.parse().ok()?;
    let asked = frameworks.filter(|framework| framework["name"] == FRAMEWORK).find_map(|framework| framework["version"].as_str())?;
    let needed: u32 = asked.split('.').next()?.parse().ok()?;
    if needed <= own {
        return None;
    }
    let detail = format!("`{configuration}` asks for .NET {asked}, and `{}` has .NET {own}.", subject.runtime);
    let found = Diagnostic::error("newer-dotnet", "The assembly is built for a newer .NET").detail(detail);
    Some(found.hint(format!("build it for `net{own}.0`, or take `runtime = \"dotnet{needed}\"` if Lambda has it")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::check::Place;

    #[test]
    fn an_assembly_for_a_newer_dotnet_is_told() {
        let subject = Subject {
            runtime: "dotnet8",
            handler: "App",
            architecture: "x86_64",
            has_more: false,
            has_options: false,
            is_layer: false,
            place: Place::Lambda,
        };
        let told = |version: &str| {
            let text = format!("\u{feff}{{\"runtimeOptions\":{{\"framework\":{{\"name\":\"{FRAMEWORK}\",\"version\":\"{version}\"}}}}}}");
            newer_framework(&subject, "App.runtimeconfig.json", &text).map(|found| found.detail)
        };
        assert_eq!(told("10.0.0").unwrap(), "`App.runtimeconfig.json` asks for .NET 10.0.0, and `dotnet8` has .NET 8.");
        assert_eq!((told("8.0.1"), told("6.0.0"), told("x")), (None, None, None));
        let several =
            r#"{"runtimeOptions":{"frameworks":[{"name":"Other","version":"99.0"},{"name":"Microsoft.NETCore.App","version":"9.0"}]}}"#;
        assert!(newer_framework(&subject, "a", several).is_some());
    }
}
