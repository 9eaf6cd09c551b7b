//! .NET: `ASSEMBLY::NAMESPACE.CLASS::METHOD`, or the assembly alone where it is a program
//! (<https://docs.aws.amazon.com/lambda/latest/dg/csharp-handler.html>).

use super::{Subject, Tree, no_file};
use crate::diagnostic::Diagnostic;
use crate::package::contents::BOOTSTRAP;
use std::io;

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let assembly = subject.handler.split("::").next().unwrap_or_default();
    // Code that is compiled ahead of time comes as a program.
    if tree.has(BOOTSTRAP) || subject.has_layers {
        return Ok(Vec::new());
    }
    let (library, configuration) = (format!("{assembly}.dll"), format!("{assembly}.runtimeconfig.json"));
    if !tree.has(&library) {
        let diagnostic = no_file(tree, subject, &[library], &[".dll"]);
        let source = tree.names().any(|name| name.ends_with(".csproj") || name.ends_with(".cs"));
        return Ok(vec![if source { diagnostic.hint("`dotnet publish -c Release` makes the folder to deploy") } else { diagnostic }]);
    }
    if tree.has(&configuration) {
        return Ok(Vec::new());
    }
    let detail = format!("`{library}` is there, but `{configuration}`, without which `{}` cannot load it, is not.", subject.runtime);
    let diagnostic = Diagnostic::error("no-runtime-configuration", "The package of a .NET function is not whole").detail(detail);
    Ok(vec![diagnostic.hint(
        "`<GenerateRuntimeConfigurationFiles>true</GenerateRuntimeConfigurationFiles>` in the project makes `dotnet publish` write it",
    )])
}
