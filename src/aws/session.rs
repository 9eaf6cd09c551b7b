//! Who lambdo is in AWS and where: credentials, region, endpoint, account.

use super::caller::{CallUsage, Caller, ONCE, PATIENT, PROBING};
use super::clients::{Clients, invoking, ordinary_timeouts};
use super::invoker::Invoker;
use super::locked;
use super::quota::{Quotas, Scope};
use super::reader::Reader;
use super::writer::Writer;
use crate::diagnostic::Diagnostic;
use crate::model::{EventSink, Exit, Failure, Target};
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::identity::IdentityCache;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_sts::operation::get_caller_identity::builders::GetCallerIdentityInputBuilder;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// What the spec and the command line say about where to deploy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The region; else the environment's, else the profile's.
    pub region: Option<String>,
    /// The profile; it beats credentials in the environment.
    pub profile: Option<String>,
    /// A role to be assumed with the credentials found.
    pub assume_role_arn: Option<String>,
    /// An endpoint instead of AWS's own, for all services; else the environment's or the profile's.
    pub endpoint_url: Option<String>,
    /// The endpoint is the local cloud: keys are made up and neither profiles nor proxies are looked for,
    /// so that nothing can go to AWS.
    pub is_local: bool,
}

/// A connection to one account in one region.
pub struct Session {
    target: Target,
    endpoint: Option<String>,
    reader: Reader,
    writer: Writer,
    invoker: Invoker,
    usage: Arc<Mutex<BTreeMap<String, CallUsage>>>,
}

impl Session {
    /// Finds credentials and region and asks AWS once whose account this is.
    ///
    /// # Errors
    /// A [`Failure`] that says what is missing: the region, credentials that work, or an answer.
    pub async fn connect(
        settings: &Settings,
        quotas: Arc<Quotas>,
        events: EventSink,
        interrupt: CancellationToken,
    ) -> Result<Self, Failure> {
        let config = configuration(settings).await?;
        let endpoint = endpoint_of(&config);
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let (usage, uploads) = (Arc::default(), Arc::default());
        let caller = |account: &str, limits| Caller {
            quotas: Arc::clone(&quotas),
            scope: Scope { account: account.to_owned(), region: region.clone(), endpoint: endpoint.clone() },
            limits,
            events: Arc::clone(&events),
            interrupt: interrupt.clone(),
            usage: Arc::clone(&usage),
            uploads: Arc::clone(&uploads),
            buckets: Mutex::default(),
        };
        let clients = Arc::new(Clients::new(&config, true));
        let target = who_am_i(&Reader::new(Arc::new(caller("", PROBING)), Arc::clone(&clients)), &region).await?;
        let invoker = Invoker::new(Reader::new(Arc::new(caller(&target.account, ONCE)), Arc::clone(&clients)), invoking(&config));
        let reader = Reader::new(Arc::new(caller(&target.account, PATIENT)), clients);
        let writer = Writer::new(reader.clone(), Arc::new(Clients::new(&config, false)));
        Ok(Self { target, endpoint, reader, writer, invoker, usage })
    }

    /// The account, its partition and the region.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The endpoint, where it is not AWS's own.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// The account's alias, where it has one and may be asked for it.
    pub async fn account_alias(&self) -> Option<String> {
        let answer = self.reader.list_account_aliases(Default::default()).await.ok()?;
        answer.account_aliases.into_iter().next()
    }

    /// What can only read.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// What can change things.
    pub fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// What can call functions.
    pub fn invoker(&self) -> Invoker {
        self.invoker.clone()
    }

    /// How often each operation was called so far.
    pub fn usage(&self) -> BTreeMap<String, CallUsage> {
        locked(&self.usage).clone()
    }
}

/// One call that needs no permission: the account, and from the ARN the partition.
async fn who_am_i(reader: &Reader, region: &str) -> Result<Target, Failure> {
    let identity = reader.get_caller_identity(GetCallerIdentityInputBuilder::default()).await.map_err(|error| {
        let diagnostic = error.diagnostic();
        let diagnostic = match reader.endpoint() {
            Some(_) => diagnostic.hint("the endpoint comes from `--endpoint-url`, from `endpoint_url` in `[aws]` or from the AWS profile, or from `AWS_ENDPOINT_URL`"),
            None => diagnostic,
        };
        Failure::new(Exit::Failed, diagnostic)
    })?;
    let partition = identity.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    let Some(account) = identity.account().filter(|account| !account.is_empty()) else {
        let diagnostic = Diagnostic::error("aws-no-account", "AWS did not say whose account this is")
            .detail("sts:GetCallerIdentity answered without an account, so nothing can be deployed safely.");
        return Err(Failure::new(Exit::Failed, diagnostic));
    };
    Ok(Target { partition: partition.to_owned(), account: account.to_owned(), region: region.to_owned() })
}

