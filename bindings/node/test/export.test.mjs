// Incidents in the formats of other systems: the cases that Rust and Python run too.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

import { Stream, eventMetrics, exportIncident, simulateTraffic } from '../index.js'

const cases = JSON.parse(await readFile(new URL('../../../tests/golden/incidents.v1.json', import.meta.url), 'utf8'))

/** The keys of an event as JavaScript spells them. */
function camel(value) {
  if (Array.isArray(value)) return value.map(camel)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key.replace(/_./g, ([, c]) => c.toUpperCase()), camel(field)]))
}

test('no case is lost', () => assert.equal(cases.length, 5))

for (const { name, event, error, ocsf, ecs, cef } of cases) {
  test(name, () => {
    if (error) {
      assert.throws(() => exportIncident(camel(event), 'ocsf'), { code: error })
      return
    }
    assert.equal(exportIncident(camel(event), 'ocsf'), ocsf)
    assert.equal(exportIncident(camel(event), 'ecs'), ecs)
    assert.equal(exportIncident(camel(event), 'cef'), cef)
    assert.equal(JSON.parse(exportIncident(camel(event), 'json')).id, event.id)
  })
}

test('events of a stream can be exported and measured without a conversion', async () => {
  const { table, events: truth } = await simulateTraffic({ durationS: 900, attacks: ['port_scan'] })
  const stream = new Stream(table.schema, { settings: { warmUp: 0 } })
  const events = [...(await stream.push(table)).events]
  events.push(...stream.finish())
  const finding = JSON.parse(exportIncident(events[0], 'ocsf'))
  assert.deepEqual([finding.type_uid, finding.finding_info.uid], [200_401, events[0].id])
  const metrics = eventMetrics(truth, events, truth[0].start - 60, truth[0].start + 3_600)
  assert.equal(metrics.all.recall.value, 1)
  assert.equal(metrics.detections, new Set(events.map(({ id }) => id)).size)
  assert.ok(metrics.detections < events.length)
  const incidents = events.map(({ event, ...incident }) => incident)
  assert.deepEqual(eventMetrics(truth, incidents, truth[0].start - 60, truth[0].start + 3_600), metrics)
  assert.equal(stream.latency.records, table.numRows)
  assert.ok(stream.latency.p50S > 0 && stream.latency.p99S >= stream.latency.p50S)
  assert.throws(() => exportIncident(events[0], 'stix'), { code: 'invalid_argument' })
  assert.throws(() => eventMetrics([], [{ opened: 'yesterday' }], 0, 1), { code: 'invalid_argument', message: /detections/ })
})
