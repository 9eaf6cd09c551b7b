//! Where region, credentials and endpoint come from: looked up without calling anybody, so that what is
//! missing can be said at once, and by the name of the place where it is missing.

use super::session::Settings;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::{Exit, Failure};
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider, ProfileSet};
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{ConfigLoader, Region};
use aws_types::os_shim_internal::{Env, Fs};
use std::borrow::Cow;
use std::path::Path;

/// The most links of `source_profile` that are followed; the SDK refuses a circle itself.
const LINKS_MAX: usize = 8;

/// What profiles have at the most.
const LARGEST_FILE_BYTES: u64 = 1 << 20;
/// What people name who want no profiles.
const NOTHING: &str = "/dev/null";

/// What is known about the sources before anybody is called.
pub(super) struct Sources {
    profiles: ProfileSet,
    /// The profile that counts, where somebody has named one.
    named: Option<String>,
    /// Whether keys in the environment come first.
    has_keys: bool,
    /// Whether the machine itself may be asked.
    is_instance: bool,
}

impl Sources {
    /// Looks at the environment and at the files of the AWS CLI.
    ///
    /// # Errors
    /// [`Exit::Usage`] for files that cannot be understood, a profile that is not there, and one that asks for an MFA code.
    pub(super) async fn find(settings: &Settings) -> Result<Self, Failure> {
        let named = settings.profile.clone().or_else(|| variable("AWS_PROFILE"));
        let selected = named.clone().map(Cow::Owned);
        check_files()?;
        let loaded = aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), selected).await;
        let profiles = loaded.map_err(|error| unreadable(&chain(&error)))?;
        let has_keys = variable("AWS_ACCESS_KEY_ID").is_some() && settings.profile.is_none();
        let has_endpoint = settings.endpoint_url.is_some() || variable("AWS_ENDPOINT_URL").is_some();
        let is_instance = !has_keys && !has_endpoint && settings.profile.is_none() && may_be_an_instance();
        let sources = Self { profiles, named, has_keys, is_instance };
        sources.check()?;
        Ok(sources)
    }

    /// The profile that credentials would come from.
    pub(super) fn profile(&self) -> &str {
        self.profiles.selected_profile()
    }

    fn check(&self) -> Result<(), Failure> {
        if self.has_keys {
            return Ok(());
        }
        match &self.named {
            Some(name) if self.profiles.get_profile(name).is_none() => Err(self.unknown_profile(name)),
            _ => self.asking_for_mfa().map_or(Ok(()), |name| Err(mfa(name))),
        }
    }

    /// The profile on the way to the credentials that asks for a code, if there is one.
    fn asking_for_mfa(&self) -> Option<&str> {
        let mut name = self.profile();
        for _ in 0..LINKS_MAX {
            let profile = self.profiles.get_profile(name)?;
            if profile.get("role_arn").is_some() && profile.get("mfa_serial").is_some() {
                return Some(profile.name());
            }
            name = profile.get("source_profile").filter(|source| *source != name)?;
        }
        None
    }

    /// Whether the profile's credentials come from a single sign-on.
    pub(super) fn is_single_sign_on(&self) -> bool {
        let mut name = self.profile();
        for _ in 0..LINKS_MAX {
            let Some(profile) = self.profiles.get_profile(name) else { return false };
            if profile.get("sso_session").or_else(|| profile.get("sso_start_url")).is_some() {
                return true;
            }
            match profile.get("source_profile").filter(|source| *source != name) {
                Some(source) => name = source,
                None => return false,
            }
        }
        false
    }

    fn unknown_profile(&self, name: &str) -> Failure {
        let mut names: Vec<&str> = self.profiles.profiles().collect();
        names.sort_unstable();
        let by = if variable("AWS_PROFILE").as_deref() == Some(name) { " (from `AWS_PROFILE`)" } else { "" };
        let diagnostic = Diagnostic::error("aws-unknown-profile", "There is no such AWS profile").detail(format!(
            "The profile `{name}`{by} stands neither in {} nor in {}.",
            config_file(),
            credentials_file()
        ));
        let diagnostic = match nearest(name, names.iter().copied()) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic,
        };
        let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        Failure::new(
            Exit::Usage,
            match names.is_empty() {
                true => diagnostic.hint("there are no profiles at all; `aws configure` makes one"),
                false => diagnostic.hint(format!("there is {}", listed.join(", "))),
            },
        )
    }

    /// The region, from the settings, the environment, the profile, and on an instance from the machine.
    ///
    /// # Errors
    /// [`Exit::Usage`] when none of them names one.
    pub(super) async fn region(&self, settings: &Settings) -> Result<Region, Failure> {
        let found = find_region(settings, self.is_instance).await;
        found.ok_or_else(|| self.no_region())
    }

    fn no_region(&self) -> Failure {
        let name = self.profile();
        let of_profile = match self.profiles.get_profile(name) {
            Some(_) => format!("the AWS profile `{name}` has no `region`"),
            None => format!("there is no AWS profile `{name}`"),
        };
        let mut looked = vec![
            "the spec has no `region` in `[aws]`".to_owned(),
            "`--region` and `LAMBDO_REGION` are not given".to_owned(),
            "`AWS_REGION` and `AWS_DEFAULT_REGION` are not set".to_owned(),
            of_profile,
        ];
        if self.is_instance {
            looked.push("this machine's metadata service names none".to_owned());
        }
        let diagnostic = Diagnostic::error("aws-no-region", "No AWS region is given")
            .detail(format!("Nobody says which region to work in: {}.", looked.join(", ")))
            .hint("set `region` in `[aws]`, give `--region`, or set the variable `AWS_REGION`")
            .hint("with `--local` neither a region nor an account is needed");
        Failure::new(Exit::Usage, diagnostic)
    }

    /// The SDK's own chain lets keys in the environment beat a chosen profile, which ends in the wrong
    /// account; and it ends with the instance's metadata.
    pub(super) fn with_credentials(&self, loader: ConfigLoader, settings: &Settings) -> ConfigLoader {
        if let Some(profile) = &settings.profile {
            return loader.credentials_provider(ProfileFileCredentialsProvider::builder().profile_name(profile).build());
        }
        if self.is_instance {
            return loader;
        }
        let chain = CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
            .or_else("Profile", ProfileFileCredentialsProvider::builder().build())
            .or_else("WebIdentityToken", WebIdentityTokenCredentialsProvider::builder().build())
            .or_else("EcsContainer", EcsCredentialsProvider::builder().build());
        loader.credentials_provider(chain)
    }

    /// What was looked at for credentials and had none, a line each.
    pub(super) fn without_credentials(&self) -> String {
        let name = self.profile();
        let of_profile = match self.profiles.get_profile(name) {
            Some(_) => format!("- the AWS profile `{name}` names none"),
            None => format!("- there is no AWS profile `{name}` in {} or {}", config_file(), credentials_file()),
        };
        let machine = match (self.is_instance, switched_off()) {
            (true, _) => "- this machine's metadata service gave none",
            (_, true) => "- the machine's metadata service is switched off by `AWS_EC2_METADATA_DISABLED`",
            _ => "- this machine is no EC2 instance, so it was not asked",
        };
        [
            "- `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are not both set".to_owned(),
            of_profile,
            "- `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN` are not both set".to_owned(),
            "- `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` and `..._FULL_URI` are not set".to_owned(),
            machine.to_owned(),
        ]
        .join("\n")
    }

    /// Where the credentials that AWS did not like come from, in words.
    pub(super) fn credentials(&self) -> String {
        match () {
            () if self.has_keys => "the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`".to_owned(),
            () if self.profiles.get_profile(self.profile()).is_some() => format!("the AWS profile `{}`", self.profile()),
            () if variable("AWS_WEB_IDENTITY_TOKEN_FILE").is_some() => "the token in `AWS_WEB_IDENTITY_TOKEN_FILE`".to_owned(),
            () => "this machine".to_owned(),
        }
    }

    /// Whether the keys in the environment are those of a session, which ends.
    pub(super) fn is_session_of_environment(&self) -> bool {
        self.has_keys && variable("AWS_SESSION_TOKEN").is_some()
    }
}

