//! A cloud made of one function, for tests of what is sent and what answers lead to.

use super::caller::Caller;
use super::caller::tests::caller;
use super::caller::{Limits, ONCE, PATIENT};
use super::clients::{Clients, invoking};
use super::invoker::Invoker;
use super::locked;
use super::plain_http::PlainHttp;
use super::reader::Reader;
use super::registry::Registry;
use super::writer::Writer;
use crate::model::{Event, EventSink};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What this cloud takes for the present.
const DATE: &str = "Mon, 01 Jun 2099 12:00:00 GMT";

type Answer = dyn Fn(&str) -> (u16, String) + Send + Sync;

/// A writer whose calls are answered by a function.
pub(crate) struct Cloud {
    pub(crate) writer: Writer,
    invoker: Invoker,
    pub(crate) interrupt: CancellationToken,
    sent: Arc<Mutex<Vec<String>>>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Cloud {
    /// `answer` gets each request as `METHOD PATH TARGET TIME BODY` and gives status and body. A failure's body
    /// is made by [`failure`].
    pub(crate) fn new(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::slow(Duration::ZERO, answer)
    }

    /// The same, but each answer takes so long.
    pub(crate) fn slow(latency: Duration, answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let (sent, events) = (Arc::default(), Arc::<Mutex<Vec<Event>>>::default());
        let connector = SharedHttpConnector::new(Connector { latency, answer: Arc::new(answer), sent: Arc::clone(&sent) });
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-central-1"))
            .endpoint_url("http://cloud.test")
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")))
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .http_client({
                let connector = connector.clone();
                http_client_fn(move |_, _| connector.clone())
            })
            .build();
        let sink: EventSink = {
            let events = Arc::clone(&events);
            Arc::new(move |event| locked(&events).push(event))
        };
        let interrupt = CancellationToken::new();
        let http = PlainHttp::over(connector);
        let clients = Arc::new(Clients::new(&config, false, &http));
        let reader = |limits: Limits| {
            let caller = Caller { events: Arc::clone(&sink), interrupt: interrupt.clone(), limits, ..caller() };
            Reader::new(Arc::new(caller), Arc::clone(&clients))
        };
        let invoker = Invoker::new(reader(ONCE), invoking(&config));
        let writer = Writer::new(reader(PATIENT), Arc::clone(&clients), Registry::new(http));
        Self { writer, invoker, interrupt, sent, events }
    }

    /// What calls functions here.
    pub(crate) fn invoker(&self) -> &Invoker {
        &self.invoker
    }

    /// All requests so far that have this text.
    pub(crate) fn sent(&self, text: &str) -> Vec<String> {
        locked(&self.sent).iter().filter(|request| request.contains(text)).cloned().collect()
    }

    /// What was waited for so far, each cause once.
    pub(crate) fn waits(&self) -> Vec<String> {
        let events = locked(&self.events);
        let causes = events.iter().filter_map(|event| if let Event::Waiting { cause, .. } = event { Some(cause.clone()) } else { None });
        let mut causes: Vec<String> = causes.collect();
        causes.dedup();
        causes
    }
}

/// The body of a refusal, in the form of every service but IAM.
pub(crate) fn failure(code: &str, message: &str) -> String {
    serde_json::json!({ "__type": code, "message": message }).to_string()
}

#[derive(Clone)]
struct Connector {
    latency: Duration,
    answer: Arc<Answer>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let path = request.uri().splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap_or_default();
        let time = request.headers().get("x-amz-date").unwrap_or_default();
        let text = format!("{} {path} {target} {time} {body}", request.method());
        let (status, body) = (self.answer)(&text);
        locked(&self.sent).push(text);
        let mut answer = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.clone()));
        answer.headers_mut().insert("date", DATE);
        // A body of nothing but headers is a registry's answer.
        let headers = body.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| !name.contains(['{', '"', ' ', '<']));
        headers.for_each(|(name, value)| drop(answer.headers_mut().insert(name.to_owned(), value.to_owned())));
        let latency = self.latency;
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(latency).await;
            Ok(answer)
        })
    }
}
