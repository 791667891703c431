//! Credentials that are there already: keys that the user gives, or what the SDK finds.

use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};

use super::error::{AuthError, chain};
use super::kept::kept;
use super::sts::DEFAULT_REGION;
use super::{OnSecret, Secret};

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
    /// A provider of these credentials that tells all secrets before it hands them out. The first ones are got
    /// here, so that what is missing is said before anything else is done.
    ///
    /// Without a region the SDK would ask the instance metadata for one, which most machines do not have.
    pub async fn provider(
        &self,
        region: Option<&str>,
        on_secret: OnSecret,
    ) -> Result<SharedCredentialsProvider, AuthError> {
        let region = Region::new(region.unwrap_or(DEFAULT_REGION).to_owned());
        let found = self.loader().region(region).load().await.credentials_provider().ok_or(AuthError::NoCredentials)?;
        let provider = kept(found, on_secret);
        match provider.provide_credentials().await {
            Ok(_) => Ok(provider),
            Err(CredentialsError::CredentialsNotLoaded(_)) => Err(AuthError::NoCredentials),
            Err(error) => Err(AuthError::NotLoaded(chain(&error))),
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
