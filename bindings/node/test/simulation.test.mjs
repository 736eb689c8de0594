import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Table, eventMetrics, simulateDevices, simulateTraffic, vusPr } from 'qosguard'

const attacks = ['port_scan', 'syn_flood']

test('traffic has events that describe its labelled rows', async () => {
  const traffic = await simulateTraffic({ durationS: 600, attacks, seed: 3, background: { iot: 0 } })
  assert.ok(traffic.table instanceof Table)
  const labels = await traffic.table.labelFlags()
  assert.equal(traffic.events.reduce((sum, { flows }) => sum + flows, 0), labels.filter((label) => label).length)
  assert.deepEqual(traffic.events.map(({ kind }) => kind).sort(), attacks)
  const scan = traffic.events.find(({ kind }) => kind === 'port_scan')
  assert.deepEqual([scan.attackers.length, scan.victims.length, 'port' in scan], [1, 1, false])
  assert.ok(scan.start < scan.end)
  const again = await simulateTraffic({ durationS: 600, attacks, seed: 3, background: { iot: 0 } })
  assert.deepEqual(await again.table.toIpc(), await traffic.table.toIpc())
  assert.deepEqual((await simulateTraffic({ durationS: 300, attacks: [] })).events, [])
})

test('disturbed records are counted', async () => {
  const traffic = await simulateTraffic({ durationS: 300, attacks: [], lateFraction: 0.1, duplicateFraction: 0.5, clockSkewS: 30 })
  const rows = traffic.table.numRows - traffic.duplicates
  assert.deepEqual([traffic.late, traffic.duplicates], [Math.round(rows * 0.1), Math.round(rows * 0.5)])
})

test('devices have the share of anomalies asked for', async () => {
  const telemetry = await simulateDevices({ devices: 10, durationS: 100, anomalyShare: 0.1, anomalies: ['loss_burst'], seed: 1 })
  assert.equal(telemetry.table.numRows, 1_000)
  assert.equal(telemetry.events.reduce((sum, { records }) => sum + records, 0), 100)
  assert.ok(telemetry.events.every(({ kind, device }) => kind === 'loss_burst' && device.startsWith('device-')))
})

test('a setting outside its range is named', async () => {
  for (const [options, name] of [
    [{ durationS: 1 }, /duration/], [{ hosts: -1 }, /hosts/], [{ lateFraction: 2 }, /late/], [{ rows: 5 }, /rows/],
    [{ background: { web: -1 } }, /background/],
  ]) {
    await assert.rejects(simulateTraffic(options), { code: 'invalid_argument', message: name })
  }
  await assert.rejects(simulateDevices({ anomalyShare: 0.9 }), { code: 'invalid_argument', message: /anomaly/ })
  await assert.rejects(simulateTraffic({ signal: AbortSignal.abort() }), { code: 'cancelled' })
})

test('event metrics by hand', () => {
  const events = [
    { kind: 'scan', start: 100, end: 120, victims: ['10.0.0.5'], flows: 3 },
    { kind: 'flood', start: 300, end: 340 },
  ]
  const detections = [
    { opened: 104, closed: 120, kind: 'scan', victims: ['10.0.0.0/24'], id: '7f' },
    { opened: 104, closed: 120, victims: ['10.0.1.0/24'] },
    { opened: 400, closed: null },
  ]
  const metrics = eventMetrics(events, detections, 0, 86_400, { toleranceS: 10 })
  assert.deepEqual([metrics.all.recall.value, metrics.all.sameKind, metrics.falsePerDay], [0.5, 1, 2])
  assert.deepEqual(metrics.kinds.scan.delayS, { median: 4, p95: 4, max: 4 })
  assert.ok(!('delayS' in metrics.kinds.flood))
  assert.deepEqual([metrics.kinds.scan.rangeRecall, metrics.rangePrecision], [0.8, 1 / 3])
  assert.ok(!('all' in eventMetrics([], [], 0, 1)))
  assert.throws(() => eventMetrics([{ kind: 'scan', start: 2, end: 1 }], [], 0, 9), { code: 'invalid_argument', message: /events\[0\]/ })
})

test('events of the simulators are true events', async () => {
  for (const { events } of [await simulateTraffic({ durationS: 300, flowsPerS: 1 }), await simulateDevices()]) {
    const detections = events.map(({ start, end, kind, device, attackers, victims }) => ({
      opened: start, closed: end, kind, attackers: attackers ?? [device], victims: victims ?? [],
    }))
    const metrics = eventMetrics(events, detections, events[0].start, events[0].start + 3_600)
    assert.deepEqual([metrics.all.detected, metrics.falseDetections], [events.length, 0])
  }
})

test('the volume under the surface of precision and recall', async () => {
  const labels = Array.from({ length: 400 }, (_, t) => (t >= 100 && t < 120) || (t >= 300 && t < 303))
  const constant = new Float32Array(400).fill(0.5)
  assert.ok(Math.abs(await vusPr(constant, labels, 20) - 0.097577) < 1e-6)
  assert.equal(await vusPr(Float32Array.from(labels, Number), labels, 20), 1)
  await assert.rejects(vusPr(constant, labels, 20_000), { code: 'invalid_argument', message: /window/ })
  await assert.rejects(vusPr(constant, labels.slice(1), 20), { code: 'shape_mismatch' })
})
