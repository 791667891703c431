//! The connection layer: counts bytes, keeps the record of each request, and carries out the faults that concern
//! bodies and connections. What a request means is `s3s`'s and `ops`'s business.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use s3s::StdError;
use s3s::service::S3Service;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::fault::FaultAction;
use crate::ops::Double;
use crate::record::{Exchange, Log};
use crate::state::random_hex;

/// Bytes hyper may hold of one connection; more of them mean fewer, larger reads of a body.
const BUFFER: usize = 1 << 20;
/// Time for the bytes before a cut to leave before the RST takes back what has not.
const FLUSH: Duration = Duration::from_millis(20);

/// No answer is sent; hyper closes the connection.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection cut on order")
    }
}

impl std::error::Error for Cut {}

/// Serves connections.
pub(crate) struct Front {
    pub(crate) service: S3Service,
    /// What it answers for.
    pub(crate) double: Arc<Double>,
    pub(crate) log: Arc<Log>,
    /// What every page of a listing of objects waits before it is sent.
    pub(crate) list_delay: Duration,
}

impl Front {
    /// Until the client goes away or a fault cuts it off.
    pub(crate) async fn serve(self: Arc<Self>, stream: TcpStream) {
        // Latency of small answers, not their number, is what clients wait for.
        let _ = stream.set_nodelay(true);
        let reset = Arc::new(AtomicBool::new(false));
        let socket = Socket { stream, log: Arc::clone(&self.log), reset: Arc::clone(&reset) };
        let handler = hyper::service::service_fn(move |request| {
            let (front, reset) = (Arc::clone(&self), Arc::clone(&reset));
            async move {
                let answer = front.handle(request, &reset).await;
                if answer.is_err() {
                    reset.store(true, Relaxed);
                }
                answer
            }
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        // An error is a client that went away, or a cut.
        let _ = server.max_buf_size(BUFFER).serve_connection(TokioIo::new(socket), handler).await;
    }

    async fn handle(&self, request: Request<Incoming>, reset: &Arc<AtomicBool>) -> Result<Response<AnswerBody>, Cut> {
        let (mut parts, body) = request.into_parts();
        let exchange = Arc::new(Exchange::new(&parts));
        self.log.add(&exchange);
        parts.extensions.insert(Arc::clone(&exchange));
        let leftover = Leftover::default();
        let body = if body.is_end_stream() {
            s3s::Body::empty()
        } else {
            let body = RequestBody { inner: Some(body), exchange: Arc::clone(&exchange), leftover: leftover.clone() };
            s3s::Body::http_body_unsync(body)
        };
        let answer = self.service.call(Request::from_parts(parts, body)).await;
        let lost = exchange.fault.get() == Some(&FaultAction::LostResponse);
        if exchange.cut.load(Relaxed) || lost {
            exchange.answered(0);
            self.log.finished(&exchange);
            return Err(Cut);
        }
        leftover.drain(&exchange).await;
        let mut answer = answer.map_err(|_| Cut)?;
        if exchange.fault.get() == Some(&FaultAction::EtagLie) {
            answer = lie(answer).await;
        }
        let limits = self.double.limits();
        for (name, value) in limits.announces {
            answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if limits.request_ids
            && let Ok(id) = HeaderValue::try_from(random_hex(8).to_ascii_uppercase())
        {
            answer.headers_mut().insert("x-amz-request-id", id);
        }
        let lists = exchange.target.get().is_some_and(|(kind, ..)| matches!(*kind, "ListObjectsV2" | "ListObjects"));
        if lists && !self.list_delay.is_zero() {
            tokio::time::sleep(self.list_delay).await;
        }
        exchange.answered(answer.status().as_u16());
        let (log, reset) = (Arc::clone(&self.log), Arc::clone(reset));
        Ok(answer.map(|inner| AnswerBody { inner, exchange, log, reset, pause: Pause::Ahead }))
    }
}

/// What was not read of a request's body, handed back so that it can be drained: a client that is still sending must
/// get the answer, not a reset.
#[derive(Clone, Default)]
struct Leftover(Arc<Mutex<Option<Incoming>>>);

impl Leftover {
    async fn drain(&self, exchange: &Exchange) {
        let rest = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut rest) = rest else { return };
        while let Some(Ok(frame)) = rest.frame().await {
            exchange.bytes_in.fetch_add(frame.data_ref().map_or(0, Bytes::len) as u64, Relaxed);
        }
    }
}

/// A request's body: counted, and spoilt where a fault says so.
struct RequestBody {
    inner: Option<Incoming>,
    exchange: Arc<Exchange>,
    leftover: Leftover,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let Some(frame) = ready!(Pin::new(inner).poll_frame(cx)).transpose()? else {
            self.inner = None;
            return Poll::Ready(None);
        };
        let Some(data) = frame.data_ref() else { return Poll::Ready(Some(Ok(frame))) };
        let before = self.exchange.bytes_in.fetch_add(data.len() as u64, Relaxed);
        match self.exchange.fault.get() {
            Some(FaultAction::ResetRequestAfter(limit)) if before + data.len() as u64 >= *limit => {
                self.exchange.cut.store(true, Relaxed);
                self.inner = None;
                Poll::Ready(Some(Err(Cut.into())))
            }
            Some(FaultAction::CorruptRequest) if before == 0 => {
                let data = flip_a_bit(data);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            _ => Poll::Ready(Some(Ok(frame))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        *self.leftover.0.lock().unwrap_or_else(PoisonError::into_inner) = self.inner.take();
    }
}

fn flip_a_bit(data: &Bytes) -> Bytes {
    let mut data = BytesMut::from(&data[..]);
    let middle = data.len() / 2;
    if let Some(byte) = data.get_mut(middle) {
        *byte ^= 1;
    }
    data.freeze()
}

/// Changes the first digit of the ETag, in the header and in an XML answer alike.
async fn lie(answer: Response<s3s::Body>) -> Response<s3s::Body> {
    let other = |digit: u8| if digit == b'0' { b'1' } else { b'0' };
    let (mut parts, body) = answer.into_parts();
    if let Some(value) = parts.headers.get_mut(header::ETAG) {
        let mut bytes = value.as_bytes().to_vec();
        if let Some(digit) = bytes.iter_mut().find(|byte| byte.is_ascii_hexdigit()) {
            *digit = other(*digit);
        }
        if let Ok(changed) = HeaderValue::from_bytes(&bytes) {
            *value = changed;
        }
    }
    let xml = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/xml");
    if !xml {
        return Response::from_parts(parts, body);
    }
    let mut text = body.collect().await.map(|all| all.to_bytes().to_vec()).unwrap_or_default();
    const TAG: &[u8] = b"<ETag>";
    if let Some(at) = text.windows(TAG.len()).position(|window| window == TAG) {
        let start = at + TAG.len();
        let quote = if text[start..].starts_with(b"&quot;") { b"&quot;".len() } else { 0 };
        if let Some(digit) = text[start + quote..].iter_mut().find(|byte| byte.is_ascii_hexdigit()) {
            *digit = other(*digit);
        }
    }
    Response::from_parts(parts, text.into())
}

/// Where an answer stands with the pause or cut that is ordered in its middle.
enum Pause {
    Ahead,
    Now(Pin<Box<Sleep>>),
    Over,
}

/// An answer's body: counted, and cut, held up or spoilt where a fault says so.
pub(crate) struct AnswerBody {
    inner: s3s::Body,
    exchange: Arc<Exchange>,
    log: Arc<Log>,
    reset: Arc<AtomicBool>,
    pause: Pause,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = &mut *self;
        let sent = this.exchange.bytes_out.load(Relaxed);
        let fault = this.exchange.fault.get();
        let halt = match fault {
            Some(FaultAction::ResetResponseAfter(at)) => Some((*at, FLUSH)),
            Some(FaultAction::StallResponse(at, time)) => Some((*at, *time)),
            _ => None,
        };
        if let Some((at, time)) = halt.filter(|(at, _)| sent >= *at) {
            if let Pause::Ahead = this.pause {
                this.pause = Pause::Now(Box::pin(tokio::time::sleep(time)));
            }
            if let Pause::Now(sleep) = &mut this.pause {
                ready!(sleep.as_mut().poll(cx));
                this.pause = Pause::Over;
                if matches!(fault, Some(FaultAction::ResetResponseAfter(_))) {
                    this.reset.store(true, Relaxed);
                    return Poll::Ready(Some(Err(Cut.into())));
                }
            }
            debug_assert!(sent >= at);
        }
        let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)).transpose()? else {
            return Poll::Ready(None);
        };
        let Ok(mut data) = frame.into_data() else { return Poll::Ready(None) };
        if sent == 0 && matches!(fault, Some(FaultAction::CorruptResponse)) {
            data = flip_a_bit(&data);
        }
        if let Some((at, _)) = halt
            && matches!(this.pause, Pause::Ahead)
            && sent + data.len() as u64 > at
        {
            // The rest of this frame comes after the halt.
            let rest = data.split_off(usize::try_from(at - sent).unwrap_or(data.len()));
            let behind = std::mem::take(&mut this.inner);
            this.inner = s3s::Body::http_body_unsync(Rejoined { first: Some(rest), behind });
        }
        this.exchange.bytes_out.fetch_add(data.len() as u64, Relaxed);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.log.finished(&self.exchange);
    }
}

/// Bytes that were taken off a body, and the body behind them.
struct Rejoined {
    first: Option<Bytes>,
    behind: s3s::Body,
}

impl Body for Rejoined {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut self.behind).poll_frame(cx),
        }
    }
}

/// A socket that counts, and that resets instead of closing once a cut is ordered.
struct Socket {
    stream: TcpStream,
    log: Arc<Log>,
    reset: Arc<AtomicBool>,
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.log.wire_in.fetch_add((buf.filled().len() - before) as u64, Relaxed);
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let offered = self.offer(data.len());
        let polled = Pin::new(&mut self.stream).poll_write(cx, data);
        self.settle(offered, &polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = self.offer(data.iter().map(|slice| slice.len()).sum());
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.settle(offered, &polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Socket {
    /// Counts before writing: a client that has an answer must find it counted.
    fn offer(&self, len: usize) -> u64 {
        self.log.wire_out.fetch_add(len as u64, Relaxed);
        len as u64
    }

    /// Takes back what was not written after all.
    fn settle(&self, offered: u64, polled: &Poll<io::Result<usize>>) {
        let written = if let Poll::Ready(Ok(written)) = polled { *written as u64 } else { 0 };
        self.log.wire_out.fetch_sub(offered - written, Relaxed);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}