/// Where an endpoint that is not AWS's own comes from, in words.
pub(super) fn endpoint_source(settings: &Settings) -> String {
    let own = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS"];
    match (&settings.endpoint_url, own.iter().find(|name| variable(name).is_some())) {
        (Some(_), _) => "`--endpoint-url` or `endpoint_url` in `[aws]`".to_owned(),
        (None, Some(name)) => format!("the variable `{name}`"),
        (None, None) => "the AWS profile".to_owned(),
    }
}

/// A variable of the environment; an empty one is none, for the AWS CLI neither.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variable that sends calls through a proxy, and the proxy without its password.
pub(super) fn proxy() -> Option<(&'static str, String)> {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    names.iter().find_map(|name| Some((*name, without_password(&variable(name)?))))
}

fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

/// The region that the settings, the environment or the profile name, without calling anybody.
pub async fn configured_region(settings: &Settings) -> Option<String> {
    find_region(settings, false).await.map(|region| region.to_string())
}

async fn find_region(settings: &Settings, asks_instance: bool) -> Option<Region> {
    if let Some(region) = &settings.region {
        return Some(Region::new(region.clone()));
    }
    let from_environment = EnvironmentVariableRegionProvider::new().region().await.filter(|region| !region.as_ref().is_empty());
    if from_environment.is_some() && settings.profile.is_none() {
        return from_environment;
    }
    let profile = ProfileFileRegionProvider::builder();
    let profile = settings.profile.iter().fold(profile, |builder, name| builder.profile_name(name));
    let from_profile = profile.build().region().await;
    match from_environment.or(from_profile) {
        None if asks_instance => aws_config::default_provider::region::default_provider().region().await,
        found => found,
    }
}

