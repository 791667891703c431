//! Which credentials a job uses: a role by its identity token, a role by keys, keys, or what the SDK finds.

use std::path::Path;
use std::sync::Arc;

use aws_credential_types::provider::SharedCredentialsProvider;

use super::environment::Environment;
use super::log::Log;
use super::settings::Settings;
use super::work::unusable;
use crate::auth::{
    AuthError, Keys, NoToken, RoleRequest, Secret, Session, TokenSource, Via, account_of, check_account,
    safe_session_name,
};
use crate::options::Unusable;
use crate::sync::ErrorReport;

/// How long credentials last, in seconds, unless the job says otherwise: what every role allows.
const DURATION_SECONDS: u32 = 3_600;
/// Variables that hold secrets, if they are set: nothing that is printed may hold them.
const SECRETS: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
/// Variables that name a region, in the SDK's order.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// What a job reaches its buckets with.
pub(super) struct Access {
    pub(super) provider: SharedCredentialsProvider,
    session: Option<Session>,
}

/// What a job asks for, before anything is sent.
pub(super) enum Plan {
    Role(Box<RoleRequest>),
    Keys { keys: Keys, region: Option<String>, sts_endpoint: Option<String>, allowed_accounts: Vec<String> },
}

/// Hides what is in the environment already.
pub(super) fn hide(environment: &Environment, settings: Option<&Settings>, log: &Log) {
    SECRETS.iter().filter_map(|name| environment.get(name)).for_each(|secret| log.hide(secret));
    let Some(settings) = settings else { return };
    let own = [
        &settings.oidc_token,
        &settings.aws_access_key_id,
        &settings.aws_secret_access_key,
        &settings.aws_session_token,
    ];
    own.into_iter().filter_map(|secret| secret.0.as_deref()).for_each(|secret| log.hide(secret));
    hide_misplaced(settings, log);
    if let Some(name) = settings.oidc_token_variable.0.as_deref() {
        // Who writes a dollar sign before it has given the token itself.
        log.hide(if is_name(name) { environment.get(name).unwrap_or_default() } else { name });
    }
}

/// Hides what people write where no secret belongs: a password in a URL, a key instead of the name of its file.
fn hide_misplaced(settings: &Settings, log: &Log) {
    let urls = [&settings.endpoint_url, &settings.sts_endpoint_url].into_iter().filter_map(|url| url.0.as_deref());
    let hosts = urls.filter_map(|url| url.split_once("://")?.1.split('/').next());
    hosts.filter_map(|host| host.rsplit_once('@')).for_each(|(password, _)| log.hide(password));
    if let Some(key) = settings.sse_customer_key_file.0.as_deref().filter(|path| !Path::new(path).exists()) {
        log.hide(key);
    }
}

/// Whether a text can be the name of a variable.
fn is_name(text: &str) -> bool {
    text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Decides which credentials are meant.
pub(super) fn plan(settings: &Settings, environment: &Environment, log: &Log) -> Result<Plan, Problem> {
    let given = given(settings)?;
    let region = settings
        .aws_region
        .0
        .clone()
        .or_else(|| REGIONS.iter().find_map(|name| environment.get(name)).map(str::to_owned));
    let allowed_accounts = settings.allowed_account_ids.0.clone();
    let sts_endpoint = settings.sts_endpoint_url.0.clone();
    let profile = settings.aws_profile.0.clone();
    let chain = || profile.clone().map_or(Keys::Chain, Keys::Profile);
    let Some(role_arn) = settings.role_to_assume.0.clone() else {
        let keys = given.unwrap_or_else(chain);
        return Ok(Plan::Keys { keys, region, sts_endpoint, allowed_accounts });
    };
    let by = match given {
        Some(keys) => Via::Keys(keys),
        // A profile that is named is what the role is assumed with.
        None if settings.role_chaining.is_on() || profile.is_some() => Via::Keys(chain()),
        None => match token(settings, environment, log)? {
            Ok(source) => Via::IdentityToken(source),
            Err(_) if environment.get("AWS_ACCESS_KEY_ID").is_some() => Via::Keys(chain()),
            Err(why) => return Err(Problem::Auth(Box::new(AuthError::NoToken(why)))),
        },
    };
    let session_name = settings.role_session_name.0.clone();
    let duration = settings.role_duration_seconds.0.as_deref().map(|text| {
        let hint = "write seconds, from 900 to 43200";
        text.parse().map_err(|_| unusable(format!("role-duration-seconds: {text:?} is no number"), hint))
    });
    Ok(Plan::Role(Box::new(RoleRequest {
        role_arn,
        session_name: session_name.unwrap_or_else(|| safe_session_name(&format!("hugesync-{}", log.platform().job()))),
        duration_seconds: duration.transpose()?.unwrap_or(DURATION_SECONDS),
        region,
        policy: settings.inline_session_policy.0.clone(),
        external_id: settings.role_external_id.0.clone(),
        allowed_accounts,
        sts_endpoint,
        by,
    })))
}

/// Keys that are settings. Of two settings that would give the credentials, neither overrides the other.
fn given(settings: &Settings) -> Result<Option<Keys>, Unusable> {
    let has_keys = settings.aws_access_key_id.0.is_some() || settings.aws_secret_access_key.0.is_some();
    if has_keys && settings.aws_profile.0.is_some() {
        let hint = "leave one of them out: each names an account";
        return Err(unusable("aws-profile and aws-access-key-id are both set", hint));
    }
    if !has_keys && settings.aws_session_token.0.is_some() {
        let hint = "give aws-access-key-id and aws-secret-access-key too, or leave it out";
        return Err(unusable("aws-session-token is set and aws-access-key-id is not", hint));
    }
    if settings.oidc_token.0.is_some() && settings.oidc_token_variable.0.is_some() {
        return Err(unusable("oidc-token and oidc-token-variable are both set", "leave one of them out"));
    }
    let secret = |text: &Option<String>| text.as_deref().map(Secret::new);
    match (secret(&settings.aws_access_key_id.0), secret(&settings.aws_secret_access_key.0)) {
        (Some(access_key_id), Some(secret_access_key)) => {
            let session_token = secret(&settings.aws_session_token.0);
            Ok(Some(Keys::Static { access_key_id, secret_access_key, session_token }))
        }
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err(unusable("aws-access-key-id is set and aws-secret-access-key is not", "give both, or a role"))
        }
        (None, Some(_)) => {
            Err(unusable("aws-secret-access-key is set and aws-access-key-id is not", "give both, or a role"))
        }
    }
}

