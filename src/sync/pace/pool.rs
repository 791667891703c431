//! Buffers of parts, used again: a run needs as many as it has uploads under way, and the allocator keeps no others.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// A shorter buffer is not worth keeping, in bytes.
const MIN_KEPT: usize = 1 << 20;

/// A longer one would be kept for parts that do not need it, in bytes.
const MAX_KEPT: usize = 16 << 20;

/// Buffers that wait for their next part.
#[derive(Debug, Default)]
pub(crate) struct BufferPool(Mutex<Vec<Vec<u8>>>);

/// A buffer that goes back to its pool.
pub(crate) struct PooledBuffer {
    buffer: Vec<u8>,
    pool: Arc<BufferPool>,
}

impl BufferPool {
    /// A buffer of `len` bytes, whatever they are.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> PooledBuffer {
        let kept = if len < MIN_KEPT { None } else { self.0.lock().unwrap_or_else(PoisonError::into_inner).pop() };
        let mut buffer = kept.unwrap_or_default();
        buffer.resize(len, 0);
        PooledBuffer { buffer, pool: Arc::clone(self) }
    }
}

impl PooledBuffer {
    /// What it holds, to be filled.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// What it holds, to be sent; the buffer goes back when the last copy of this is gone.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for PooledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        if (MIN_KEPT..=MAX_KEPT).contains(&buffer.capacity()) {
            self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_nobody_sends_it_any_more() {
        let pool = Arc::new(BufferPool::default());
        let mut first = pool.take(MIN_KEPT);
        first.bytes_mut()[0] = 7;
        let place = first.as_ref().as_ptr();
        let sent = first.into_bytes();
        let again = sent.clone();
        drop(sent);
        assert_ne!(pool.take(MIN_KEPT).as_ref().as_ptr(), place);
        drop(again);
        let buffers = [pool.take(MIN_KEPT), pool.take(MIN_KEPT)];
        assert!(buffers.iter().any(|buffer| buffer.as_ref().as_ptr() == place));
    }
}
