//! What a request's signature tells. It is not verified: everybody who can sign at all, and be on
//! this machine, may call. It is demanded in a header, which a page in a browser cannot send here unasked.

use axum::http::HeaderMap;

/// Whom a request is signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Such as `eu-central-1`.
    pub region: String,
    /// Such as `lambda`.
    pub service: String,
}

impl Scope {
    /// From the `Authorization` header. A presigned URL has none, but then a page in a browser could make
    /// one up, and have code run on this machine.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("authorization").and_then(|value| value.to_str().ok())?;
        let mut parts = text.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',');
        Self::parse(parts.find_map(|part| part.trim().strip_prefix("Credential="))?)
    }

    /// `KEY/20261122/eu-central-1/lambda/aws4_request`
    fn parse(credential: &str) -> Option<Self> {
        let mut parts = credential.rsplit('/');
        let (_, service, region, _date) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        parts.next()?;
        Some(Self { region: region.to_owned(), service: service.to_owned() })
    }
}

/// Whether a page in a browser sent it; AWS's clients send none of these headers.
pub fn is_from_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    headers.contains_key("origin") || site.is_some_and(|site| site != "none")
}

/// Whether a `Host` header names this machine: a name that an attacker made to resolve to loopback does not.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.ends_with(".localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(authorization: Option<&str>) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        if let Some(text) = authorization {
            headers.insert("authorization", text.parse().unwrap());
        }
        Scope::of(&headers).map(|scope| (scope.region, scope.service))
    }

    #[test]
    fn region_and_service_come_from_the_signature() {
        let signed = "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-central-1/logs/aws4_request, SignedHeaders=host, Signature=00";
        let found = Some(("eu-central-1".to_owned(), "logs".to_owned()));
        assert_eq!(scope(Some(signed)), found);
        for unsigned in [Some("Basic YTpi"), Some("AWS4-HMAC-SHA256 Signature=0"), Some("AWS4-HMAC-SHA256 Credential=a/b"), None] {
            assert_eq!(scope(unsigned), None, "{unsigned:?}");
        }
    }

    #[test]
    fn pages_betray_themselves() {
        let with =
            |name: &'static str, value: &str| is_from_a_page(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]));
        assert!(with("origin", "https://example.com") && with("origin", "null") && with("sec-fetch-site", "cross-site"));
        assert!(!with("sec-fetch-site", "none") && !with("user-agent", "aws-cli"));
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["127.0.0.1:4566", "127.0.0.2", "localhost:80", "[::1]:80", "x.localhost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com:80", "10.0.0.1", "127.0.0.1.example.com", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
