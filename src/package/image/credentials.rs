//! Credentials of registries, as `docker login` keeps them.

use crate::package::environment::Environment;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// What Docker calls its own registry.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";
/// The user's name that says that the password is a token for another way to log in.
const TOKEN_USER: &str = "<token>";

/// How long a helper may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The file that `docker login` writes.
/// <https://docs.docker.com/reference/cli/docker/#docker-cli-configuration-file-configjson-properties>
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
}

/// What a helper answers.
/// <https://github.com/docker/docker-credential-helpers>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The credentials for a registry, from the file or the helper that it names.
///
/// # Errors
/// A sentence when there are none. It never has a credential in it.
pub(super) async fn docker_config(registry: &str, environment: &Environment) -> Result<RegistryAuth, String> {
    let path = path(environment).ok_or("There is no home folder with a docker configuration: `HOME` is not set.")?;
    let shown = path.display();
    let text = std::fs::read(&path).map_err(|error| format!("`{shown}` cannot be read: {error}. Run `docker login {registry}` before."))?;
    let config: Config = serde_json::from_slice(&text).map_err(|error| format!("`{shown}` cannot be understood: {error}."))?;
    let names = names(registry);
    if let Some(helper) = names.iter().find_map(|name| config.cred_helpers.get(name)).or(config.creds_store.as_ref()) {
        return ask(helper, &names[0], environment).await;
    }
    let entry = names.iter().find_map(|name| config.auths.get(name)).and_then(|entry| entry.auth.as_deref());
    let entry = entry.ok_or_else(|| format!("`{shown}` has no credentials for `{registry}`. Run `docker login {registry}` before."))?;
    basic(entry).ok_or_else(|| format!("The credentials for `{registry}` in `{shown}` cannot be understood. Log in again."))
}

fn path(environment: &Environment) -> Option<PathBuf> {
    let folder = environment.get("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(Path::new(environment.get("HOME").or_else(|| environment.get("USERPROFILE"))?).join(".docker")));
    Some(folder?.join("config.json"))
}

/// What a registry may be called in the file.
fn names(registry: &str) -> Vec<String> {
    let is_hub = ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(&registry);
    let first = if is_hub { DOCKER_HUB.to_owned() } else { registry.to_owned() };
    vec![first, registry.to_owned(), format!("https://{registry}"), format!("https://{registry}/")]
}

fn basic(auth: &str) -> Option<RegistryAuth> {
    let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(RegistryAuth::Basic(user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

async fn ask(helper: &str, name: &str, environment: &Environment) -> Result<RegistryAuth, String> {
    let program = format!("docker-credential-{helper}");
    let found = environment.find(&program);
    let path = found.ok_or_else(|| format!("The docker configuration names the helper `{program}`, which is not in the `PATH`."))?;
    let mut command = environment.command(&path, Path::new("."));
    let failed = |error: std::io::Error| format!("`{program}` could not be run: {error}.");
    let mut child = command.arg("get").stdin(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(name.as_bytes()).await.map_err(failed)?;
    }
    // It may wait for somebody to unlock a chain of keys, and ask in a window that nobody sees.
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.map_err(|_| format!("`{program}` did not answer within {} seconds.", PATIENCE.as_secs()))?.map_err(failed)?;
    let answer = serde_json::from_slice::<Answer>(&output.stdout).ok().filter(|_| output.status.success());
    match answer {
        Some(answer) if answer.username == TOKEN_USER => {
            Err(format!("`{program}` has an identity token for `{name}`, which lambdo cannot use. Log in with a name and a password."))
        }
        Some(answer) => Ok(RegistryAuth::Basic(answer.username, answer.secret)),
        None => Err(format!("`{program}` has no credentials for `{name}`. Run `docker login` before.")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A docker configuration and a helper, `docker-credential-fake`, that answers with what it is given.
    fn environment(folder: &Path, config: &str, answer: &str) -> Environment {
        std::fs::write(folder.join("config.json"), config).unwrap();
        let helper = folder.join("docker-credential-fake");
        std::fs::write(&helper, format!("#!/bin/sh\nread -r name\necho '{answer}' | sed \"s,NAME,$name,\"\n")).unwrap();
        std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut environment = Environment::default();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        environment.set("PATH", &path);
        environment.set("DOCKER_CONFIG", &folder.display().to_string());
        environment
    }

    async fn found(registry: &str, config: &str, answer: &str) -> Result<RegistryAuth, String> {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path(), config, answer);
        docker_config(registry, &environment).await.map_err(|why| why.replace(&folder.path().display().to_string(), "F"))
    }

    fn login(user: &str, password: &str) -> Result<RegistryAuth, String> {
        Ok(RegistryAuth::Basic(user.into(), password.into()))
    }

    #[tokio::test]
    async fn credentials_come_from_the_file_or_from_the_helper_that_it_names() {
        let plain = r#"{"auths":{"r.example":{"auth":"dXNlcjpwYTpzcw=="},"https://index.docker.io/v1/":{"auth":"aHViOng="}}}"#;
        assert_eq!(found("r.example", plain, "").await, login("user", "pa:ss"));
        assert_eq!(found("index.docker.io", plain, "").await, login("hub", "x"));
        let helped = r#"{"auths":{},"credHelpers":{"r.example":"fake"}}"#;
        assert_eq!(found("r.example", helped, r#"{"Username":"AWS","Secret":"for NAME"}"#).await, login("AWS", "for r.example"));
        let stored = r#"{"credsStore":"fake"}"#;
        assert_eq!(found("docker.io", stored, r#"{"Username":"u","Secret":"NAME"}"#).await, login("u", DOCKER_HUB));
    }

    #[tokio::test]
    async fn what_is_missing_is_said() {
        let mut said = Vec::new();
        for (config, answer) in [
            ("{}", ""),
            ("{", ""),
            (r#"{"auths":{"r.example":{"auth":"!"}}}"#, ""),
            (r#"{"credsStore":"other"}"#, ""),
            (r#"{"credsStore":"fake"}"#, "credentials not found"),
            (r#"{"credsStore":"fake"}"#, r#"{"Username":"<token>","Secret":"x"}"#),
        ] {
            said.push(found("r.example", config, answer).await.unwrap_err());
        }
        insta::assert_snapshot!(said.join("\n"), @r"
        `F/config.json` has no credentials for `r.example`. Run `docker login r.example` before.
        `F/config.json` cannot be understood: EOF while parsing an object at line 1 column 1.
        The credentials for `r.example` in `F/config.json` cannot be understood. Log in again.
        The docker configuration names the helper `docker-credential-other`, which is not in the `PATH`.
        `docker-credential-fake` has no credentials for `r.example`. Run `docker login` before.
        `docker-credential-fake` has an identity token for `r.example`, which lambdo cannot use. Log in with a name and a password.
        ");
    }

    /// The clock runs on while nothing else does.
    #[tokio::test(start_paused = true)]
    async fn a_helper_that_does_not_answer_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path(), r#"{"credsStore":"fake"}"#, "");
        std::fs::write(folder.path().join("docker-credential-fake"), "#!/bin/sh\nexec sleep 600\n").unwrap();
        let why = docker_config("r.example", &environment).await.unwrap_err();
        assert_eq!(why, "`docker-credential-fake` did not answer within 30 seconds.");
    }
}
