//! Credentials that are there already: keys that the user gives, or what the SDK finds.

use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{ConfigLoader, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};

use super::arn::DEFAULT_REGION;
use super::error::{AuthError, chain};
use super::kept::kept;
use super::{OnSecret, Secret};
use crate::aws;

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
    /// Those of a profile of the shared files, whatever the environment holds: who names a profile means it.
    Profile(String),
    /// What the SDK finds: variables, shared files, web identity files, containers, instances.
    Chain,
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
        let loader = self.loader(region).await?.region(Region::new(region.unwrap_or(DEFAULT_REGION).to_owned()));
        let found = loader.load().await.credentials_provider().ok_or(AuthError::NoCredentials)?;
        let provider = kept(found, on_secret);
        match provider.provide_credentials().await {
            Ok(_) => Ok(provider),
            Err(error) => Err(self.missing(&error)),
        }
    }

    /// What it means that the first credentials cannot be got.
    fn missing(&self, error: &CredentialsError) -> AuthError {
        match (self, error) {
            // The SDK has no type for it that reaches here. A profile that leads to another one which is missing is named too.
            (Self::Profile(name), _) if chain(error).contains(&format!("`{name}` was not defined")) => {
                AuthError::NoProfile(name.clone())
            }
            (Self::Profile(_), CredentialsError::CredentialsNotLoaded(_))
                if chain(error).contains("was not defined") =>
            {
                AuthError::NotLoaded(chain(error))
            }
            (Self::Profile(name), CredentialsError::CredentialsNotLoaded(_)) => {
                AuthError::NoKeysInProfile(name.clone())
            }
            (_, CredentialsError::CredentialsNotLoaded(_)) => AuthError::NoCredentials,
            _ => AuthError::NotLoaded(chain(error)),
        }
    }

    /// A loader of the SDK's configuration with these credentials. A profile may need `region` to assume a role in.
    pub(super) async fn loader(&self, region: Option<&str>) -> Result<ConfigLoader, AuthError> {
        let loader = aws::loader()?;
        Ok(match self {
            Self::Static { access_key_id, secret_access_key, session_token } => {
                let mut keys = Credentials::builder()
                    .access_key_id(access_key_id.reveal())
                    .secret_access_key(secret_access_key.reveal())
                    .provider_name("given");
                keys.set_session_token(session_token.as_ref().map(|token| token.reveal().to_owned()));
                loader.credentials_provider(SharedCredentialsProvider::new(keys.build()))
            }
            Self::Profile(name) => loader.profile_name(name).credentials_provider(of_profile(name, region).await?),
            Self::Chain => loader,
        })
    }
}

/// The credentials of a profile and of nothing else. The SDK's default chain looks at the environment first, and goes on
/// to other places where there is no such profile.
async fn of_profile(name: &str, region: Option<&str>) -> Result<SharedCredentialsProvider, AuthError> {
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => {
            let profile = ProfileFileRegionProvider::builder().profile_name(name).build();
            RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile).region().await
        }
    };
    let mut config =
        ProviderConfig::without_region().with_region(Some(region.unwrap_or(Region::from_static(DEFAULT_REGION))));
    if let Some(client) = aws::http_client()? {
        config = config.with_http_client(client);
    }
    let provider = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(name).build();
    Ok(SharedCredentialsProvider::new(provider))
}
