import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Detector, FittedDetector, IsolationForest } from 'qosguard'

/** Rows around the origin, and one far away as the last. */
function matrix(rows) {
  const x = new Float32Array(rows * 3)
  for (let i = 0; i < x.length; i += 1) x[i] = Math.sin(i * 12.9898)
  x.fill(40, x.length - 3)
  return x
}

const fit = (x, options) => new IsolationForest({ trees: 50, seed: 1, ...options }).fit(x, 3)

test('an isolated row scores highest', async () => {
  const x = matrix(500)
  const forest = await fit(x)
  assert.ok(new IsolationForest() instanceof Detector)
  assert.ok(forest instanceof FittedDetector)
  assert.equal(forest.nFeatures, 3)
  const scores = await forest.score(x, 3)
  assert.ok(scores instanceof Float32Array)
  assert.equal(scores.length, 500)
  assert.equal(scores.indexOf(Math.max(...scores)), 499)
})

test('sync and async, batch and row by row, give the same bits', async () => {
  const x = matrix(300)
  const forest = await fit(x)
  const scores = await forest.score(x, 3)
  assert.deepEqual(forest.scoreSync(x, 3), scores)
  for (let row = 0; row < 300; row += 7) {
    assert.equal(forest.scoreSync(x.subarray(row * 3, row * 3 + 3), 3)[0], scores[row])
  }
})

test('the same seed gives the same forest, another seed another', async () => {
  const x = matrix(300)
  const [a, b, c] = await Promise.all([fit(x), fit(x), fit(x, { seed: 2 })])
  assert.deepEqual(a.scoreSync(x, 3), b.scoreSync(x, 3))
  assert.notDeepEqual(a.scoreSync(x, 3), c.scoreSync(x, 3))
})

test('no rows give no scores', async () => {
  const forest = await fit(matrix(300))
  assert.equal(forest.scoreSync(new Float32Array(0), 3).length, 0)
  assert.equal((await forest.score(new Float32Array(0), 3)).length, 0)
})

test('wrong matrices are rejected with the same code in both calls', async () => {
  const forest = await fit(matrix(300))
  const cases = [
    [new Float32Array(4), 4, 'shape_mismatch'],
    [new Float32Array(4), 3, 'shape_mismatch'],
    [new Float32Array(3), 0, 'shape_mismatch'],
    [new Float32Array([1, NaN, 1]), 3, 'not_finite'],
    [new Int32Array(3), 3, 'invalid_argument'],
    [[1, 2, 3], 3, 'invalid_argument'],
    [undefined, 3, 'invalid_argument'],
  ]
  for (const [x, width, code] of cases) {
    assert.throws(() => forest.scoreSync(x, width), { name: 'QosguardError', code })
    await assert.rejects(forest.score(x, width), { name: 'QosguardError', code })
  }
  await assert.rejects(new IsolationForest({ trees: 0 }).fit(matrix(300), 3), { code: 'invalid_argument', message: /trees/ })
  await assert.rejects(new IsolationForest().fit(new Float32Array(3), 3), { code: 'insufficient_data' })
})
