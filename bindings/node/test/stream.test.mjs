// A stream through the JavaScript face: incidents as objects, verdicts equal to the guard's.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'

import { Guard, Policy, Schema, Stream, Table, simulate } from '../index.js'

const START = 1_700_000_000
const schema = Schema.preset('flow_detail')

function scan(from = 0, to = 500) {
  const records = []
  for (let i = from; i < to; i += 1) {
    records.push({
      time: START + i * 0.01, src_ip: '10.0.0.66', dst_ip: '10.0.0.7', src_port: 40_000, dst_port: 1 + i, protocol: 'tcp', service: '',
      duration: 0.2, fwd_packets: 1, bwd_packets: 0, fwd_bytes: 60, bwd_bytes: 0, syn_count: 1, fin_count: 0, rst_count: 0,
      iat_mean_ms: 1, iat_std_ms: 1,
    })
  }
  return Table.fromRecords(records, schema)
}

const stream = (settings) => new Stream(schema, { settings: { warmUp: 0, ...settings } })

test('a scan is one incident', async () => {
  const one = stream()
  const update = await one.push(scan())
  assert.equal(update.assessment, null)
  const [opened] = update.events
  assert.deepEqual([opened.event, opened.kind, opened.direction, opened.dryRun], ['opened', 'port_scan', 'internal', true])
  assert.deepEqual(opened.attackers, { hosts: ['10.0.0.66'], count: 1 })
  assert.equal(opened.evidence[0].srcIp, '10.0.0.66')
  assert.deepEqual(one.incidents.map(({ id }) => id), [opened.id])
  assert.deepEqual(one.state, { state: 'limits_only', reason: '' })
  assert.equal(one.counts.incidents, 1)
  assert.equal(one.recordAction(opened.id, START + 1), true)
  const closed = one.falsePositive(opened.id)
  assert.deepEqual([closed.event, closed.acted], ['closed', '2023-11-14T22:13:21Z'])
  assert.deepEqual((await one.push(scan())).events, [])
  assert.equal(one.falsePositive('unknown'), null)
})

test('the iterator and the transform give the same events', async () => {
  const parts = [scan(0, 200), scan(200, 350), scan(350, 500)]
  const collect = async (events) => {
    const all = []
    for await (const event of events) all.push(event)
    return all
  }
  const expected = await collect(stream().events([scan()]))
  assert.equal(expected.at(-1).event, 'closed')
  assert.deepEqual(await collect(stream().events(parts)), expected)
  assert.deepEqual(await collect(Readable.from(parts).pipe(stream().transform())), expected)
})

test('verdicts equal the verdicts of the guard', async () => {
  const flows = await simulate({ rows: 2_000 })
  const guard = await Guard.fit(flows, { context: { kind: 'host', windows: [10, 60] } })
  const one = new Stream(flows.schema, { guard })
  const { assessment, first } = await one.push(flows)
  assert.equal(first, 0)
  assert.deepEqual(assessment.scores, (await guard.assess(flows)).scores)
  assert.equal(one.guard.digest, guard.digest)
  assert.ok(one.watermark > 0)
  const other = await Guard.fit(flows, { seed: 1 })
  one.swap(other)
  assert.equal(one.guard.digest, other.digest)
})

test('a policy decides about incidents, and wrong settings are named', async () => {
  const policy = Policy.fromObject({ version: 1, allow: ['10.0.0.66'] })
  const one = new Stream(schema, { policy, settings: { warmUp: 0 } })
  const { events } = await one.push(scan())
  assert.deepEqual([...new Set(events.map(({ action }) => action))], ['allow'])
  assert.throws(() => stream({ floors: { scanPorts: 1 } }), { code: 'invalid_argument', message: /scan_?[pP]orts/ })
  assert.throws(() => stream({ incidents: { off: 1 } }), { code: 'invalid_argument', message: /off/ })
  assert.throws(() => new Stream(Schema.preset('nsl_kdd')), { code: 'invalid_argument' })
})

test('a restored stream goes on', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'qosguard-'))
  t.after(() => rm(folder, { recursive: true }))
  const one = stream()
  await one.push(scan(0, 200))
  await one.saveCheckpoint(join(folder, 'stream.checkpoint'))
  const again = Stream.restore(one.checkpoint(), schema)
  const loaded = Stream.loadCheckpoint(join(folder, 'stream.checkpoint'), schema)
  const rest = async (stream) => [...(await stream.push(scan(200, 500))).events, ...stream.finish()]
  const expected = await rest(one)
  assert.deepEqual(await rest(again), expected)
  assert.deepEqual(await rest(loaded), expected)
  assert.throws(() => Stream.restore(Buffer.from('torn'), schema), { code: 'corrupt_artifact' })
})
