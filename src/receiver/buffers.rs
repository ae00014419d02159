//! Read buffers, lent for the moment between a socket's readiness and its being read dry.
//!
//! A connection that waits holds none, so ten thousand idle agents cost no read buffers; and those
//! that are read at one moment share a fixed number, so a storm of them is bounded too: one more
//! waits for a buffer as it would wait for a processor.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A read takes what the kernel has, up to this. Larger ones bring no measured gain and leave the
/// cache of a small core.
const BUFFER_BYTES: usize = 128 * 1024;
/// Buffers lent at one time.
const BUFFERS_MAX: usize = 64;

/// A bounded stock of read buffers.
#[derive(Debug)]
pub struct BufferPool {
    /// Last in, first out: the warmest buffer is used next. Locked once for each wake-up of a
    /// connection.
    free: Mutex<Vec<Box<[u8]>>>,
    permits: Arc<Semaphore>,
    buffer_bytes: usize,
}

/// A lent buffer; it goes back when dropped.
#[derive(Debug)]
pub(super) struct LentBuffer {
    bytes: Box<[u8]>,
    pool: Arc<BufferPool>,
    _permit: OwnedSemaphorePermit,
}

impl Default for BufferPool {
    fn default() -> Self {
        Self::new(BUFFER_BYTES)
    }
}

impl BufferPool {
    /// A pool of buffers of this size, which must exceed the greatest unfinished line.
    pub fn new(buffer_bytes: usize) -> Self {
        Self {
            free: Mutex::default(),
            permits: Arc::new(Semaphore::new(BUFFERS_MAX)),
            buffer_bytes,
        }
    }

    /// A buffer with at least `needed` bytes, as soon as one may be lent. Its content is whatever
    /// was read into it last.
    pub(super) async fn lend(self: &Arc<Self>, needed: usize) -> LentBuffer {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let kept = self.free.lock().pop();
        let bytes = match kept.filter(|bytes| bytes.len() >= needed) {
            Some(bytes) => bytes,
            None => vec![0; needed.max(self.buffer_bytes)].into_boxed_slice(),
        };
        LentBuffer {
            bytes,
            pool: Arc::clone(self),
            _permit: permit,
        }
    }
}

impl std::ops::Deref for LentBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::ops::DerefMut for LentBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for LentBuffer {
    fn drop(&mut self) {
        // The permit goes back after this, so the stock never exceeds the permits.
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() == self.pool.buffer_bytes {
            self.pool.free.lock().push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn buffer_goes_back_and_is_lent_again() {
        let pool = Arc::new(BufferPool::default());
        let first = pool.lend(1).await.as_ptr();
        assert_eq!(pool.lend(1).await.as_ptr(), first);
        assert_eq!(pool.free.lock().len(), 1);
    }

    #[tokio::test]
    async fn one_too_many_waits_until_another_is_back() {
        let pool = Arc::new(BufferPool::new(8));
        let mut lent = Vec::new();
        for _ in 0..BUFFERS_MAX {
            lent.push(pool.lend(1).await);
        }
        let waiting = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.lend(1).await.len() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        lent.pop();
        assert_eq!(waiting.await.unwrap(), 8);
    }

    #[tokio::test]
    async fn larger_need_gets_its_own_buffer_that_is_not_kept() {
        let pool = Arc::new(BufferPool::new(8));
        assert_eq!(pool.lend(100).await.len(), 100);
        assert!(pool.free.lock().is_empty());
    }
}
