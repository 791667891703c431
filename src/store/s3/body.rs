//! A payload as a request body: handed to the connection piece by piece, again from the start for a retry.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::bandwidth::Bandwidth;
use crate::delta::ReadAt;
use crate::store::{OnSent, Payload, PayloadBody};

/// How much of a file is read ahead of the connection, in bytes: large enough that a read costs less than what it reads.
const READ_LEN: u64 = 1 << 20;
/// How much goes to the connection at once, in bytes: small enough that progress moves on a slow line.
const SLICE_LEN: usize = 256 << 10;
/// How often a body that waits for its turn says so. Stalled-stream protection looks at tenths of a second and takes a
/// body that nobody asks for a connection that is dead.
const SIGN_OF_LIFE: Duration = Duration::from_millis(80);

/// The payload as the SDK takes it. Each attempt of a request begins a new body.
pub(super) fn stream(payload: Payload, bandwidth: Option<&Arc<Bandwidth>>) -> ByteStream {
    let bandwidth = bandwidth.cloned();
    ByteStream::new(SdkBody::retryable(move || {
        SdkBody::from_body_1_x(PayloadStream {
            left: payload.len(),
            pieces: match payload.body.clone() {
                PayloadBody::Buffer(bytes) => Pieces::Buffer(bytes),
                PayloadBody::File { file, offset, len } => {
                    Pieces::File(FilePieces { file, offset, left: len, reading: None })
                }
            },
            piece: Bytes::new(),
            turns: bandwidth.clone().map(Turns::new),
            on_sent: Arc::clone(&payload.on_sent),
        })
    }))
}

/// A payload on its way.
struct PayloadStream {
    pieces: Pieces,
    /// What has been read and not been handed on.
    piece: Bytes,
    /// Bytes that have not been handed on, read or not.
    left: u64,
    turns: Option<Turns>,
    on_sent: OnSent,
}

impl Body for PayloadStream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        if this.piece.is_empty() {
            match ready!(this.pieces.poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(piece)) => this.piece = piece,
            }
        }
        let slice_len = this.turns.as_ref().map_or(SLICE_LEN, |turns| turns.bandwidth.slice_len());
        let len = this.piece.len().min(slice_len);
        if let Some(turns) = &mut this.turns {
            ready!(turns.poll_turn(len, cx));
        }
        let slice = this.piece.split_to(len);
        this.left -= len as u64;
        (this.on_sent)(len as u64);
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        // Asked before the first piece is read, to set Content-Length.
        SizeHint::with_exact(self.left)
    }
}

/// The bytes of a payload as they become available.
enum Pieces {
    Buffer(Bytes),
    File(FilePieces),
}

impl Pieces {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Buffer(bytes) if bytes.is_empty() => Poll::Ready(None),
            // Sliced later, without copying.
            Self::Buffer(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Self::File(file) => file.poll_next(cx),
        }
    }
}

/// A range of a file, read on the blocking threads one piece ahead of the connection.
struct FilePieces {
    file: Arc<dyn ReadAt + Send + Sync>,
    offset: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FilePieces {
    fn start_reading(&mut self) -> Option<JoinHandle<io::Result<Bytes>>> {
        let len = self.left.min(READ_LEN);
        if len == 0 {
            return None;
        }
        let (file, offset) = (Arc::clone(&self.file), self.offset);
        self.offset += len;
        self.left -= len;
        Some(tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; len as usize];
            file.read_exact_at(&mut piece, offset)?;
            Ok(piece.into())
        }))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.reading.is_none() {
            self.reading = self.start_reading();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let piece = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other).flatten();
        self.reading = if piece.is_ok() { self.start_reading() } else { None };
        Poll::Ready(Some(piece))
    }
}

/// A body's place in the queue for bandwidth.
struct Turns {
    bandwidth: Arc<Bandwidth>,
    /// When the slice that has been asked for may leave.
    due: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl Turns {
    fn new(bandwidth: Arc<Bandwidth>) -> Self {
        Self { bandwidth, due: None, alarm: Box::pin(sleep_until(Instant::now())) }
    }

    /// Ready once, when a slice of `len` bytes may leave.
    fn poll_turn(&mut self, len: usize, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let due = *self.due.get_or_insert_with(|| self.bandwidth.take(len, now));
        loop {
            let now = Instant::now();
            if now >= due {
                self.due = None;
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(due.min(now + SIGN_OF_LIFE));
            ready!(self.alarm.as_mut().poll(cx));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::store::Checksums;

    fn payload(body: PayloadBody) -> (Payload, Arc<AtomicU64>) {
        let sent = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&sent);
        let on_sent = Arc::new(move |bytes| _ = told.fetch_add(bytes, Ordering::Relaxed));
        (Payload { body, checksums: Checksums { crc64nvme: 0, md5: None }, on_sent }, sent)
    }

    #[tokio::test]
    async fn everything_is_handed_on_and_told() {
        let len = 3 * READ_LEN + 5;
        let file = PayloadBody::File { file: Arc::new(vec![1; len as usize + 7]), offset: 7, len };
        for body in [PayloadBody::Buffer(vec![1; len as usize].into()), file] {
            let (payload, sent) = payload(body);
            let bytes = stream(payload, None).collect().await.expect("bytes").into_bytes();
            assert_eq!((bytes.len() as u64, sent.load(Ordering::Relaxed)), (len, len));
            assert!(bytes.iter().all(|byte| *byte == 1));
        }
    }

    #[tokio::test]
    async fn a_file_that_has_shrunk_is_an_error() {
        let (payload, _) =
            payload(PayloadBody::File { file: Arc::new(vec![1; READ_LEN as usize]), offset: 0, len: READ_LEN + 1 });
        assert!(stream(payload, None).collect().await.is_err());
    }

    /// Two bodies share the rate, and neither is silent for longer than the protection allows.
    #[tokio::test]
    async fn bodies_share_the_bandwidth() {
        let limit = Arc::new(Bandwidth::new(NonZeroU64::new(1_000_000).expect("not zero")));
        let begun = Instant::now();
        let bodies = (0..2).map(|_| {
            let (payload, _) = payload(PayloadBody::Buffer(vec![1; 375_000].into()));
            stream(payload, Some(&limit)).collect()
        });
        let sent = futures::future::try_join_all(bodies).await.expect("bytes");
        assert_eq!(sent.into_iter().map(|bytes| bytes.into_bytes().len()).sum::<usize>(), 750_000);
        let seconds = begun.elapsed().as_secs_f64();
        // 750,000 bytes, a quarter of a second's worth of them at once. A busy machine takes longer, never shorter.
        assert!((0.49..10.0).contains(&seconds), "{seconds}");
    }

    #[tokio::test]
    async fn who_waits_shows_that_it_lives() {
        let limit = Arc::new(Bandwidth::new(NonZeroU64::new(100).expect("not zero")));
        limit.take(70, Instant::now());
        let mut turns = Turns::new(limit);
        let (begun, mut polls) = (Instant::now(), 0u32);
        std::future::poll_fn(|cx| {
            polls += 1;
            turns.poll_turn(5, cx)
        })
        .await;
        let waited = begun.elapsed();
        assert!(waited >= Duration::from_millis(490), "{waited:?}");
        assert!(polls >= 5, "{polls} polls in {waited:?}");
    }
}
