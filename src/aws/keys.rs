//! Whoever quotes a request quotes the keys that it was signed with, or the token that goes along with it.

use crate::model::Scrubber;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::SdkConfig;

/// No key and no token of AWS is shorter, in bytes; what emulators are content with is often a word.
const SHORTEST: usize = 20;

/// Lets nobody tell the secret ones of the keys that calls are signed with.
pub(super) fn hidden(config: SdkConfig, scrubber: &Scrubber) -> SdkConfig {
    let Some(inner) = config.credentials_provider() else { return config };
    let hiding = Hiding { inner, scrubber: scrubber.clone() };
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(hiding)).build()
}

struct Hiding {
    inner: SharedCredentialsProvider,
    scrubber: Scrubber,
}

impl std::fmt::Debug for Hiding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(formatter)
    }
}

impl ProvideCredentials for Hiding {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.inner.provide_credentials().await?;
            let secret = [Some(credentials.secret_access_key()), credentials.session_token()];
            secret.into_iter().flatten().filter(|text| text.len() >= SHORTEST).for_each(|text| self.scrubber.learn(text));
            Ok(credentials)
        })
    }

    fn fallback_on_interrupt(&self) -> Option<aws_credential_types::Credentials> {
        self.inner.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;

    #[tokio::test]
    async fn keys_are_hidden_from_when_they_are_known() {
        let (key, token) = ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEXAMPLETOKEN//////////8=");
        let of = |key: &str, token: Option<&str>| {
            let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", key, token.map(str::to_owned), None, "test");
            SdkConfig::builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
        };
        let scrubber = Scrubber::default();
        for config in [of(key, Some(token)), of("testing-it", None)] {
            hidden(config, &scrubber).credentials_provider().unwrap().provide_credentials().await.unwrap();
        }
        let text = format!("x-amz-security-token:{token} testing-it {key} AKIAIOSFODNN7EXAMPLE");
        assert_eq!(scrubber.clean(&text), "x-amz-security-token:(secret) testing-it (secret) AKIAIOSFODNN7EXAMPLE");
    }
}
