// An AbortSignal cancels the work of every promise.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoostedTrees, Ensemble, Guard, IsolationForest, QosguardError, simulate } from 'qosguard'

const aborted = (error) => error instanceof QosguardError && error.code === 'cancelled' && error.name === 'AbortError'

/** Starts work that takes minutes, aborts it, and checks that it rejects soon. */
async function cancels(start) {
  const controller = new AbortController()
  const work = start(controller.signal)
  setTimeout(() => controller.abort(), 300)
  const from = performance.now()
  await assert.rejects(work, aborted)
  assert.ok(performance.now() - from < 5_300)
}

test('a signal cancels long work', async () => {
  const rows = 100_000
  const x = Float32Array.from({ length: rows * 8 }, (_, i) => (i * 7919) % 1013)
  const labels = Array.from({ length: rows }, (_, row) => row % 7 === 0)
  await cancels((signal) => simulate({ rows: 500_000_000, signal }))
  await cancels((signal) => new BoostedTrees({ trees: 10_000, leaves: 255 }).fit(x, 8, { labels, signal }))
  await cancels((signal) => new IsolationForest({ trees: 10_000, maxSamples: 1 << 16, maxDepth: 32 }).fit(x, 8, { signal }))
  const flows = await simulate({ rows: 200_000 })
  await cancels((signal) => Guard.fit(flows, { detector: new BoostedTrees({ trees: 10_000, leaves: 255 }), signal }))
})

test('a signal that is aborted before, or never, or is none', async () => {
  await assert.rejects(simulate({ rows: 1_000, signal: AbortSignal.abort('why') }), (error) => aborted(error) && error.cause === 'why')
  const controller = new AbortController()
  const flows = await simulate({ rows: 2_000, signal: controller.signal })
  assert.equal(flows.numRows, 2_000)
  const guard = await Guard.fit(flows, { signal: controller.signal })
  assert.equal((await guard.assess(flows, { signal: controller.signal })).scores.length, 2_000)
  controller.abort() // after the work
  await assert.rejects(guard.assess({ signal: 1 }), { code: 'schema_mismatch' }) // a record
  await assert.rejects(simulate({ rows: 1_000, signal: 'now' }), { code: 'invalid_argument', message: /signal/ })
  await assert.rejects(simulate({ row: 1_000, signal: new AbortController().signal }), { code: 'invalid_argument' })
  assert.equal((await simulate({ rows: 1_000 })).numRows, 1_000)
})

test('an ensemble reports its members and folds, and a watcher ends it', async () => {
  const flows = await simulate({ rows: 2_000, attackShare: 0 })
  const seen = []
  await Guard.fit(flows, { detector: Ensemble.clean(2_000), onProgress: (progress) => seen.push(progress) })
  const fits = seen.filter(({ stage, unit }) => stage === 'ensemble' && unit === 'fits')
  assert.equal(fits.length, fits[0].total)
  assert.ok(fits.some(({ member, fold }) => member && fold === 0) && fits.some(({ fold }) => fold === undefined || fold === null))
  await assert.rejects(Guard.fit(flows, { detector: Ensemble.clean(2_000), onProgress: () => false }), { code: 'cancelled' })
})
