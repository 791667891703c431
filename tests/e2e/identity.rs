//! A stand-in for those who tell who a job is: GitHub's endpoint for identity tokens, and an STS whose credentials the
//! strict double then takes. One server of the test's own.
//!
//! It verifies no signature. With `HUGESYNC_E2E_STS` set to the URL of another STS (moto's), AssumeRoleWithWebIdentity is
//! asked there, and what it gives is admitted.
//!
//! Forms of the answers: STS API reference; `actions/toolkit`, `oidc-utils.ts`. Errors as AWS words them:
//! aws-actions/configure-aws-credentials, issues 275, 280, 299, 775, and aws-sdk-rust, issue 827.

use std::collections::HashSet;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use strict_s3::StrictS3;

use super::support::Target;

/// The account of the roles here.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The role that jobs assume.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";
/// What GitHub gives a job to ask for tokens with.
const BEARER: &str = "request-token-of-the-job";
/// A peer that says nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(20);

/// An answer that is no.
#[derive(Debug, Clone)]
pub(crate) struct No {
    status: u16,
    code: &'static str,
    text: &'static str,
}

impl No {
    pub(crate) const DENIED: Self =
        Self::of(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    pub(crate) const AUDIENCE: Self = Self::of(400, "InvalidIdentityToken", "Incorrect token audience");
    pub(crate) const PROVIDER: Self = Self::of(
        400,
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com",
    );
    pub(crate) const ISSUER: Self = Self::of(
        400,
        "InvalidIdentityToken",
        "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity \
         documentation for requirements",
    );
    pub(crate) const EXPIRED: Self = Self::of(
        400,
        "ExpiredTokenException",
        "Token expired: current date/time 1626271164 must be before the expiration date/time1626191469",
    );
    pub(crate) const TOO_LONG: Self = Self::of(
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    );
    pub(crate) const BAD_POLICY: Self = Self::of(400, "MalformedPolicyDocument", "Syntax errors in policy.");
    pub(crate) const BUSY: Self = Self::of(503, "ServiceUnavailable", "Service Unavailable");

    const fn of(status: u16, code: &'static str, text: &'static str) -> Self {
        Self { status, code, text }
    }
}

/// A call of STS that came.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The action.
    pub(crate) action: String,
    /// The access key that it was signed with, if it was.
    pub(crate) access_key: Option<String>,
    form: Vec<(String, String)>,
}

impl Call {
    /// A parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the stand-in does, and what it has seen.
struct State {
    claims: Value,
    lifetime: Duration,
    account: Option<&'static str>,
    github: Option<(u16, &'static str)>,
    sts: Option<No>,
    audiences: Vec<String>,
    /// Tokens of GitHub's endpoint that were not used yet: each has to serve one call.
    fresh: HashSet<String>,
    /// Tokens that jobs have from the beginning.
    lasting: HashSet<String>,
    tokens: usize,
    sessions: usize,
    calls: Vec<Call>,
    secrets: Vec<String>,
}

/// The running stand-in; it stops when it is dropped.
pub(crate) struct Identity {
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    double: Arc<StrictS3>,
    stop: AtomicBool,
}

impl Identity {
    /// Starts it for a target that is a double. Credentials last an hour.
    pub(crate) fn start(target: &Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = State {
            claims: json!({
                "iss": "https://token.actions.githubusercontent.com",
                "sub": "repo:acme/site:ref:refs/heads/main",
            }),
            lifetime: Duration::from_secs(3600),
            account: None,
            github: None,
            sts: None,
            audiences: Vec::new(),
            fresh: HashSet::new(),
            lasting: HashSet::new(),
            tokens: 0,
            sessions: 0,
            calls: Vec::new(),
            secrets: vec![BEARER.to_owned()],
        };
        let shared = Shared { state: Mutex::new(state), double: target.shared_double(), stop: AtomicBool::new(false) };
        let shared = Arc::new(shared);
        let server = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if server.stop.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), server) = (stream, Arc::clone(&server)) else { continue };
                // A peer that goes away is its own business.
                std::thread::spawn(move || server.serve(&stream));
            }
        });
        Self { shared, address, thread: Some(thread) }
    }

    /// Its STS.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The two variables by which GitHub lets a job ask for tokens.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        let url = format!("{}/oidc/token/1?api-version=2.0", self.url());
        [("ACTIONS_ID_TOKEN_REQUEST_URL", url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER.to_owned())]
    }

    /// How long credentials that are given from now on last.
    pub(crate) fn lasts(&self, lifetime: Duration) {
        self.state().lifetime = lifetime;
    }

    /// Claims of tokens from now on. `iat` is in seconds from now; other times follow it.
    pub(crate) fn claims(&self, claims: Value) {
        self.state().claims = claims;
    }

    /// The account that STS says sessions are of, whatever the role's ARN says.
    pub(crate) fn is_of(&self, account: &'static str) {
        self.state().account = Some(account);
    }

    /// What GitHub's endpoint answers from now on instead of tokens.
    pub(crate) fn github_answers(&self, status: u16, body: &'static str) {
        self.state().github = Some((status, body));
    }

    /// What STS answers from now on instead of credentials.
    pub(crate) fn sts_answers(&self, no: impl Into<Option<No>>) {
        self.state().sts = no.into();
    }

    /// A token that a job has from the beginning.
    pub(crate) fn token(&self) -> String {
        let mut state = self.state();
        let token = state.make_token("sts.amazonaws.com");
        state.lasting.insert(token.clone());
        token
    }

    /// How many tokens were made.
    pub(crate) fn tokens(&self) -> usize {
        self.state().tokens
    }

    /// The audiences that tokens were asked for with.
    pub(crate) fn audiences(&self) -> Vec<String> {
        self.state().audiences.clone()
    }

    /// The calls of an action of STS.
    pub(crate) fn calls(&self, action: &str) -> Vec<Call> {
        self.state().calls.iter().filter(|call| call.action == action).cloned().collect()
    }

    /// Everything secret that went in and out.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.state().secrets.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no poison")
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl State {
    /// When credentials that are given now end: a second later than STS says, as a clock that is read in whole seconds.
    fn end(&self) -> SystemTime {
        SystemTime::now() + self.lifetime + Duration::from_secs(1)
    }

    fn make_token(&mut self, audience: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        self.tokens += 1;
        let mut claims = self.claims.clone();
        let shift = claims["iat"].as_i64().unwrap_or(0);
        let at = |seconds: i64| now.saturating_add_signed(shift + seconds);
        claims["iat"] = at(0).into();
        claims["nbf"] = at(-300).into();
        claims["exp"] = at(300).into();
        claims["jti"] = format!("token-{}", self.tokens).into();
        if claims["aud"].is_null() {
            claims["aud"] = audience.into();
        }
        let encode = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        let head = json!({ "alg": "RS256", "kid": "1", "typ": "JWT" });
        let token = format!("{}.{}.{}", encode(&head), encode(&claims), BASE64_URL_SAFE_NO_PAD.encode([7; 256]));
        self.secrets.push(token.clone());
        token
    }
}

