import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Assessment, Guard, IsolationForest, LogisticRegression, Policy, Schema, simulate } from 'qosguard'

const folder = mkdtempSync(join(tmpdir(), 'qosguard-'))
after(() => rmSync(folder, { recursive: true }))

let flows
let fresh
let guard
before(async () => {
  [flows, fresh] = await Promise.all([5, 6].map((seed) => simulate({ rows: 4000, seed })))
  guard = await Guard.fit(flows, { detector: new IsolationForest({ trees: 50, seed: 1 }), falsePositiveRate: 0.02, seed: 9 })
})

/** What a service would post: the fields of the guard's schema by name. */
function record(change) {
  const values = { number: 1, text: 'tcp' }
  const columns = guard.schema.columns.filter((c) => c.role === 'feature' || c.role === 'entity')
  return { ...Object.fromEntries(columns.map((c) => [c.name, c.field?.endsWith('_ip') ? '10.0.0.7' : values[c.kind]])), ...change }
}

test('a guard reports its data and what its threshold realised', () => {
  assert.equal(guard.training.seed, 9)
  assert.equal(guard.training.rows, 4000)
  assert.match(guard.training.dataHash, /^[0-9a-f]{64}$/)
  assert.match(guard.digest, /^[0-9a-f]{64}$/)
  assert.deepEqual(guard.threshold.rule, { kind: 'false_positive_rate', rate: 0.02 })
  assert.equal(guard.threshold.asked, 0.02)
  const { falsePositiveRate, falsePositiveInterval, cleanRows } = guard.threshold.realised
  assert.ok(falsePositiveInterval.low <= falsePositiveRate && falsePositiveRate <= falsePositiveInterval.high)
  assert.equal(cleanRows, guard.training.heldOut)
  assert.equal(guard.schema.name, flows.schema.name)
  assert.ok(guard.featureNames.length > 5)
  for (const { name, role } of guard.schema.columns) {
    if (role !== 'feature') assert.ok(!guard.featureNames.includes(name), name)
  }
})

test('an assessment has a score, a p-value and a decision per row', async () => {
  const out = await guard.assess(fresh)
  assert.ok(out instanceof Assessment)
  const { decisions, scores, pValues } = out
  assert.equal(out.length, 4000)
  assert.ok(scores instanceof Float32Array && scores.length === 4000)
  assert.ok(pValues instanceof Float64Array && pValues.length === 4000)
  assert.equal(decisions.length, 4000)
  decisions.forEach((decision, row) => {
    assert.equal(decision.row, row)
    assert.equal(decision.score, scores[row])
    assert.equal(decision.pValue, pValues[row])
    assert.equal(decision.threshold, guard.threshold.score)
    assert.equal(decision.isAnomaly, decision.score > decision.threshold)
    assert.match(decision.id, /^[0-9a-f]{16}$/)
    assert.equal(decision.severity === 'none', !decision.isAnomaly)
    assert.equal(decision.dryRun, true)
    if (decision.action !== 'allow') assert.ok(decision.ttlS >= 1)
  })
  assert.deepEqual(out.decision(17), decisions[17])
  assert.equal(out.decision(4000), null)
})

test('a decision has the fields that the reference lists', async () => {
  const page = readFileSync(new URL('../../../docs/VERDICT_COLUMNS.md', import.meta.url), 'utf8').split('`evidence` is a list')[0]
  const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())
  const listed = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => camel(name))
  assert.equal(listed.length, 21)
  for (const decision of (await guard.assess(fresh)).top(3)) assert.deepEqual(Object.keys(decision), listed)
})

test('the large getters convert once', async () => {
  const out = await guard.assess(fresh)
  for (const name of ['scores', 'pValues', 'decisions']) assert.equal(out[name], out[name], name)
})

test('the top is sorted, and bounded by the rows', async () => {
  const out = await guard.assess(fresh)
  const top = out.top(10)
  assert.equal(top.length, 10)
  assert.equal(top[0].score, Math.max(...out.scores))
  for (let i = 1; i < top.length; i += 1) assert.ok(top[i - 1].score >= top[i].score)
  assert.equal(out.top(1e6).length, 4000)
  assert.equal(out.top(0).length, 0)
  for (const bad of [-1, 1.5, NaN, '3', undefined]) {
    assert.throws(() => out.top(bad), { code: 'invalid_argument' }, String(bad))
    assert.throws(() => out.decision(bad), { code: 'invalid_argument' }, String(bad))
  }
})

