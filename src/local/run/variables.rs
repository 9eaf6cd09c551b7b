//! The environment variables of a function's process.

use super::deployment::{Credentials, Deployment};
use super::image::SEARCH_PATH;
use super::sandbox::OPT;
use std::collections::BTreeMap;
use std::path::Path;

/// What the variables need beside the deployment.
pub struct Surroundings<'a> {
    /// Where the process sees its code.
    pub task_root: &'a str,
    /// Port of the environment's Runtime API.
    pub port: u16,
    pub log_stream: &'a str,
    pub credentials: &'a Credentials,
    /// Whether the runtime is one of AWS's own and not `provided`.
    pub is_managed: bool,
    /// The folder that stands for `/tmp` where the process cannot have a `/tmp` of its own.
    pub temporary_folder: Option<&'a Path>,
    /// The cloud's search path.
    pub search_path: &'a str,
    /// Where the process sees its layers, if it has any.
    pub layers_root: Option<&'a str>,
}

/// Exactly what the process sees: the function's own variables and AWS's, which win where AWS reserves
/// them (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
pub fn variables(deployment: &Deployment, surroundings: &Surroundings<'_>) -> BTreeMap<String, String> {
    let mut variables = match &deployment.image {
        Some(image) => of_image(&image.environment),
        None => defaults(deployment, surroundings),
    };
    variables.extend(deployment.environment.clone());
    variables.extend(reserved(deployment, surroundings));
    variables
}

/// What a function may set otherwise.
fn defaults(deployment: &Deployment, surroundings: &Surroundings<'_>) -> BTreeMap<String, String> {
    let root = surroundings.task_root;
    let opt = surroundings.layers_root.unwrap_or(OPT);
    let mut variables = BTreeMap::from([
        ("LANG".into(), "en_US.UTF-8".into()),
        ("TZ".into(), ":UTC".into()),
        ("PATH".into(), search_path(surroundings.search_path, opt)),
        // System libraries are found without being named here, whatever the machine calls their folders.
        ("LD_LIBRARY_PATH".into(), format!("{root}:{root}/lib:{opt}/lib")),
        ("AWS_XRAY_CONTEXT_MISSING".into(), "LOG_ERROR".into()),
        // SDKs find the files of the cloud's user even without HOME, and real credentials may be in them.
        ("AWS_CONFIG_FILE".into(), "/dev/null".into()),
        ("AWS_SHARED_CREDENTIALS_FILE".into(), "/dev/null".into()),
    ]);
    if surroundings.layers_root.is_some() {
        variables.extend(modules(&deployment.runtime, opt));
    }
    if let Some(folder) = surroundings.temporary_folder {
        variables.insert("TMPDIR".into(), folder.display().to_string());
        variables.insert("HOME".into(), folder.display().to_string());
    }
    variables
}

/// Where the modules of layers are, by language
/// (<https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html>).
fn modules(runtime: &str, opt: &str) -> Option<(String, String)> {
    if let Some(version) = runtime.strip_prefix("python") {
        return Some(("PYTHONPATH".into(), format!("{opt}/python:{opt}/python/lib/python{version}/site-packages")));
    }
    let major = runtime.strip_prefix("nodejs")?.strip_suffix(".x")?;
    Some(("NODE_PATH".into(), format!("{opt}/nodejs/node{major}/node_modules:{opt}/nodejs/node_modules")))
}

/// An image brings its own; there is nothing of the machine in it that would have to be found or hidden.
fn of_image(own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([("PATH".into(), SEARCH_PATH.into()), ("TZ".into(), ":UTC".into())]);
    variables.extend(own.clone());
    variables
}

/// Lambda's own path, then the cloud's, in which interpreters are.
fn search_path(of_the_cloud: &str, opt: &str) -> String {
    let own = format!("{opt}/bin");
    let mut folders = vec!["/usr/local/bin", "/usr/bin", "/bin", own.as_str()];
    for folder in of_the_cloud.split(':').filter(|folder| folder.starts_with('/')) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders.join(":")
}

fn reserved(deployment: &Deployment, surroundings: &Surroundings<'_>) -> BTreeMap<String, String> {
    let credentials = surroundings.credentials;
    let mut variables: BTreeMap<String, String> = [
        ("_HANDLER", deployment.handler.clone()),
        ("AWS_REGION", deployment.region.clone()),
        ("AWS_DEFAULT_REGION", deployment.region.clone()),
        ("AWS_LAMBDA_FUNCTION_NAME", deployment.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", deployment.version.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", deployment.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", deployment.log_group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", surroundings.log_stream.to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{}", surroundings.port)),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", credentials.session_token.clone()),
        ("AWS_ENDPOINT_URL", deployment.endpoint_url.clone()),
        ("LAMBDA_TASK_ROOT", surroundings.task_root.to_owned()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if surroundings.is_managed {
        variables.insert("AWS_EXECUTION_ENV".into(), format!("AWS_Lambda_{}", deployment.runtime));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpreters_are_found_behind_lambdas_own_folders() {
        let path = search_path("/home/u/.pyenv/shims:/usr/bin:relative::/opt/node/bin", OPT);
        assert_eq!(path, "/usr/local/bin:/usr/bin:/bin:/opt/bin:/home/u/.pyenv/shims:/opt/node/bin");
    }
}
