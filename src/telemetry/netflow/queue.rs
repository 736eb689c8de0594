//! The queue of datagrams between the thread that receives them and the thread that decodes them.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::progress;

/// Overhead of a datagram in the queue, bytes.
const OVERHEAD: usize = 64;

/// How often a wait checks whether the work was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// A received datagram.
#[derive(Debug)]
pub(super) struct Datagram {
    pub(super) exporter: IpAddr,
    /// Seconds since the Unix epoch.
    pub(super) received: f64,
    pub(super) bytes: Box<[u8]>,
}

/// The result of waiting for a datagram.
#[derive(Debug)]
pub(super) enum Waited {
    Datagram(Datagram),
    /// The deadline has passed.
    TimedOut,
    /// The work was cancelled.
    Cancelled,
    /// No more datagrams will arrive, because of an error or because the collector was stopped.
    Closed(Option<io::Error>),
}

/// A queue of a bounded size in bytes. It drops and counts the datagrams that do not fit.
#[derive(Debug)]
pub(super) struct Queue {
    max_bytes: usize,
    inner: Mutex<Inner>,
    came: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    datagrams: VecDeque<Datagram>,
    bytes: usize,
    dropped: u64,
    closed: bool,
    error: Option<io::Error>,
}

impl Queue {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, inner: Mutex::default(), came: Condvar::new() }
    }

    /// No function of the queue can panic while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a datagram, or drops it if the queue is full.
    pub(super) fn push(&self, datagram: Datagram) {
        let mut inner = self.lock();
        let bytes = inner.bytes + datagram.bytes.len() + OVERHEAD;
        if bytes > self.max_bytes {
            inner.dropped += 1;
            return;
        }
        inner.bytes = bytes;
        inner.datagrams.push_back(datagram);
        drop(inner);
        self.came.notify_one();
    }

    /// Marks the end of the datagrams.
    pub(super) fn close(&self, error: Option<io::Error>) {
        let mut inner = self.lock();
        inner.closed = true;
        inner.error = error;
        drop(inner);
        self.came.notify_one();
    }

    /// Number of dropped datagrams.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Waits for the next datagram, until the deadline if there is one.
    pub(super) fn pop(&self, deadline: Option<Instant>) -> Waited {
        let mut inner = self.lock();
        loop {
            if let Some(datagram) = inner.datagrams.pop_front() {
                inner.bytes -= datagram.bytes.len() + OVERHEAD;
                return Waited::Datagram(datagram);
            }
            if inner.closed {
                return Waited::Closed(inner.error.take());
            }
            if progress::is_cancelled() {
                return Waited::Cancelled;
            }
            let left = deadline.map_or(LOOK, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Waited::TimedOut;
            }
            inner = self.came.wait_timeout(inner, left.min(LOOK)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn datagram(bytes: usize) -> Datagram {
        let exporter = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Datagram { exporter, received: 0.0, bytes: vec![0; bytes].into() }
    }

    #[test]
    fn datagrams_that_do_not_fit_are_dropped_and_counted() {
        let queue = Queue::new(2 * (100 + OVERHEAD));
        for _ in 0..5 {
            queue.push(datagram(100));
        }
        assert_eq!(queue.dropped(), 3);
        assert!(matches!(queue.pop(None), Waited::Datagram(_)));
        queue.push(datagram(100));
        assert_eq!(queue.dropped(), 3, "there is room again");
        queue.close(None);
        assert!(matches!(queue.pop(None), Waited::Datagram(_)));
        assert!(matches!(queue.pop(None), Waited::Datagram(_)));
        assert!(matches!(queue.pop(None), Waited::Closed(None)));
    }

    #[test]
    fn waiting_ends_at_the_deadline() {
        assert!(matches!(Queue::new(1).pop(Some(Instant::now())), Waited::TimedOut));
    }
}