/// The endpoint that all services use, or else the first that one of them has of its own.
fn endpoint_of(config: &SdkConfig) -> Option<String> {
    let own = ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS"];
    let of_a_service = || own.iter().find_map(|variable| environment(variable));
    config.endpoint_url().map(str::to_owned).or_else(of_a_service)
}

fn environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// What a region is called when nobody has named one for the local cloud.
const LOCAL_REGION: &str = "us-east-1";

/// The keys of the local cloud's one user, which opens nothing anywhere else.
const LOCAL_KEY: &str = "local";

/// The region that is meant under `--local`: the given one, else the environment's.
pub async fn local_region(given: Option<&str>) -> String {
    let environment = EnvironmentVariableRegionProvider::new().region().await.map(|region| region.to_string());
    let region = given.map(str::to_owned).or(environment).filter(|region| !region.is_empty());
    region.unwrap_or_else(|| LOCAL_REGION.to_owned())
}

async fn local_configuration(settings: &Settings) -> SdkConfig {
    let region = Region::new(local_region(settings.region.as_deref()).await);
    // What the environment or a profile says of endpoints is about AWS.
    let loader = basics(region, None).use_fips(false).use_dual_stack(false).credentials_provider(Credentials::new(
        LOCAL_KEY,
        LOCAL_KEY,
        None,
        None,
        "local cloud",
    ));
    loader.endpoint_url(settings.endpoint_url.as_deref().unwrap_or_default()).load().await
}

fn basics(region: Region, proxy: Option<ProxyConfig>) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .http_client(http_client(proxy))
        .identity_cache(IdentityCache::lazy().build())
        .retry_config(RetryConfig::disabled())
        .timeout_config(ordinary_timeouts())
}

async fn configuration(settings: &Settings) -> Result<SdkConfig, Failure> {
    if settings.is_local {
        return Ok(local_configuration(settings).await);
    }
    let has_keys = environment("AWS_ACCESS_KEY_ID").is_some() && settings.profile.is_none();
    let has_endpoint = settings.endpoint_url.is_some() || environment("AWS_ENDPOINT_URL").is_some();
    // Off EC2, asking the instance's metadata costs seconds before it fails.
    let asks_instance = !has_keys && !has_endpoint && settings.profile.is_none();
    let region = find_region(settings, asks_instance).await.ok_or_else(no_region)?;
    let mut loader = basics(region, Some(ProxyConfig::from_env()));
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    let config = with_credentials(loader, settings, asks_instance).load().await;
    Ok(with_role(config, settings).await)
}

/// The SDK's own chain lets keys in the environment beat a chosen profile, which ends in the wrong
/// account; and it ends with the instance's metadata.
fn with_credentials(loader: ConfigLoader, settings: &Settings, asks_instance: bool) -> ConfigLoader {
    if let Some(profile) = &settings.profile {
        return loader.credentials_provider(ProfileFileCredentialsProvider::builder().profile_name(profile).build());
    }
    if asks_instance {
        return loader;
    }
    let chain = CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("Profile", ProfileFileCredentialsProvider::builder().build())
        .or_else("WebIdentityToken", WebIdentityTokenCredentialsProvider::builder().build());
    loader.credentials_provider(chain)
}

async fn with_role(config: SdkConfig, settings: &Settings) -> SdkConfig {
    let Some(role) = &settings.assume_role_arn else { return config };
    let provider = AssumeRoleProvider::builder(role).session_name("lambdo").configure(&config).build().await;
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

/// The region that the settings, the environment or the profile name, without calling anybody.
pub async fn configured_region(settings: &Settings) -> Option<String> {
    find_region(settings, false).await.map(|region| region.to_string())
}

async fn find_region(settings: &Settings, asks_instance: bool) -> Option<Region> {
    if let Some(region) = &settings.region {
        return Some(Region::new(region.clone()));
    }
    // An empty variable names no region, for the AWS CLI neither.
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

fn no_region() -> Failure {
    let diagnostic = Diagnostic::error("aws-no-region", "No AWS region is given")
        .detail("Neither the spec, nor the command line, nor the environment, nor the AWS profile names a region.")
        .hint("set `region` in `[aws]`, give `--region`, or set the variable `AWS_REGION`")
        .hint("with `--local` neither a region nor an account is needed");
    Failure::new(Exit::Usage, diagnostic)
}

/// One connection pool for all services; the SDK's default would be one for each client, and each
/// would parse the system's certificates.
fn http_client(proxy: Option<ProxyConfig>) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    builder.build_with_connector_fn(move |settings, components| {
        let mut connector = aws_smithy_http_client::ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(proxy.clone().unwrap_or_else(ProxyConfig::disabled)));
        connector.build()
    })
}
