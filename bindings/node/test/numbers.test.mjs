// JavaScript numbers: napi alone reads -1 as 4294967295, 1.7 as 1, NaN as 0 and 2^32 + 3 as 3.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IsolationForest, simulate } from 'qosguard'

const BAD = [-1, 1.7, NaN, Infinity, -Infinity, 2 ** 53, '3', null, true, {}]

for (const name of ['trees', 'maxSamples', 'maxDepth', 'seed']) {
  test(`IsolationForest rejects a bad ${name}`, () => {
    for (const value of BAD) {
      assert.throws(() => new IsolationForest({ [name]: value }), { name: 'QosguardError', code: 'invalid_argument' }, String(value))
    }
  })
}

for (const name of ['rows', 'hosts', 'startTime', 'seed']) {
  test(`simulate rejects a bad ${name}`, async () => {
    for (const value of BAD) {
      await assert.rejects(simulate({ [name]: value }), { name: 'QosguardError', code: 'invalid_argument' }, String(value))
    }
  })
}

test('a number that a smaller type would wrap is rejected', async () => {
  await assert.rejects(simulate({ hosts: 2 ** 32 + 3 }), { code: 'invalid_argument', message: /hosts/ })
})

test('the message names the setting and the value', () => {
  assert.throws(() => new IsolationForest({ trees: 1.7 }), { message: /`trees` .*whole number.*1\.7/ })
})

test('the greatest safe seed is taken as it is', async () => {
  const [a, b] = await Promise.all([2 ** 53 - 1, 2 ** 53 - 2].map((seed) => simulate({ rows: 50, seed })))
  assert.equal(a.numRows + b.numRows, 100)
})

test('a width that is not a whole number is rejected', async () => {
  const forest = await new IsolationForest({ trees: 5 }).fit(new Float32Array(200).map(Math.sin), 2)
  for (const width of BAD) {
    assert.throws(() => forest.scoreSync(new Float32Array(2), width), { code: 'invalid_argument' }, String(width))
    await assert.rejects(forest.score(new Float32Array(2), width), { code: 'invalid_argument' }, String(width))
    await assert.rejects(new IsolationForest().fit(new Float32Array(20), width), { code: 'invalid_argument' }, String(width))
  }
})
