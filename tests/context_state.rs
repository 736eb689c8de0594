//! A context that was saved and restored continues as if it had never stopped, and a state that is not its own is an error.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use proptest::prelude::*;
use qosguard::arrow::array::RecordBatch;
use qosguard::arrow::compute::concat_batches;
use qosguard::features::{Context, DampedStatisticsConfig, HostContext, HostContextConfig};
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::telemetry::{Schema, Table};
use qosguard::{Error, Guard};

/// Simulated flows, some of them moved to another place: their times go back and jump ahead.
fn disordered(rows: usize, seed: u64, moves: &[(usize, usize)]) -> Table {
    let flows =
        simulate::table(&FlowSimulatorConfig { rows: rows as u64, seed, ..Default::default() }).unwrap();
    let mut order: Vec<usize> = (0..rows).collect();
    for &(from, to) in moves {
        let row = order.remove(from % rows);
        order.insert(to % rows, row);
    }
    flows.take(&order).unwrap()
}

fn rows(table: &Table) -> RecordBatch {
    concat_batches(&table.batches()[0].schema(), table.batches()).unwrap()
}

/// Pushes the rows of a range in batches of a size.
fn push(
    context: &mut dyn Context,
    batch: &RecordBatch,
    range: std::ops::Range<usize>,
    size: usize,
) -> Vec<RecordBatch> {
    let starts = range.clone().step_by(size);
    starts.map(|at| context.push(&batch.slice(at, size.min(range.end - at))).unwrap()).collect()
}

fn small() -> HostContextConfig {
    HostContextConfig { windows: vec![2.0, 10.0, 300.0], max_entities: 16, prefixes: true }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn restored_is_never_stopped(
        seed in 0..1000_u64,
        moves in prop::collection::vec((any::<usize>(), any::<usize>()), 0..12),
        cut in 0..600_usize,
        sizes in (1..80_usize, 1..80_usize),
        is_small in any::<bool>(),
    ) {
        let table = disordered(600, seed, &moves);
        let batch = rows(&table);
        let config = if is_small { small() } else { HostContextConfig::default() };
        let new = || HostContext::new(&config, table.schema()).unwrap();
        let mut whole = new();
        let expected = push(&mut whole, &batch, 0..600, 600);

        let mut first = new();
        let mut parts = push(&mut first, &batch, 0..cut, sizes.0);
        let state = first.save().unwrap();
        drop(first);
        let mut second = new();
        second.restore(&state).unwrap();
        prop_assert_eq!(&second.save().unwrap(), &state);
        parts.extend(push(&mut second, &batch, cut..600, sizes.1));

        prop_assert_eq!(&expected[0], &concat_batches(&parts[0].schema(), &parts).unwrap());
        prop_assert_eq!(whole.counts(), second.counts());
        prop_assert_eq!(whole.save().unwrap(), second.save().unwrap());
    }
}

#[test]
fn every_kind_of_record_is_in_the_state() {
    let table = disordered(600, 1, &[(590, 100), (599, 101), (300, 598)]);
    let batch = rows(&table);
    let mut context = HostContext::new(&small(), table.schema()).unwrap();
    push(&mut context, &batch, 0..600, 50);
    let counts = context.counts();
    assert!(counts.late > 0 && counts.evicted > 0, "{counts:?}");
    let mut restored = HostContext::new(&small(), table.schema()).unwrap();
    restored.restore(&context.save().unwrap()).unwrap();
    assert_eq!(restored.counts(), counts);
}

#[test]
fn a_state_that_is_broken_or_of_another_context_is_an_error() {
    let table = disordered(300, 1, &[]);
    let batch = rows(&table);
    let mut context = HostContext::new(&small(), table.schema()).unwrap();
    context.push(&batch).unwrap();
    let state = context.save().unwrap();
    let reason = |context: &mut HostContext, state: &[u8]| match context.restore(state) {
        Err(Error::CorruptArtifact { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    for n in (0..state.len()).step_by(97) {
        assert!(!reason(&mut context, &state[..n]).is_empty());
        let mut flipped = state.clone();
        flipped[n] ^= 0x10;
        match context.restore(&flipped) {
            Err(Error::CorruptArtifact { .. } | Error::FormatTooNew { .. }) => {}
            other => panic!("byte {n}: {other:?}"),
        }
    }
    assert_eq!(context.save().unwrap(), state, "errors change nothing");

    let mut other = HostContext::new(&HostContextConfig::default(), table.schema()).unwrap();
    assert!(reason(&mut other, &state).contains("other settings or for another schema"));
    let mut other = HostContext::new(&small(), &Schema::preset("zeek_conn").unwrap()).unwrap();
    assert!(reason(&mut other, &state).contains("other settings or for another schema"));
}

#[test]
fn an_empty_context_has_a_small_state() {
    let table = disordered(10, 1, &[]);
    let context = HostContext::new(&HostContextConfig::default(), table.schema()).unwrap();
    let state = context.save().unwrap();
    assert!(state.len() < 200, "{} bytes", state.len());
    let mut restored = HostContext::new(&HostContextConfig::default(), table.schema()).unwrap();
    restored.restore(&state).unwrap();
    assert_eq!(restored.push(&rows(&table)).unwrap().num_rows(), 10);
}

#[test]
fn a_guard_continues_from_the_states_of_its_contexts() {
    let train = disordered(600, 1, &[]);
    let builder = Guard::builder().context(small()).context(DampedStatisticsConfig::default());
    let guard = builder.fit(&train).unwrap();
    let (table, other) = (disordered(600, 2, &[(500, 300)]), disordered(600, 3, &[]));
    let batch = rows(&table);
    let mut whole = guard.bind(table.schema()).unwrap();
    whole.assess(&batch.slice(0, 250)).unwrap();
    let states = whole.save_contexts().unwrap();
    assert_eq!(states.len(), 2);
    let expected = whole.assess(&batch.slice(250, 350)).unwrap();

    let mut restored = guard.bind(table.schema()).unwrap();
    restored.assess(&rows(&other)).unwrap();
    restored.restore_contexts(&states).unwrap();
    for wrong in [&states[..1], &[states[1].clone(), states[0].clone()], &[states[0].clone(), vec![]]] {
        assert!(matches!(restored.restore_contexts(wrong), Err(Error::CorruptArtifact { .. })));
    }
    assert_eq!(restored.assess(&batch.slice(250, 350)).unwrap().scores(), expected.scores());
}
