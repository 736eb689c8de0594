// Contexts: their settings, their columns, and the same scores in a batch and from a buffer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Guard, Schema, Table, simulate } from 'qosguard'

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

test('damped statistics fade, and device windows are of device logs', async () => {
  const damped = await Guard.fit(train, { context: { kind: 'damped_statistics', maxEntities: 1000 } })
  assert.equal(damped.contextColumns.length, 100)
  assert.ok(damped.contextColumns.includes('damped_channel_radius_0.1'))
  assert.equal((await damped.assess(fresh)).scores.length, 500)
  const logs = Array.from({ length: 600 }, (_, i) => ({
    timestamp: 1_700_000_000 + i, device_id: `modem-${i % 3}`, latency_ms: 40 + ((i * 7919) % 31), packet_loss_pct: (i % 7) / 10,
    retry_count: i % 2, error_code: 200, traffic_volume_mb: 8 + (i % 5), connection_resets: 0,
  }))
  const table = Table.fromRecords(logs, Schema.preset('device_log'))
  const devices = await Guard.fit(table, { context: { kind: 'device_windows', minLogs: 3 } })
  assert.equal(devices.contextColumns.length, 19)
  assert.equal((await devices.assess(table)).scores.length, 600)
})

test('an error names the setting', async () => {
  const rejected = (context, message) =>
    assert.rejects(async () => Guard.fit(train, { context }), { code: 'invalid_argument', message })
  await rejected({ kind: 'hosts' }, /`context\.kind` must be one of host, device_windows, damped_statistics/)
  await rejected({ kind: 'host', window: [1] }, /`context\.window` is unknown here; the names are windows/)
  await rejected({ kind: 'host', maxEntities: 'many' }, /context\.maxEntities/)
  await rejected({ kind: 'host', windows: [] }, /windows.*1 to 8/)
})