/// A request.
struct Request {
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn read(stream: &TcpStream) -> io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            lines.push(line.to_owned());
        }
        let target = lines[0].split(' ').nth(1).unwrap_or_default().to_owned();
        let pairs = lines[1..].iter().filter_map(|line| line.split_once(':'));
        let headers: Vec<_> = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let mut request = Self { target, headers, body: String::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        request.body = String::from_utf8_lossy(&body).into_owned();
        Ok(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The pairs of a form or a query.
fn pairs(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENCE))?;
        let request = Request::read(stream)?;
        let (status, kind, body) = match request.target.split_once('?') {
            Some((path, query)) if path.starts_with("/oidc/") => self.github(&request, query),
            _ => self.sts(&request),
        };
        let length = body.len();
        write!(
            &mut &*stream,
            "HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    }

    fn github(&self, request: &Request, query: &str) -> (u16, &'static str, String) {
        let mut state = self.state.lock().expect("no poison");
        let authorized = request.header("authorization").and_then(|text| text.split_once(' '));
        let authorized = authorized.is_some_and(|(kind, token)| kind.eq_ignore_ascii_case("bearer") && token == BEARER);
        let query = pairs(query);
        let parameter = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let audience = parameter("audience").unwrap_or_default();
        state.audiences.push(audience.clone());
        if let Some((status, body)) = state.github {
            return (status, "text/html", body.to_owned());
        }
        if !authorized || parameter("api-version").as_deref() != Some("2.0") {
            return (401, "application/json", "{\"message\":\"not authorized\"}".to_owned());
        }
        let token = state.make_token(&audience);
        state.fresh.insert(token.clone());
        (200, "application/json", json!({ "count": 1, "value": token }).to_string())
    }

    fn sts(&self, request: &Request) -> (u16, &'static str, String) {
        let form = pairs(&request.body);
        let signed = request.header("authorization").and_then(|text| text.split("Credential=").nth(1));
        let access_key = signed.and_then(|text| text.split('/').next()).map(str::to_owned);
        let action = form.iter().find(|(name, _)| name == "Action").map(|(_, value)| value.clone()).unwrap_or_default();
        let call = Call { action, access_key, form };
        let mut state = self.state.lock().expect("no poison");
        state.calls.push(call.clone());
        let (status, body) = match self.answer(&mut state, &call, &request.body) {
            Ok(body) => (200, body),
            Err(No { status, code, text }) => {
                let text = text.replace('\'', "&#39;");
                let fault = if status < 500 { "Sender" } else { "Receiver" };
                let body = format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>{fault}</Type>\n    \
                     <Code>{code}</Code>\n    <Message>{text}</Message>\n  </Error>\n  \
                     <RequestId>1b9f1c5e-0000-4000-8000-000000000000</RequestId>\n</ErrorResponse>\n"
                );
                (status, body)
            }
        };
        (status, "text/xml", body)
    }

    fn answer(&self, state: &mut State, call: &Call, body: &str) -> Result<String, No> {
        if let Some(no) = state.sts.clone() {
            return Err(no);
        }
        let unknown = || No::of(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
        match call.action.as_str() {
            "AssumeRoleWithWebIdentity" => {
                let token = call.get("WebIdentityToken").unwrap_or_default();
                if call.access_key.is_some() || !(state.fresh.remove(token) || state.lasting.contains(token)) {
                    return Err(No::of(400, "InvalidIdentityToken", "This token was not made for this call"));
                }
                match std::env::var("HUGESYNC_E2E_STS") {
                    Ok(url) if state.account.is_none() => Ok(self.relayed(state, &url, body)),
                    _ => Ok(self.given(state, call)),
                }
            }
            _ if call.access_key.as_deref() != Some(self.double.access_key()) => Err(unknown()),
            "AssumeRole" => Ok(self.given(state, call)),
            "GetCallerIdentity" => Ok(result(
                "GetCallerIdentity",
                &format!(
                    "<Arn>arn:aws:iam::{account}:user/ci</Arn><UserId>AIDA1</UserId><Account>{account}</Account>",
                    account = state.account.unwrap_or(ACCOUNT)
                ),
            )),
            _ => Err(No::of(400, "InvalidAction", "Could not find operation")),
        }
    }

    /// New credentials, which the double takes from now on.
    fn given(&self, state: &mut State, call: &Call) -> String {
        state.sessions += 1;
        let number = state.sessions;
        let name = call.get("RoleSessionName").unwrap_or_default();
        let arn: Vec<&str> = call.get("RoleArn").unwrap_or_default().split([':', '/']).collect();
        let (account, role) = (arn.get(4).copied().unwrap_or_default(), arn.last().copied().unwrap_or_default());
        let expires = state.end();
        let keys = [
            format!("ASIASESSION{number:09}"),
            format!("secret/of+session{number:022}"),
            format!("FwoGZXIvYXdzEA//token+of/session{number:032}=="),
        ];
        self.admit(state, &keys, expires);
        let inside = format!(
            "<AssumedRoleUser><AssumedRoleId>AROA1:{name}</AssumedRoleId>\
             <Arn>arn:aws:sts::{}:assumed-role/{role}/{name}</Arn></AssumedRoleUser><Credentials><AccessKeyId>{}</AccessKeyId>\
             <SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
            state.account.unwrap_or(account),
            keys[0],
            keys[1],
            keys[2],
            stamp(expires)
        );
        result(&call.action, &inside)
    }

    fn admit(&self, state: &mut State, keys: &[String; 3], expires: SystemTime) {
        let [access_key, secret_key, token] = keys;
        self.double.admit(access_key, secret_key, token, expires);
        state.secrets.extend(keys.iter().cloned());
    }

    /// What another STS says, with the lifetime that is asked for here.
    fn relayed(&self, state: &mut State, url: &str, body: &str) -> String {
        let answer = post(url, body).unwrap_or_else(|error| panic!("{url}: {error}"));
        let field = |name: &str| {
            let inside =
                answer.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
            inside.map(|(inside, _)| inside.to_owned()).unwrap_or_else(|| panic!("no {name} in {answer}"))
        };
        let keys = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(field);
        let expires = state.end();
        self.admit(state, &keys, expires);
        answer.replace(&field("Expiration"), &stamp(expires))
    }
}

/// As STS writes it, in whole seconds.
fn stamp(end: SystemTime) -> String {
    DateTime::from_secs(DateTime::from(end).secs() - 1).fmt(DateTimeFormat::DateTime).expect("a time")
}

fn result(action: &str, inside: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{inside}</{action}Result>\
         <ResponseMetadata><RequestId>1b9f1c5e-0000-4000-8000-000000000000</RequestId></ResponseMetadata></{action}Response>"
    )
}

/// The body of an answer that is yes.
fn post(url: &str, body: &str) -> io::Result<String> {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SILENCE))?;
    // HTTP 1.0: the answer comes in one piece and ends with the connection. moto tells its services by this header.
    write!(
        stream,
        "POST / HTTP/1.0\r\nhost: sts.us-east-1.amazonaws.com\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    assert!(head.split(' ').nth(1) == Some("200"), "{answer}");
    Ok(body.to_owned())
}
