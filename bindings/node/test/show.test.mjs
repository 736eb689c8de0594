// What `console.log` shows of an instance, and what becomes of one that is sent to a worker.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import * as qosguard from 'qosguard'

const { BoostedTrees, Collector, Guard, IsolationForest, Policy, Schema, Series, Split, Table, open } = qosguard

let shown
before(async () => {
  const flows = await qosguard.simulate({ rows: 1000, attackShare: 0.1, seed: 5 })
  const guard = await Guard.fit(flows, { detector: new IsolationForest({ trees: 10 }) })
  const schema = Schema.fromToml(`
    name = "links"
    columns = [
      { name = "at", role = "time", kind = "time" },
      { name = "link", role = "entity", kind = "text" },
      { name = "kbps", role = "feature", kind = "number" },
    ]`)
  const links = Table.fromRecords([0, 300, 600].map((at) => ({ at, link: 'a', kbps: at })), schema)
  const collector = await Collector.bind('127.0.0.1:0')
  collector.stop()
  const stream = new qosguard.Stream(flows.schema, { settings: { warmUp: 0 } })
  shown = {
    Assessment: [await guard.assess(flows), /^Assessment \{[^]*length: 1000[^]*decisions: Decisions\(1000\) \[/],
    Collector: [collector, /^Collector \{[^]*address: '127/],
    Detector: [new qosguard.Detector('kitsune'), /^Detector \{[^]*kind: 'kitsune'/],
    FittedDetector: [await new BoostedTrees({ trees: 2 }).fit(new Float32Array(200).map(Math.sin), 2, { labels: Array.from({ length: 100 }, (_, i) => i % 2 === 0) }),
      /^FittedDetector \{[^]*nFeatures: 2[^]*'attack'/],
    Follower: [qosguard.follow(new URL(import.meta.url).pathname), /^Follower \{ schema: null, counts: \{/],
    Guard: [guard, /^Guard \{[^]*schema: 'flow_detail'[^]*threshold: \{[^]*realised[^]*digest: '[0-9a-f]{64}'/],
    GuardExplanation: [await guard.explain(flows), /^GuardExplanation \{[^]*length: 1000/],
    Plan: [qosguard.plan([{ id: '00000000000000a1', srcIp: '203.0.113.7', action: 'drop', ttlS: 600 }]), /^Plan \{[^]*hosts: 1[^]*action: 'drop'/],
    Ledger: [new qosguard.Ledger(join(mkdtempSync(join(tmpdir(), 'qosguard-show-')), 'ledger.jsonl')), /^Ledger \{[^]*decisions: 0[^]*lines: 1/],
    Policy: [new Policy(), /^Policy \{[^]*dry_run: true/],
    Schema: [flows.schema, /^Schema \{[^]*'src_ip: text entity'/],
    Series: [await Series.fromTable(links, { entity: 'link', time: 'at', interval: 300 }), /^Series \{[^]*entities: \[ 'a' \]/],
    Split: [Split.stratified(flows.labels(), 0.25), /^Split \{[^]*train: 750[^]*test: 250/],
    Stream: [stream, /^Stream \{[^]*state: 'limits_only'[^]*records: 1000/],
    StreamUpdate: [await stream.push(flows), /^StreamUpdate \{\s+first: 1000,\s+events: \[/],
    Table: [flows, /^Table \{[^]*schema: 'flow_detail'[^]*numRows: 1000[^]*columns: \[[^]*'src_ip'[^]*head: \[[^]*src_ip: '/],
    TableReader: [open('flows.csv'), /^TableReader \{ schema: null \}/],
  }
  shown.Follower[0].stop()
})

/** Every class whose instances there are. */
function classes() {
  const text = readFileSync(new URL('../native.d.ts', import.meta.url), 'utf8')
  const names = [...text.matchAll(/^export declare class (\w+)/gm)].map(([, name]) => name)
  return names.filter((name) => name !== 'TreeEnsemble') // only statics
}

test('an instance of every class shows what it holds', () => {
  assert.deepEqual(Object.keys(shown).sort(), classes().sort())
  for (const [name, [instance, expected]] of Object.entries(shown)) {
    assert.match(inspect(instance), expected)
    assert.match(inspect({ nested: { deep: { deeper: instance } } }), new RegExp(`\\[${name}\\]`))
    assert.doesNotThrow(() => inspect(Object.getPrototypeOf(instance)))
  }
  assert.match(inspect(new IsolationForest({ trees: 7 })), /^IsolationForest \{[^]*trees: 7/)
})

test('JSON has what is shown', () => {
  for (const [name, [instance]] of Object.entries(shown)) assert.notEqual(JSON.stringify(instance), '{}', name)
  const [policy] = shown.Policy
  assert.deepEqual(Policy.fromObject(JSON.parse(JSON.stringify(policy))).toObject(), policy.toObject())
  const [out] = shown.Assessment
  const written = JSON.parse(JSON.stringify(out))
  assert.deepEqual([written.length, written.anomalies, written.worst.length], [1000, out.anomalies.length, 10])
  assert.deepEqual(written.worst, JSON.parse(JSON.stringify(out.top(10))))
  assert.ok(JSON.stringify(out).length < 20_000)
})

test('an instance that is cloned or posted is an error, not an empty object', async () => {
  for (const [name, [instance]] of Object.entries(shown)) {
    const expected = { name: 'DataCloneError', message: new RegExp(`a ${name}: `) }
    assert.throws(() => structuredClone(instance), expected)
    assert.throws(() => structuredClone({ nested: [instance] }), expected)
  }
  const guard = shown.Guard[0]
  assert.throws(() => structuredClone(guard), { message: /toBuffer\(\).*fromBuffer\(\)/ })
  assert.throws(() => structuredClone(new IsolationForest()), { name: 'DataCloneError', message: /toObject/ })
  assert.throws(() => structuredClone(guard.policy), { name: 'DataCloneError', message: /Policy\.fromObject/ })
  assert.throws(() => new Worker('', { eval: true, workerData: guard }), { name: 'DataCloneError' })
  const worker = new Worker('', { eval: true })
  assert.throws(() => worker.postMessage({ guard }), { name: 'DataCloneError' })
  await worker.terminate()
})

test('what a message names travels', async () => {
  const { Guard: [guard], Table: [flows], Policy: [policy], Assessment: [out] } = shown
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { Detector, Guard, Policy, Table } = require(${JSON.stringify(new URL('../index.js', import.meta.url).pathname)})
    const { guard, flows, policy, detector: { kind, ...options } } = workerData
    Promise.all([Guard.fromBuffer(guard), Table.fromIpc(flows)]).then(async ([guard, flows]) => {
      const { scores, decisions } = await guard.withPolicy(Policy.fromObject(policy)).assess(flows)
      parentPort.postMessage({ scores, decisions: decisions.slice(0, 10), detector: new Detector(kind, options).toObject() })
    })`
  const detector = new IsolationForest({ trees: 7 }).toObject()
  const workerData = { guard: guard.toBuffer(), flows: await flows.toIpc(), policy: policy.toObject(), detector }
  const answer = await new Promise((resolve, reject) => {
    new Worker(code, { eval: true, workerData }).on('message', resolve).on('error', reject)
  })
  assert.deepEqual(answer, { scores: out.scores, decisions: out.decisions.slice(0, 10), detector })
})

test('instances are deeply equal only if they are the same or hold the same', async () => {
  const same = { Detector: new qosguard.Detector('kitsune'), Guard: await Guard.fromBuffer(shown.Guard[0].toBuffer()) }
  Object.assign(same, { Policy: new Policy(), Schema: Schema.preset('flow_detail') })
  for (const [name, instance] of Object.entries(same)) assert.deepEqual(instance, shown[name][0], name)
  assert.notDeepEqual(new qosguard.Detector('kitsune', { hiddenRatio: 0.5 }), same.Detector)
  assert.notDeepEqual(Schema.preset('flow'), same.Schema)
  const other = await qosguard.simulate({ rows: 10, seed: 6 })
  assert.notDeepEqual(other, shown.Table[0])
  assert.notDeepEqual(await shown.Guard[0].assess(other), shown.Assessment[0])
  for (const [name, [instance]] of Object.entries(shown)) assert.deepEqual(instance, instance, name)
})
