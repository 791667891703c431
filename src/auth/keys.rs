//! Credentials that are there already: keys that the user gives, or what the SDK finds.

use std::fmt;

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_types::error::display::DisplayErrorContext;

use super::{AuthError, OnSecret, Secret};

/// Credentials to assume a role with.
#[derive(Debug, Clone)]
pub enum Keys {
    /// Keys that the user gives.
    Static {
        /// The access key's id.
        access_key_id: Secret,
        /// The secret key.
        secret_access_key: Secret,
        /// The token of temporary keys.
        session_token: Option<Secret>,
    },
    /// What the SDK finds: variables, shared files, web identity files, containers, instances.
    Chain {
        /// The profile of the shared files.
        profile: Option<String>,
    },
}

impl Keys {
    /// A provider of these credentials that tells all secrets before it hands them out. They are got once, here, so that
    /// what is missing is said before anything else is done.
    pub async fn provider(&self, on_secret: OnSecret) -> Result<SharedCredentialsProvider, AuthError> {
        let found = self.loader().load().await.credentials_provider().ok_or(AuthError::NoCredentials)?;
        let provider = announced(found, on_secret);
        match provider.provide_credentials().await {
            Ok(_) => Ok(provider),
            Err(CredentialsError::CredentialsNotLoaded(_)) => Err(AuthError::NoCredentials),
            Err(error) => Err(AuthError::NotLoaded(DisplayErrorContext(error).to_string())),
        }
    }

    /// A loader of the SDK's configuration with these credentials.
    pub(super) fn loader(&self) -> ConfigLoader {
        let loader = aws_config::defaults(BehaviorVersion::latest());
        match self {
            Self::Static { access_key_id, secret_access_key, session_token } => {
                let mut keys = Credentials::builder()
                    .access_key_id(access_key_id.reveal())
                    .secret_access_key(secret_access_key.reveal())
                    .provider_name("given");
                keys.set_session_token(session_token.as_ref().map(|token| token.reveal().to_owned()));
                loader.credentials_provider(SharedCredentialsProvider::new(keys.build()))
            }
            Self::Chain { profile: Some(profile) } => loader.profile_name(profile),
            Self::Chain { profile: None } => loader,
        }
    }
}

/// A provider that tells the secrets of all credentials before it hands them out.
pub fn announced(provider: SharedCredentialsProvider, on_secret: OnSecret) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Announced { provider, on_secret })
}

struct Announced {
    provider: SharedCredentialsProvider,
    on_secret: OnSecret,
}

impl fmt::Debug for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Announced").field(&self.provider).finish()
    }
}

impl Announced {
    async fn tell(&self) -> provider::Result {
        let credentials = self.provider.provide_credentials().await?;
        tell(&credentials, &self.on_secret);
        Ok(credentials)
    }
}

impl ProvideCredentials for Announced {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.tell())
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.provider.fallback_on_interrupt()
    }
}

/// Tells the secrets of credentials.
pub(super) fn tell(credentials: &Credentials, on_secret: &OnSecret) {
    on_secret(credentials.access_key_id());
    on_secret(credentials.secret_access_key());
    if let Some(token) = credentials.session_token() {
        on_secret(token);
    }
}
