//! Stores that cannot be reached: what cannot pass fails at once, what may pass is tried again and said.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use strict_s3::{Fault, FaultAction};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::support::{DELTA, Run, Target, run};

/// A file of `tests/tls`.
fn tls(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/tls", name].iter().collect()
}

/// TLS in front of a server that has none.
struct Front {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl Front {
    fn of(endpoint: &str) -> Self {
        let behind: SocketAddr = endpoint.trim_start_matches("http://").parse().expect("an address");
        let chain = vec![CertificateDer::from_pem_file(tls("server.pem")).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(tls("server.key")).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("a server");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that goes away is the client's business.
                    if let (Ok(mut outside), Ok(mut inside)) =
                        (acceptor.accept(socket).await, TcpStream::connect(behind).await)
                    {
                        let _ = copy_bidirectional(&mut outside, &mut inside).await;
                    }
                });
            }
        });
        Self { address, connections, _runtime: runtime }
    }

    fn connections(&self) -> usize {
        self.connections.swap(0, Ordering::Relaxed)
    }
}

/// Syncs a small file to an endpoint.
fn sync(target: &Target, endpoint: &str, set: impl FnOnce(&mut Command)) -> Run {
    let mut command = target.command();
    command.args(["sync", "--endpoint-url", endpoint, "--path-style"]).args(DELTA);
    command.arg(target.file("x", "x")).arg("s3://bucket/");
    set(&mut command);
    run(&mut command)
}

#[test]
fn certificates_are_those_that_the_user_trusts() {
    let target = Target::start();
    let front = Front::of(&target.endpoint);
    let endpoint = format!("https://{}", front.address);
    let stranger = sync(&target, &endpoint, |_| {}).exits(1);
    stranger.says("UnknownIssuer").says("hint: if the certificate is right").says("AWS_CA_BUNDLE");
    assert_eq!(front.connections(), 1, "what is not trusted is not tried again");

    for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        sync(&target, &endpoint, |command| _ = command.env(variable, tls("ca.pem"))).ok();
        target.assert_holds("x", b"x");
        target.double().delete("bucket", "x");
        sync(&target, &endpoint, |command| _ = command.env(variable, tls("stranger.pem")))
            .exits(1)
            .says("UnknownIssuer");
    }
    // As in the AWS CLI it is that file and nothing else.
    let both = |command: &mut Command| {
        command.env("SSL_CERT_FILE", tls("ca.pem")).env("AWS_CA_BUNDLE", tls("stranger.pem"));
    };
    sync(&target, &endpoint, both).exits(1).says("UnknownIssuer");
    sync(&target, &endpoint, |command| _ = command.env("AWS_CA_BUNDLE", "")).exits(1).says("UnknownIssuer");
    assert_eq!(target.get("x"), None);

    front.connections();
    for (bundle, why) in [(tls("nowhere.pem"), "cannot read"), (tls("README.md"), "no PEM certificate in it")] {
        let bad = sync(&target, &endpoint, |command| _ = command.env("AWS_CA_BUNDLE", bundle)).exits(1);
        bad.says(why).says("AWS_CA_BUNDLE names").says("hint: let it name a file of certificates in PEM");
    }
    assert_eq!(front.connections(), 0);

    let no_tls = target.endpoint.replace("http://", "https://");
    sync(&target, &no_tls, |_| {}).exits(1).says("for a server without TLS write http://");
}

#[test]
fn addresses_that_lead_nowhere_are_not_tried_again() {
    let target = Target::start();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let refused = sync(&target, &format!("http://{closed}"), |_| {}).exits(1);
    let refused = refused.says("there is no server").says("hint: check --endpoint-url");
    assert!(!refused.stderr.contains("trying again"), "{}", refused.text());

    // A machine without a name server cannot tell that there is no such host, and tries for ten seconds.
    let unknown = sync(&target, "http://no-such-host.invalid", |_| {}).exits(1);
    if !unknown.stderr.contains("Temporary failure") && !unknown.stderr.contains("Try again") {
        let unknown = unknown.says("there is no such host").says("hint: check --endpoint-url");
        assert!(!unknown.stderr.contains("trying again"), "{}", unknown.text());
    }
}

/// A store that has answered is waited for, and a wait that lasts is told.
#[test]
fn what_may_pass_is_tried_again_and_said() {
    let target = Target::start();
    target.double().inject(Fault::next("PutObject", FaultAction::Status(503, "SlowDown")).times(5));
    let waited = target.sync(target.file("x", "x"), "x", &[]).ok();
    waited.says("the store has trouble or is busy (HTTP 503), trying again (");
    target.assert_holds("x", b"x");
}