test('a saved guard gives equal bits from a file, from bytes and in a worker', async () => {
  const { scores, pValues, decisions } = await guard.assess(fresh)
  const path = join(folder, 'edge.qosguard')
  assert.equal(await guard.save(path), undefined)
  assert.deepEqual(readFileSync(path), guard.toBuffer())
  for (const again of [await Guard.load(path), await Guard.fromBuffer(guard.toBuffer())]) {
    assert.equal(again.digest, guard.digest)
    const out = await again.assess(fresh)
    assert.deepEqual(out.scores, scores)
    assert.deepEqual(out.pValues, pValues)
    assert.deepEqual(out.decisions, decisions)
  }
  const code = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { Guard, simulate } = require(${JSON.stringify(new URL('../index.js', import.meta.url).pathname)})
    Promise.all([Guard.fromBuffer(workerData), simulate({ rows: 4000, seed: 6 })])
      .then(([guard, flows]) => guard.assess(flows))
      .then((out) => parentPort.postMessage(out.scores))`
  const fromWorker = await new Promise((resolve, reject) => {
    new Worker(code, { eval: true, workerData: guard.toBuffer() }).on('message', resolve).on('error', reject)
  })
  assert.deepEqual(fromWorker, scores)
})

test('the bytes may be changed once the call has returned', async () => {
  const bytes = guard.toBuffer()
  const loading = Guard.fromBuffer(bytes)
  bytes.fill(0)
  assert.equal((await loading).digest, guard.digest)
})

test('the same settings give the same guard', async () => {
  const options = { detector: new IsolationForest({ trees: 50, seed: 1 }), falsePositiveRate: 0.02, seed: 9 }
  assert.equal((await Guard.fit(flows, options)).digest, guard.digest)
  assert.notEqual((await Guard.fit(flows, { ...options, seed: 10 })).digest, guard.digest)
})

test('every threshold rule crosses over and back', async () => {
  const rules = [
    { kind: 'false_positive_rate', rate: 0.05 }, { kind: 'percentile', percent: 99 }, { kind: 'mad', k: 3 },
    { kind: 'contamination', share: 0.05 }, { kind: 'best_f1' },
  ]
  for (const threshold of rules) assert.deepEqual((await Guard.fit(flows, { threshold })).threshold.rule, threshold)
  for (const threshold of [{ kind: 'nothing' }, { kind: 'mad' }, { kind: 'mad', k: 3, j: 1 }, { kind: 'mad', k: NaN }, 0.5]) {
    await assert.rejects(Guard.fit(flows, { threshold }), { name: 'QosguardError', code: 'invalid_argument' })
  }
  await assert.rejects(Guard.fit(flows, { threshold: { kind: 'percentile', percent: 101 } }), { code: 'invalid_argument', message: /percent/ })
})

test('settings that contradict or do not fit are rejected', async () => {
  const refused = (options, message = /./) =>
    assert.rejects(Guard.fit(flows, options), { name: 'QosguardError', code: 'invalid_argument', message })
  await refused({ falsePositiveRate: 0.01, threshold: { kind: 'best_f1' } }, /one of falsePositiveRate and threshold/)
  await refused({ falsePositiveRate: 0 }, /`falsePositiveRate`/)
  await refused({ falsePositiveRate: NaN }, /`falsePositiveRate`/)
  for (const detector of [new Policy(), 'forest', 3]) await refused({ detector }, /detector/)
  for (const attackShare of [0, 1, NaN]) await refused({ detector: new LogisticRegression(), attackShare })
  await refused({ policy: {} }, /policy/)
  await refused({ seed: -1 }, /seed/)
  await refused({ fpr: 0.01 }, /fpr/)
  await assert.rejects(Guard.fit(await simulate({ rows: 20 })), { code: 'insufficient_data' })
})

test('one posted record is decided at once, with the bits of a batch', async () => {
  const one = guard.assessSync(record())
  assert.equal(one.length, 1)
  const many = await guard.assess([record(), record({ [guard.schema.columns.find((c) => c.field === 'dst_port').name]: 31337 })])
  assert.equal(many.length, 2)
  assert.equal(many.scores[0], one.scores[0])
  assert.equal(many.decisions[0].id, one.decisions[0].id)
  assert.notEqual(many.decisions[1].id, one.decisions[0].id)
})

test('a posted record that cannot be read is an error, not a gap', async () => {
  const port = guard.schema.columns.find((c) => c.field === 'dst_port').name
  const records = Array.from({ length: 50 }, (_, i) => record({ [port]: i === 30 ? 70000 : 443 }))
  const expected = { name: 'QosguardError', code: 'bad_record', message: new RegExp(`31.*${port}.*70000`) }
  assert.throws(() => guard.assessSync(records), expected)
  await assert.rejects(guard.assess(records), expected)
  await assert.rejects(guard.assess([]), { code: 'insufficient_data' })
  const { [port]: _, ...short } = record()
  await assert.rejects(guard.assess(short), { code: 'schema_mismatch', message: new RegExp(port) })
})

test('another policy changes the actions and no score', async () => {
  const fields = new Policy().toObject()
  const live = guard.withPolicy(Policy.fromObject({ ...fields, dry_run: false }))
  assert.equal(live.policy.toObject().dry_run, false)
  assert.equal(guard.policy.toObject().dry_run, true)
  assert.notEqual(live.digest, guard.digest)
  const out = await live.assess(fresh)
  assert.deepEqual(out.scores, (await guard.assess(fresh)).scores)
  assert.ok(out.decisions.every((decision) => decision.dryRun === false))
})

test('a file that is not an intact guard is an error of its kind', async () => {
  const bytes = guard.toBuffer()
  const refused = (content) => assert.rejects(Guard.fromBuffer(content), { name: 'QosguardError', code: 'corrupt_artifact' })
  await refused(Buffer.alloc(0))
  await refused(bytes.subarray(0, bytes.length - 1))
  for (const at of [0, 8, 100, bytes.length >> 1, bytes.length - 1]) {
    const flipped = Buffer.from(bytes)
    flipped[at] ^= 1
    await refused(flipped)
  }
  await assert.rejects(Guard.fromBuffer('text'), { code: 'invalid_argument' })
  await assert.rejects(Guard.load(join(folder, 'none.qosguard')), { code: 'io' })
  const path = join(folder, 'broken.qosguard')
  writeFileSync(path, bytes.subarray(0, 64))
  await assert.rejects(Guard.load(path), { code: 'corrupt_artifact', message: /broken\.qosguard/ })
  await assert.rejects(guard.save(join(folder, 'no', 'such', 'folder')), { code: 'io' })
})

test('a guard lists what another source lacks, and a table is mapped to it', async () => {
  const fit = guard.fits(Schema.preset('unsw_nb15_raw'))
  assert.equal(fit.isComplete, false)
  assert.deepEqual(fit.missing, ['syn_count', 'fin_count', 'rst_count', 'iat_mean_ms', 'iat_std_ms'])
  assert.ok(fit.mapped.some(({ column, from }) => column === 'fwd_bytes' && from === 'sbytes'))
  assert.match(fit.text, /^`unsw_nb15_raw` lacks 5 of the features of `flow_detail`: syn_count, /)
  assert.equal(guard.fits(fresh).isComplete, true)

  const canonical = Schema.preset('canonical_flow').commonWith(fresh.schema)
  assert.equal(canonical.columns.find((c) => c.name === 'packets').field, 'packets')
  assert.equal(fresh.schema.columns.find((c) => c.name === 'iat_mean_ms').scale, 1e-3)
  const mapped = await fresh.mapTo(canonical)
  assert.equal(mapped.schema.name, 'canonical_flow')
  const back = await mapped.mapTo(guard.inputs)
  assert.equal((await guard.assess(back)).length, fresh.numRows)
  await assert.rejects(fresh.mapTo(Schema.preset('kdd99')), { code: 'schema_mismatch', message: /src_bytes/ })
  assert.throws(() => guard.fits('flow'), { name: 'QosguardError', code: 'invalid_argument' })
})

test('findings are a summary and usable lines', async () => {
  const out = await guard.assess(fresh)
  const flagged = Array.from({ length: out.length }, (_, row) => out.decision(row)).filter((d) => d.isAnomaly).length
  const findings = await guard.findings(fresh, out, 5)
  assert.deepEqual([findings.records, findings.anomalies, findings.worst.length], [4000, flagged, 5])
  assert.equal(findings.labelled.caught + findings.labelled.falsePositives, flagged)
  const all = await guard.findings(fresh, out, 10_000)
  assert.equal(all.worst.reduce((sum, { count }) => sum + count, 0), flagged)
  for (const finding of findings.worst) {
    const { time, srcIp, srcPort, dstIp, dstPort, protocol, decision, text } = finding
    assert.ok(text.startsWith(`${time}  ${srcIp}:${srcPort} -> ${dstIp}:${dstPort} ${protocol}  ${decision.severity}`), text)
    assert.ok(findings.text.includes(text))
    assert.deepEqual(decision, out.decision(decision.row))
    assert.ok(finding.reasons.every((reason) => text.includes(reason.text)))
  }
  assert.equal((await guard.findings(fresh, out)).worst.length, 10)
  const other = await guard.assess(await fresh.take([0]))
  await assert.rejects(guard.findings(fresh, other), { code: 'shape_mismatch' })
  await assert.rejects(guard.findings(fresh, out, -1), { code: 'invalid_argument' })
})
