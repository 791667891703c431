//! A payload as a request body: handed to the connection piece by piece, again from the start for a retry.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::delta::ReadAt;
use crate::store::{OnSent, Payload, PayloadBody};

/// How much of a file is read ahead of the connection, in bytes: large enough that a read costs less than what it reads.
const READ_LEN: u64 = 1 << 20;
/// How much of a buffer goes to the connection at once, in bytes: small enough that progress moves on a slow line.
const SLICE_LEN: usize = 256 << 10;

/// The payload as the SDK takes it. Each attempt of a request begins a new body.
pub(super) fn stream(payload: Payload) -> ByteStream {
    ByteStream::new(SdkBody::retryable(move || {
        let on_sent = Arc::clone(&payload.on_sent);
        match payload.body.clone() {
            PayloadBody::Buffer(bytes) => SdkBody::from_body_1_x(BufferBody { bytes, on_sent }),
            PayloadBody::File { file, offset, len } => {
                SdkBody::from_body_1_x(FileBody { file, offset, left: len, reading: None, on_sent })
            }
        }
    }))
}

/// A buffer, sliced without copying.
struct BufferBody {
    bytes: Bytes,
    on_sent: OnSent,
}

impl Body for BufferBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let len = self.bytes.len().min(SLICE_LEN);
        let slice = self.bytes.split_to(len);
        (self.on_sent)(len as u64);
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

/// A range of a file, read on the blocking threads one piece ahead of the connection.
struct FileBody {
    file: Arc<dyn ReadAt + Send + Sync>,
    offset: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    on_sent: OnSent,
}

impl FileBody {
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
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.reading.is_none() {
            self.reading = self.start_reading();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let piece = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other).flatten();
        self.reading = if piece.is_ok() { self.start_reading() } else { None };
        if let Ok(piece) = &piece {
            (self.on_sent)(piece.len() as u64);
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        // Asked before the first piece is read, to set Content-Length.
        SizeHint::with_exact(self.left)
    }
}
