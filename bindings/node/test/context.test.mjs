// Contexts: their settings, their columns, and the same scores in a batch and from a buffer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Guard, simulate } from 'qosguard'

const train = await simulate({ rows: 2000, seed: 1 })
const fresh = await simulate({ rows: 500, seed: 2 })

test('a context gives each record columns of the records before it', async () => {
  const guard = await Guard.fit(train, { context: { kind: 'host', windows: [10, 60], maxEntities: 1000 } })
  assert.equal(guard.contextColumns.length, 2 * (7 + 7 + 6))
  assert.ok(guard.featureNames.includes('src_ports_60s'))
  const { scores } = await guard.assess(fresh)
  const again = await Guard.fromBuffer(guard.toBuffer())
  assert.deepEqual((await again.assess(fresh)).scores, scores)
  const extended = await guard.appendContexts(fresh)
  assert.deepEqual((await guard.assess(extended)).scores, scores)
  assert.deepEqual(guard.notes, [])
})

test('a kind alone means its default settings, and a list holds contexts', async () => {
  const [word, list] = await Promise.all(['host', [{ kind: 'host' }]].map((context) => Guard.fit(train, { context })))
  assert.equal(word.digest, list.digest)
})

test('an error names the setting', async () => {
  const rejected = (context, message) =>
    assert.rejects(async () => Guard.fit(train, { context }), { code: 'invalid_argument', message })
  await rejected({ kind: 'hosts' }, /`context\.kind` must be host/)
  await rejected({ kind: 'host', window: [1] }, /`context\.window` is unknown here; the names are windows/)
  await rejected({ kind: 'host', maxEntities: 'many' }, /context\.maxEntities/)
  await rejected({ kind: 'host', windows: [] }, /windows.*1 to 8/)
})
