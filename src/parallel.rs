//! The switch between several threads and one, and the two loops that use it.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::progress;

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Allows or forbids the use of rayon's threads in this process. Without them, all work runs on the calling thread.
///
/// The results have the same bits in both cases. A forked child process must call `set_parallel(false)`, because it
/// inherits the memory of the thread pool but not its threads.
///
/// # Examples
///
/// ```
/// qosguard::set_parallel(false);
/// assert!(!qosguard::is_parallel());
/// qosguard::set_parallel(true);
/// ```
pub fn set_parallel(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// Whether large inputs are split over more than one thread.
pub fn is_parallel() -> bool {
    ENABLED.load(Ordering::Relaxed) && rayon::current_num_threads() > 1
}

/// `[f(0), …, f(n - 1)]`, in order, under the monitors of the calling thread.
pub(crate) fn map<T: Send>(n: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    if !is_parallel() {
        return (0..n).map(f).collect();
    }
    let scope = progress::scope();
    (0..n).into_par_iter().map_init(|| scope.enter(), |_, i| f(i)).collect()
}

/// Calls `f(start, part)` on each part of `out`, `chunk` long (the last may be shorter).
///
/// A single chunk runs on the calling thread. The error is the error of the first failing part, in order. Cancelled work
/// ends before the next part.
pub(crate) fn for_each_chunk<T: Send>(
    out: &mut [T],
    chunk: usize,
    f: impl Fn(usize, &mut [T]) -> Result<(), Error> + Sync,
) -> Result<()> {
    let call = |(i, part): (usize, &mut [T])| {
        progress::check()?;
        f(i * chunk, part)
    };
    if out.len() > chunk && is_parallel() {
        let scope = progress::scope();
        let parts = out.par_chunks_mut(chunk).enumerate();
        let failure = parts.find_map_first(|part| scope.run(|| call(part)).err());
        return failure.map_or(Ok(()), Err);
    }
    out.chunks_mut(chunk).enumerate().try_for_each(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_visited_once_with_its_own_start() {
        let mut out = vec![0_usize; 1003];
        for_each_chunk(&mut out, 10, |start, part| {
            for (i, v) in part.iter_mut().enumerate() {
                *v += start + i;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(out, (0..1003).collect::<Vec<_>>());
        assert_eq!(map(5, |i| i * i), [0, 1, 4, 9, 16]);
    }

    #[test]
    fn the_first_failing_part_is_reported() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        let error = pool.install(|| {
            for_each_chunk(&mut [0_u8; 100], 10, |start, _| {
                if start >= 40 { Err(Error::invalid("start", "small", start)) } else { Ok(()) }
            })
        });
        assert_eq!(error.unwrap_err().to_string(), "`start` must be small, got 40");
    }
}
