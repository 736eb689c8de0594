import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calibrationError, evaluate } from 'qosguard'

// 150 clean rows below 50 attacks: a perfect ranking.
const scores = new Float32Array(200).map((_, i) => i)
const labels = Array.from(scores, (score) => score >= 150)

test('a perfect ranking measures as one', async () => {
  const report = await evaluate(scores, labels, 149, { askedFpr: 0.01, seed: 3, protocol: 'toy', resamples: 200 })
  assert.equal(report.rows, 200)
  assert.equal(report.attacks, 50)
  assert.equal(report.threshold, 149)
  assert.equal(report.protocol, 'toy')
  assert.equal(report.seed, 3)
  assert.equal(report.askedFpr, 0.01)
  for (const name of ['auc', 'averagePrecision', 'tprAt1PercentFpr', 'tprAt0_1PercentFpr', 'f1', 'recall']) {
    assert.equal(report[name].value, 1, name)
    assert.ok(report[name].low <= 1 && report[name].high <= 1, name)
  }
  assert.equal(report.realisedFpr.value, 0)
  assert.deepEqual(report.families, {})
})

test('families have a recall each', async () => {
  const families = labels.map((attack, i) => (!attack ? '' : i < 175 ? 'slow' : 'fast'))
  const { recall, macroRecall, families: found } = await evaluate(scores, labels, 174, { families })
  assert.equal(recall.value, 0.5)
  assert.deepEqual(Object.keys(found), ['fast', 'slow'])
  assert.deepEqual([found.fast.rows, found.fast.recall.value], [25, 1])
  assert.deepEqual([found.slow.rows, found.slow.recall.value], [25, 0])
  assert.equal(macroRecall.value, 0.5)
  assert.ok(!('macroRecall' in await evaluate(scores, labels, 174)))
})

test('the same seed gives the same intervals', async () => {
  const noisy = scores.map((score, i) => score + 80 * Math.sin(i * 12.9898))
  const [a, b] = await Promise.all([1, 1].map((seed) => evaluate(noisy, labels, 149, { seed })))
  assert.deepEqual(a, b)
  assert.ok(a.auc.low < a.auc.value && a.auc.value < a.auc.high)
})

test('wrong input is rejected by kind', async () => {
  const refused = (promise, code) => assert.rejects(promise, { name: 'QosguardError', code })
  await refused(evaluate(scores, labels.slice(1), 1), 'shape_mismatch')
  await refused(evaluate(scores, labels.map(() => false), 1), 'insufficient_data')
  await refused(evaluate(scores.map(() => NaN), labels, 1), 'not_finite')
  await refused(evaluate(scores, labels, NaN), 'invalid_argument')
  await refused(evaluate(scores, labels, 1, { level: 2 }), 'invalid_argument')
  await refused(evaluate(scores, labels, 1, { resamples: 1.5 }), 'invalid_argument')
  await refused(evaluate(scores, labels.map(Number), 1), 'invalid_argument')
  await refused(evaluate(Array.from(scores), labels, 1), 'invalid_argument')
})

test('probabilities are measured against what came true', async () => {
  // The predictions are .2 and .8; a quarter and three quarters of the rows are attacks.
  const probabilities = new Float64Array(8).map((_, i) => (i < 4 ? 0.2 : 0.8))
  const came = [true, false, false, false, true, true, true, false]
  const error = await calibrationError(probabilities, came, { bins: 2, resamples: 200, protocol: 'toy', seed: 1 })
  assert.ok(Math.abs(error.expected.value - 0.05) < 1e-12)
  assert.deepEqual(error.bins.map(({ rows, observed }) => [rows, observed.value]), [[4, 0.25], [4, 0.75]])
  assert.deepEqual([error.rows, error.attacks, error.protocol, error.seed], [8, 4, 'toy', 1])
  assert.equal((await calibrationError(probabilities, came)).bins.length, 2)

  const refused = (promise, code) => assert.rejects(promise, { name: 'QosguardError', code })
  await refused(calibrationError(probabilities, came.slice(1)), 'shape_mismatch')
  await refused(calibrationError(new Float64Array(0), []), 'insufficient_data')
  await refused(calibrationError(probabilities.map(() => 1.1), came), 'invalid_argument')
  await refused(calibrationError(new Float32Array(8), came), 'invalid_argument')
  await refused(calibrationError(probabilities, came, { bins: 0 }), 'invalid_argument')
  await refused(calibrationError(probabilities, came, { bin: 3 }), 'invalid_argument')
})