/// Whether asking the machine's metadata service can be worth the seconds that it takes to fail elsewhere.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html>
fn may_be_an_instance() -> bool {
    if switched_off() {
        return false;
    }
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().to_lowercase();
    variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_some()
        || !Path::new("/sys").is_dir()
        || read("/sys/class/dmi/id/sys_vendor").contains("amazon")
        || read("/sys/class/dmi/id/bios_vendor").contains("amazon")
        || read("/sys/hypervisor/uuid").starts_with("ec2")
}

fn switched_off() -> bool {
    variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn config_file() -> String {
    variable("AWS_CONFIG_FILE").map_or_else(|| "`~/.aws/config`".to_owned(), |path| format!("`{path}`"))
}

fn credentials_file() -> String {
    variable("AWS_SHARED_CREDENTIALS_FILE").map_or_else(|| "`~/.aws/credentials`".to_owned(), |path| format!("`{path}`"))
}

/// What the environment names may be a pipe that nobody writes to, or without an end; the SDK would wait for it, or read on, for ever.
fn check_files() -> Result<(), Failure> {
    for path in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"].into_iter().filter_map(variable) {
        let Ok(found) = std::fs::metadata(&path) else { continue };
        let why = match found.is_file() {
            true if found.len() > LARGEST_FILE_BYTES => "has over a megabyte",
            false if Path::new(&path) != Path::new(NOTHING) => "is no file",
            _ => continue,
        };
        return Err(unreadable(&format!("`{path}` {why}")));
    }
    Ok(())
}

fn mfa(profile: &str) -> Failure {
    let diagnostic = Diagnostic::error("aws-mfa", "The AWS profile asks for an MFA code")
        .detail(format!(
            "The profile `{profile}` has `mfa_serial`: its role is assumed only with a code from a device, and lambdo cannot ask for one."
        ))
        .hint(format!("make a session and use that: `eval \"$(aws configure export-credentials --profile {profile} --format env)\"`"))
        .hint("with keys in the environment, leave `--profile`, `profile` in `[aws]` and `AWS_PROFILE` out");
    Failure::new(Exit::Usage, diagnostic)
}

fn unreadable(why: &str) -> Failure {
    let detail = format!("{} or {} cannot be understood: {why}.", config_file(), credentials_file());
    Failure::new(Exit::Usage, Diagnostic::error("aws-profiles", "The AWS profiles cannot be read").detail(detail))
}

fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}

/// Refuses endpoints that are no URLs, wherever they come from, before anything is sent to them.
///
/// # Errors
/// [`Exit::Usage`] with each of them.
pub(super) fn check_endpoints(settings: &Settings) -> Result<(), Failure> {
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL"));
    let given = settings.endpoint_url.iter().map(|url| ("the endpoint".to_owned(), url.clone()));
    let bad = given.chain(variables).filter(|(_, url)| !url.starts_with("http://") && !url.starts_with("https://"));
    let diagnostics: Vec<Diagnostic> = bad.map(|(name, url)| no_url(&name, &url)).collect();
    if diagnostics.is_empty() { Ok(()) } else { Err(Failure { exit: Exit::Usage, diagnostics }) }
}

fn no_url(name: &str, url: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("aws-bad-endpoint", "An endpoint is not a URL");
    if url.is_empty() {
        return diagnostic.detail(format!("`{name}` is set and empty.")).hint(format!("unset it: `unset {name}`"));
    }
    diagnostic.detail(format!("`{name}` is `{url}`; a URL begins with `http://` or `https://`.")).hint(format!("write `http://{url}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_password() {
        for (url, named) in [
            ("http://me:secret@proxy.example:3128", "http://proxy.example:3128"),
            ("proxy.example:3128", "proxy.example:3128"),
            ("me:secret@proxy.example", "proxy.example"),
        ] {
            assert_eq!(without_password(url), named);
        }
    }
}
