//! A server of one thread that answers every request from a script, and forms of GitHub's and STS's answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The request line and the headers.
    pub(super) head: String,
    /// The body; a form, for STS.
    pub(super) body: String,
}

impl Asked {
    /// The action of STS that is asked for; `token` for GitHub's endpoint.
    pub(super) fn action(&self) -> String {
        self.field("Action").unwrap_or_else(|| "token".to_owned())
    }

    /// A field of the form.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let value = self.body.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
    }
}

/// A status and a body.
pub(super) type Answer = (u16, String);

/// A running server; it stops when it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(mut script: impl FnMut(&Asked) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, log) = (Arc::clone(&stop), Arc::clone(&asked));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // A client that goes away is the client's business.
                let _ = stream.and_then(|stream| serve(&stream, &mut script, &log));
            }
        });
        Self { address, stop, asked, thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no poison").clone()
    }

    /// How often something was asked.
    pub(super) fn count(&self, action: &str) -> usize {
        self.asked().iter().filter(|asked| asked.action() == action).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(
    stream: &TcpStream,
    script: &mut impl FnMut(&Asked) -> Answer,
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked = Asked { head, body: String::from_utf8_lossy(&body).into_owned() };
    let (status, text) = script(&asked);
    log.lock().expect("no poison").push(asked);
    let length = text.len();
    write!(&mut &*stream, "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}")
}

/// GitHub's answer with a token.
pub(super) fn token_answer(token: &str) -> Answer {
    (200, serde_json::json!({ "count": 1, "value": token }).to_string())
}

/// STS's answer with credentials whose names end in `mark`, good for so long.
pub(super) fn credentials(action: &str, mark: usize, lifetime: Duration) -> Answer {
    let expiration = DateTime::from(SystemTime::now() + lifetime).fmt(Format::DateTime).expect("a time");
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><AssumedRoleUser>\
         <AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::{}:assumed-role/deploy/s</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>ASIA{mark}</AccessKeyId><SecretAccessKey>secret-{mark}</SecretAccessKey>\
         <SessionToken>session-{mark}</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
         </{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>",
        super::ACCOUNT
    );
    (200, body)
}

/// STS's answer with an error.
pub(super) fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    (status, body)
}