/// Where the identity token comes from: what the job names, the CI system, a file.
fn token(settings: &Settings, environment: &Environment, log: &Log) -> Result<Result<TokenSource, NoToken>, Unusable> {
    if let Some(token) = &settings.oidc_token.0 {
        return Ok(Ok(TokenSource::Fixed { token: Secret::new(token), variable: "oidc-token".to_owned() }));
    }
    if let Some(name) = &settings.oidc_token_variable.0 {
        if !is_name(name) {
            let hint = "write the variable's name without a dollar sign, for example MY_ID_TOKEN";
            return Err(unusable("oidc-token-variable is not the name of a variable", hint));
        }
        let Some(token) = environment.get(name) else {
            let hint = "name the variable that the job's identity token is in, without a dollar sign";
            return Err(unusable(format!("oidc-token-variable names {name}, which is not set"), hint));
        };
        return Ok(Ok(TokenSource::Fixed { token: Secret::new(token), variable: name.clone() }));
    }
    Ok(match log.platform().identity() {
        Ok(TokenSource::GitHub { url, bearer, audience }) => {
            let audience = settings.audience.0.clone().unwrap_or(audience);
            Ok(TokenSource::GitHub { url, bearer, audience })
        }
        Ok(source) => Ok(source),
        Err(why) => {
            environment.get("AWS_WEB_IDENTITY_TOKEN_FILE").map(|path| TokenSource::File(path.into())).ok_or(why)
        }
    })
}

impl Plan {
    /// Gets the first credentials.
    pub(super) async fn access(self, log: &Arc<Log>) -> Result<Access, AuthError> {
        let hide = Arc::clone(log);
        let on_secret: crate::auth::OnSecret = Arc::new(move |secret: &str| hide.hide(secret));
        match self {
            Self::Role(request) => {
                let duration = request.duration_seconds;
                let session = Session::begin(*request, on_secret).await?;
                let minutes = duration / 60;
                log.line(&format!("credentials: {}, for {minutes} minutes, renewed when needed", session.arn()));
                Ok(Access { provider: session.credentials(), session: Some(session) })
            }
            Self::Keys { keys, region, sts_endpoint, allowed_accounts } => {
                if !allowed_accounts.is_empty() {
                    let account = account_of(&keys, region.as_deref(), sts_endpoint.as_deref(), &on_secret).await?;
                    check_account(&allowed_accounts, &account)?;
                }
                Ok(Access { provider: keys.provider(region.as_deref(), on_secret).await?, session: None })
            }
        }
    }
}

impl Access {
    /// Why credentials could not be renewed while the job was under way, where that is what went wrong.
    pub(super) fn failure(&self) -> Option<ErrorReport> {
        let (message, hint) = self.session.as_ref()?.last_failure()?;
        Some(ErrorReport { message, hint })
    }
}

/// Why a job does not begin.
pub(super) enum Problem {
    /// Its settings make no sense.
    Settings(Unusable),
    /// There are no credentials.
    Auth(Box<AuthError>),
}

impl From<Unusable> for Problem {
    fn from(unusable: Unusable) -> Self {
        Self::Settings(unusable)
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        if matches!(
            error,
            AuthError::NoRoleArn(_)
                | AuthError::BadDuration(_)
                | AuthError::BadPolicy(_)
                | AuthError::LongPolicy(_)
                | AuthError::NoAccountId(_)
        ) {
            return Self::Settings(Unusable { message: error.to_string(), hint: error.hint() });
        }
        Self::Auth(Box::new(error))
    }
}

impl Problem {
    pub(super) fn report(self) -> ErrorReport {
        match self {
            Self::Settings(Unusable { message, hint }) => ErrorReport { message, hint },
            Self::Auth(error) => ErrorReport { message: error.to_string(), hint: error.hint() },
        }
    }
}
