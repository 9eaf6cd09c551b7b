//! Where an image goes: addresses of the registry's parts, and who may change them.

use super::exchange::Ask;
use crate::model::is_loopback;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Where an image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushTarget {
    /// Host and port, such as `123456789012.dkr.ecr.eu-central-1.amazonaws.com`. A scheme before them is taken off.
    pub registry: String,
    /// Such as `demo/hello`.
    pub repository: String,
    /// The tag; without one the image is known by its digest only.
    pub tag: Option<String>,
    /// Who pushes; `None` where the registry asks nobody.
    pub login: Option<Login>,
}

/// A user and a password, such as the temporary ones of `ecr:GetAuthorizationToken`.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    username: String,
    password: String,
}

impl Login {
    /// The parts.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { username: username.into(), password: password.into() }
    }

    /// From the token of `ecr:GetAuthorizationToken`: both parts in base64 with a colon between them.
    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html>
    pub fn of_token(token: &str) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        text.split_once(':').map(|(username, password)| Self::new(username, password))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Login({}, …)", self.username)
    }
}

impl PushTarget {
    fn authority(&self) -> &str {
        let rest = self.registry.split_once("://").map_or(self.registry.as_str(), |(_, rest)| rest);
        rest.trim_end_matches('/')
    }

    /// Only what never leaves this machine goes without TLS.
    fn origin(&self) -> String {
        let scheme = if is_loopback(self.authority()) { "http" } else { "https" };
        format!("{scheme}://{}", self.authority())
    }

    fn base(&self) -> String {
        format!("{}/v2/{}", self.origin(), self.repository)
    }

    pub(super) fn manifest(&self, reference: &str) -> String {
        format!("{}/manifests/{reference}", self.base())
    }

    pub(super) fn blob(&self, digest: &str) -> String {
        format!("{}/blobs/{digest}", self.base())
    }

    /// Where an upload begins; from a repository that has the blob the registry may take it instead.
    pub(super) fn uploads(&self, digest: &str, home: Option<&str>) -> String {
        let mount = home.map(|home| format!("?mount={digest}&from={home}")).unwrap_or_default();
        format!("{}/blobs/uploads/{mount}", self.base())
    }

    /// Where a `Location` leads, which may lack the host, or be relative to where uploads begin. A registry behind a
    /// proxy that does TLS for it may take itself for one without: whoever is asked over TLS stays so.
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.2>
    pub(super) fn resolve(&self, location: &str) -> String {
        let origin = self.origin();
        let (scheme, authority) = origin.split_once("://").unwrap_or_default();
        match location.split_once("://") {
            Some(("http", rest)) if rest.strip_prefix(authority).is_some_and(|path| path.starts_with('/')) => format!("{scheme}://{rest}"),
            Some(_) => location.to_owned(),
            None if location.starts_with("//") => format!("{scheme}:{location}"),
            None if location.starts_with('/') => format!("{origin}{location}"),
            None => format!("{}/blobs/uploads/{location}", self.base()),
        }
    }

    /// Adds the credentials, where it is this registry that is asked: an upload may lie with somebody else.
    pub(super) fn login(&self, ask: Ask) -> Ask {
        let origin = self.origin();
        let is_ours = ask.url.strip_prefix(&origin).is_some_and(|rest| rest.starts_with('/'));
        match self.login.as_ref().filter(|_| is_ours) {
            Some(login) => {
                let token = STANDARD.encode(format!("{}:{}", login.username, login.password));
                ask.header("authorization", format!("Basic {token}"))
            }
            None => ask,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(registry: &str) -> PushTarget {
        let login = Some(Login::of_token("QVdTOnNlY3JldA==").unwrap());
        PushTarget { registry: registry.into(), repository: "demo/hello".into(), tag: None, login }
    }

    #[test]
    fn only_what_stays_on_this_machine_goes_without_tls() {
        for (registry, expected) in [
            ("https://1.dkr.ecr.eu-central-1.amazonaws.com", "https://1.dkr.ecr.eu-central-1.amazonaws.com/v2/demo/hello/blobs/d"),
            ("http://registry.example:5000", "https://registry.example:5000/v2/demo/hello/blobs/d"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5000/v2/demo/hello/blobs/d"),
            ("[::1]:5000", "http://[::1]:5000/v2/demo/hello/blobs/d"),
            ("localhost:5000", "http://localhost:5000/v2/demo/hello/blobs/d"),
            ("127.0.0.1.example:5000", "https://127.0.0.1.example:5000/v2/demo/hello/blobs/d"),
        ] {
            assert_eq!(target(registry).blob("d"), expected);
        }
    }

    #[test]
    fn credentials_go_to_their_registry_only() {
        let target = target("r.example");
        for (url, is_told) in [
            ("/v2/demo/hello/blobs/uploads/1", true),
            ("https://r.example/x", true),
            ("http://r.example:81/x", false),
            ("https://r.example.org/x", false),
            ("https://storage.example/x", false),
        ] {
            let headers = target.login(Ask::new("PUT", target.resolve(url))).headers;
            assert_eq!(headers, if is_told { vec![("authorization", "Basic QVdTOnNlY3JldA==".to_owned())] } else { vec![] }, "{url}");
        }
        assert_eq!(format!("{:?}", target.login), "Some(Login(AWS, …))");
    }

    #[test]
    fn a_location_may_lack_its_host_or_the_tls_of_it() {
        let target = target("r.example");
        for (location, expected) in [
            ("https://storage.example/up/1", "https://storage.example/up/1"),
            ("http://r.example/v2/up/1?x", "https://r.example/v2/up/1?x"),
            ("//storage.example/up/1", "https://storage.example/up/1"),
            ("/v2/up/1", "https://r.example/v2/up/1"),
            ("1?state=x", "https://r.example/v2/demo/hello/blobs/uploads/1?state=x"),
        ] {
            assert_eq!(target.resolve(location), expected);
        }
    }
}
