//! `set_parallel(false)` keeps work on the calling thread. This test has its own process, because the switch is global.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::collections::HashSet;
use std::sync::Mutex;
use std::thread;

use qosguard::evaluate::bootstrap_intervals;

#[test]
fn the_bootstrap_stays_on_the_calling_thread_without_parallel() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let seen = Mutex::new(HashSet::new());
    let statistic = |drawn: &[u32]| {
        seen.lock().unwrap().insert(thread::current().id());
        [drawn.iter().map(|&n| f64::from(n)).sum()]
    };
    qosguard::set_parallel(false);
    let own = pool.install(|| {
        bootstrap_intervals(&[true; 1_000], 2_000, 0.95, 1, statistic).unwrap();
        thread::current().id()
    });
    assert_eq!(seen.into_inner().unwrap(), HashSet::from([own]));
}
