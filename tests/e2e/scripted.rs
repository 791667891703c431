//! A server that answers from a script, for what no S3 would say. It keeps nothing and checks nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

const LISTING: &str = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>old</Key>\
    <Size>1</Size><ETag>\"00000000000000000000000000000000\"</ETag><LastModified>2026-01-02T00:00:00.000Z</LastModified>\
    </Contents><Contents><Key>older</Key><Size>1</Size><ETag>\"00000000000000000000000000000000\"</ETag>\
    <LastModified>2026-01-02T00:00:00.000Z</LastModified></Contents></ListBucketResult>";
const UPLOADS: &str = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
const CREATED: &str = "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>x</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &str = "<CompleteMultipartUploadResult><ETag>\"0\"</ETag></CompleteMultipartUploadResult>";

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// More headers than the length, with line ends between them.
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl From<(u16, &str, &str)> for Answer {
    fn from((status, headers, body): (u16, &str, &str)) -> Self {
        Self { status, headers: headers.to_owned(), body: body.to_owned() }
    }
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// What is asked for, as far as these tests tell it apart.
    pub(crate) operation: &'static str,
    headers: Vec<(String, String)>,
}

impl Asked {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

fn operation(method: &str, target: &str) -> &'static str {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let asks = |name: &str| query.split('&').any(|item| item.split('=').next() == Some(name));
    match method {
        "HEAD" => "HeadObject",
        "GET" if asks("list-type") => "ListObjectsV2",
        "GET" if asks("uploads") => "ListMultipartUploads",
        "GET" => "GetObject",
        "PUT" if asks("partNumber") => "UploadPart",
        "PUT" => "PutObject",
        "POST" if asks("uploads") => "CreateMultipartUpload",
        "POST" if asks("delete") => "DeleteObjects",
        "POST" => "CompleteMultipartUpload",
        _ => "AbortMultipartUpload",
    }
}

/// What an S3 with two objects, `old` and `older`, would say; it keeps nothing.
pub(crate) fn sound(operation: &str) -> Answer {
    let answer = match operation {
        "HeadObject" => (404, "", ""),
        "GetObject" => (404, "", "<Error><Code>NoSuchKey</Code></Error>"),
        "ListObjectsV2" => (200, "", LISTING),
        "ListMultipartUploads" => (200, "", UPLOADS),
        "CreateMultipartUpload" => (200, "", CREATED),
        "CompleteMultipartUpload" => (200, "", COMPLETED),
        "DeleteObjects" => (200, "", "<DeleteResult/>"),
        "AbortMultipartUpload" => (204, "", ""),
        _ => (200, "etag: \"0cc175b9c0f1b6a831c399e269772661\"", ""),
    };
    answer.into()
}

/// Starts a server that answers what `script` says, and else what S3 would. It ends with the process.
pub(crate) fn start(script: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address: SocketAddr = listener.local_addr().expect("an address");
    let script = Arc::new(script);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let script = Arc::clone(&script);
            // A client that goes away is the client's business.
            std::thread::spawn(move || while serve(&stream, &*script).is_some() {});
        }
    });
    format!("http://{address}")
}

fn serve(stream: &TcpStream, script: &dyn Fn(&Asked) -> Option<Answer>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|len| *len > 0)?;
    let mut words = line.split(' ');
    let mut asked = Asked { operation: operation(words.next()?, words.next()?), headers: Vec::new() };
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let len = asked.header("content-length").parse().unwrap_or(0);
    std::io::copy(&mut reader.by_ref().take(len), &mut std::io::sink()).ok()?;
    let Answer { status, mut headers, body } = script(&asked).unwrap_or_else(|| sound(asked.operation));
    if !headers.is_empty() {
        headers.push_str("\r\n");
    }
    // 204 has no length (RFC 9110, section 8.6); HEAD has one and no body.
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let body = if asked.operation == "HeadObject" { "" } else { &body };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status} Whatever\r\n{headers}{length}\r\n{body}").ok()
}
