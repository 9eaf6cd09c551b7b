//! Who lambdo is in AWS and where: credentials, region, endpoint, account.

use super::bounded::Bounded;
use super::caller::{Caller, ONCE, PATIENT, PROBING};
use super::clients::{Clients, invoking, ordinary_timeouts};
use super::error::{AwsError, ErrorClass};
use super::invoker::Invoker;
use super::keys;
use super::meter::Meter;
use super::plain_http::PlainHttp;
use super::quota::{Quotas, Scope};
use super::reader::Reader;
use super::registry::Registry;
use super::sources::{self, Sources, endpoint_source, variable};
use super::time::WithoutLeaps;
use super::unconnected;
use super::writer::Writer;
use crate::diagnostic::Diagnostic;
use crate::model::{EventSink, Exit, Failure, Scrubber, Target};
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::ProvideRegion;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_sts::operation::get_caller_identity::builders::GetCallerIdentityInputBuilder;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use aws_types::sdk_config::SharedTimeSource;
use std::sync::atomic::AtomicU32;
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
    endpoint_source: Option<String>,
    reader: Reader,
    writer: Writer,
    invoker: Invoker,
    scrubber: Scrubber,
}

impl Session {
    /// Finds credentials and region and asks AWS once whose account this is.
    ///
    /// # Errors
    /// A [`Failure`] that says what is missing: the region, credentials that work, or an answer.
    pub async fn connect(
        settings: &Settings,
        quotas: Arc<Quotas>,
        meter: Meter,
        scrubber: Scrubber,
        events: EventSink,
        interrupt: CancellationToken,
    ) -> Result<Self, Failure> {
        let (config, sources) = configuration(settings).await?;
        let found = (keys::hidden(config, &scrubber), sources);
        Self::connected(settings, found, PlainHttp::new(settings.is_local), (quotas, meter, scrubber, events, interrupt)).await
    }

    /// The same for the local cloud, over a connector that reaches it in its own way, on a machine whose clock says `time`.
    ///
    /// # Errors
    /// A [`Failure`] when it does not answer.
    pub async fn connect_through(
        connector: SharedHttpConnector,
        time: SharedTimeSource,
        settings: &Settings,
        quotas: Arc<Quotas>,
        meter: Meter,
        events: EventSink,
        interrupt: CancellationToken,
    ) -> Result<Self, Failure> {
        let http = PlainHttp::over(connector.clone());
        let client = http_client_fn(move |_, _| connector.clone());
        let config = local_configuration(settings).await.into_builder().http_client(client).time_source(WithoutLeaps::of(time)).build();
        Self::connected(settings, (config, None), http, (quotas, meter, Scrubber::default(), events, interrupt)).await
    }

    async fn connected(
        settings: &Settings,
        (config, sources): (SdkConfig, Option<Sources>),
        http: PlainHttp,
        (quotas, meter, scrubber, events, interrupt): (Arc<Quotas>, Meter, Scrubber, EventSink, CancellationToken),
    ) -> Result<Self, Failure> {
        let endpoint = endpoint_of(&config);
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let uploads = Arc::default();
        let caller = |account: &str, limits| Caller {
            quotas: Arc::clone(&quotas),
            scope: Scope { account: account.to_owned(), region: region.clone(), endpoint: endpoint.clone() },
            limits,
            events: Arc::clone(&events),
            interrupt: interrupt.clone(),
            meter: meter.clone(),
            scrubber: scrubber.clone(),
            uploads: Arc::clone(&uploads),
            buckets: Mutex::default(),
            watchers: AtomicU32::new(0),
        };
        let clients = Arc::new(Clients::new(&config, true, &http));
        let probe = Reader::new(Arc::new(caller("", PROBING)), Arc::clone(&clients));
        let refused = |error| unconnected::explained(&error, settings, sources.as_ref(), (&region, endpoint.as_deref()));
        let target = who_am_i(&probe, &region, refused).await?;
        let strange = endpoint.is_some() && settings.endpoint_url.is_none();
        let endpoint_source = strange.then(|| endpoint_source(settings));
        let invoker = Invoker::new(Reader::new(Arc::new(caller(&target.account, ONCE)), Arc::clone(&clients)), invoking(&config));
        let reader = Reader::new(Arc::new(caller(&target.account, PATIENT)), clients);
        let writer = Writer::new(reader.clone(), Arc::new(Clients::new(&config, false, &http)), Registry::new(http));
        Ok(Self { target, endpoint, endpoint_source, reader, writer, invoker, scrubber })
    }

    /// What keeps secrets out of what is told.
    pub fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    /// The account, its partition and the region.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The endpoint, where it is not AWS's own.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Who named the endpoint, where neither the spec nor the command line did.
    pub fn endpoint_source(&self) -> Option<&str> {
        self.endpoint_source.as_deref()
    }

    /// The account's alias, where it has one and may be asked for it.
    pub fn account_alias(&self) -> impl Future<Output = Option<String>> + Send + 'static {
        let reader = self.reader.clone();
        async move {
            let answer = reader.list_account_aliases(Default::default()).await.ok()?;
            answer.account_aliases.into_iter().next()
        }
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
}

/// One call that needs no permission: the account, and from the ARN the partition.
async fn who_am_i(reader: &Reader, region: &str, refused: impl FnOnce(AwsError) -> Diagnostic) -> Result<Target, Failure> {
    let identity = reader.get_caller_identity(GetCallerIdentityInputBuilder::default()).await;
    let identity = identity.map_err(|error| {
        let exit = if error.class == ErrorClass::Interrupted { Exit::Interrupted } else { Exit::Failed };
        Failure::new(exit, refused(error))
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
    let of_a_service = || own.iter().find_map(|name| variable(name));
    config.endpoint_url().map(str::to_owned).or_else(of_a_service)
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
    let name = AppName::new("lambdo").ok();
    name.into_iter()
        .fold(aws_config::defaults(BehaviorVersion::latest()), ConfigLoader::app_name)
        .region(region)
        .http_client(http_client(proxy))
        .identity_cache(IdentityCache::lazy().build())
        .time_source(WithoutLeaps::of(SharedTimeSource::default()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(ordinary_timeouts())
}

async fn configuration(settings: &Settings) -> Result<(SdkConfig, Option<Sources>), Failure> {
    if settings.is_local {
        return Ok((local_configuration(settings).await, None));
    }
    sources::check_endpoints(settings)?;
    let sources = Sources::find(settings).await?;
    let region = sources.region(settings).await?;
    let mut loader = basics(region, Some(ProxyConfig::from_env()));
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    let config = sources.with_credentials(loader, settings).load().await;
    Ok((with_role(config, settings).await, Some(sources)))
}

async fn with_role(config: SdkConfig, settings: &Settings) -> SdkConfig {
    let Some(role) = &settings.assume_role_arn else { return config };
    let provider = AssumeRoleProvider::builder(role).session_name("lambdo").configure(&config).build().await;
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

/// One connection pool for all services; the SDK's default would be one for each client, and each
/// would parse the system's certificates.
fn http_client(proxy: Option<ProxyConfig>) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    let client = builder.build_with_connector_fn(move |settings, components| {
        let mut connector = aws_smithy_http_client::ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.set_proxy_config(Some(proxy.clone().unwrap_or_else(ProxyConfig::disabled)));
        connector.build()
    });
    SharedHttpClient::new(Bounded(client))
}
