import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BoostedTrees, Guard, IsolationForest, Policy, Schema, Split, Table, distinct, leakAudit, simulate } from 'qosguard'

const sample = new URL('../../../examples/policy.toml', import.meta.url)

test('splits are disjoint and keep the share of each label', async () => {
  const flows = await simulate({ rows: 1000, attackShare: 0.2, seed: 1 })
  const labels = flows.labels()
  const split = Split.stratified(labels, 0.25, { seed: 7 })
  assert.deepEqual([...split.train, ...split.test].sort((a, b) => a - b), [...labels.keys()])
  assert.deepEqual(Split.stratified(labels, 0.25, { seed: 7 }).test, split.test)
  assert.notDeepEqual(Split.stratified(labels, 0.25, { seed: 8 }).test, split.test)
  assert.equal((await flows.take(split.test)).numRows, 250)
  const folds = Split.kFold(labels, 4)
  assert.equal(folds.flatMap((fold) => fold.test).length, 1000)
  const families = flows.families()
  for (const { family, train } of Split.leaveOneFamilyOut(labels, families, 0.3)) {
    assert.ok(train.every((row) => families[row] !== family))
  }
  const times = await Split.byTime(flows, '1767571300')
  assert.ok(Math.max(...times.train) < Math.min(...times.test))
  assert.throws(() => Split.stratified(labels, 1.5), { code: 'invalid_argument' })
  await assert.rejects(Split.byTime(flows, 'noon'), { code: 'invalid_argument' })
})

test('repeated rows and leaks are found', async () => {
  const flows = await simulate({ rows: 1000, attackShare: 0.2, seed: 1 })
  const rows = [...Array(1000).keys()]
  const doubled = await flows.take([...rows, ...rows.slice(0, 300)])
  assert.ok((await distinct(doubled)).removed >= 300)
  const audit = await leakAudit(await flows.take(rows.slice(0, 700)), await flows.take(rows.slice(400)))
  assert.ok(audit.shared >= 300)
  assert.ok(audit.features.length > 5)
  await assert.rejects(leakAudit(flows, flows, { level: 0.1 }), { code: 'invalid_argument' })
})

test('a rule on the attack class decides, and ids stay when the policy changes', async () => {
  const flows = await simulate({ rows: 2000, attackShare: 0.3, seed: 3 })
  const guard = await Guard.fit(flows, { detector: new BoostedTrees({ trees: 20 }) })
  const policy = Policy.fromToml(readFileSync(sample, 'utf8'))
  const decisions = (await guard.withPolicy(policy).assess(flows)).decisions
  const scans = decisions.filter(({ rule }) => rule === 'slow-scanners')
  assert.ok(scans.length > 0 && scans.every(({ family }) => family === 'port_scan'))
  const usual = (await guard.assess(flows)).decisions
  assert.deepEqual(usual.map(({ id }) => id), decisions.map(({ id }) => id))
  assert.ok(policy.digest.startsWith(decisions[0].policy) && usual[0].policy !== decisions[0].policy)
  assert.equal(guard.withPolicy(policy).modelDigest, guard.modelDigest)
})

test('an address that cannot be read is never acted upon', async () => {
  const schema = Schema.preset('flow')
  const record = (ip, n) => ({
    src_ip: ip, dst_ip: '198.51.100.7', dst_port: 443, protocol: 'tcp', packet_count: n, byte_count: n, duration: n,
  })
  const train = Table.fromRecords([...Array(200).keys()].map((n) => record('192.0.2.1', n)), schema)
  const policy = Policy.fromYaml('version: 1\nallow: [10.0.0.0/8, "2001:db8::/32"]\nrules: []')
  const guard = await Guard.fit(train, { falsePositiveRate: 0.5, policy })
  for (const [ip, rule] of [
    ['10.1.2.3/32', 'allow-list'], ['10.1.2.3:443', 'allow-list'], ['[2001:db8::1]:443', 'allow-list'],
    ['64:ff9b::10.1.2.3', 'allow-list'], ['2002:0a01:0203::1', 'allow-list'],
    ['010.001.002.003', 'unread-address'], ['11.1.1.1', 'band'],
  ]) {
    const out = guard.assessSync(Table.fromRecords([record(ip, 1e6)], schema))
    assert.ok(out.decisions[0].rule.startsWith(rule), ip)
    assert.equal(out.unreadAddresses, rule === 'unread-address' ? 1 : 0)
  }
  for (const prefix of ['010.0.0.0/8', '10.0.0.0/08']) {
    assert.throws(() => Policy.fromObject({ version: 1, allow: [prefix] }), { code: 'policy', message: /without leading zeros/ })
    assert.throws(() => Policy.fromToml(`version = 1\n\nallow = ["${prefix}"]`), { code: 'policy', message: /^policy, line 3: / })
  }
})

test('records without addresses are allowed, counted and warned of', async () => {
  const columns = ['rtt_ms', 'loss'].map((name) => `{ name = "${name}", role = "feature", kind = "number" }`)
  const schema = Schema.fromToml(`name = "rtt"\ncolumns = [${columns}]`)
  const records = [...Array(400).keys()].map((row) => ({ rtt_ms: row * 7919 % 97, loss: row * 31 % 11 }))
  const table = Table.fromRecords(records, schema)
  const guard = await Guard.fit(table, { falsePositiveRate: 0.2 })
  const out = await guard.assess(table)
  const anomalies = out.anomalies.length
  assert.ok(anomalies > 0 && out.missingAddresses === anomalies)
  assert.ok(out.decisions.every(({ action }) => action === 'allow'))
  assert.equal(out.decisions.filter(({ rule }) => rule === 'no-address').length, anomalies)
  const warning = 'every action is `allow`: the records have no column of addresses'
  assert.ok(guard.warnings.some((text) => text.startsWith(warning)))
  assert.ok(out.warnings.some((text) => text.startsWith(warning)))
  assert.ok(out.warnings.some((text) => text.startsWith(`${anomalies} records allowed because they have no address`)))
})

test('a guard states what it does not keep', async () => {
  const flows = await simulate({ rows: 360, attackShare: 0, seed: 1 })
  const guard = await Guard.fit(flows)
  assert.ok(guard.warnings.includes('only 144 calibration rows for a false-positive rate of 0.01; 1000 or more are needed'))
  assert.match(guard.notes[0], /floods and scans/)
})

test('a guard warns of columns without values', async () => {
  const columns = ['rtt_ms', 'loss', 'jitter'].map((name) => `{ name = "${name}", role = "feature", kind = "number" }`)
  const schema = Schema.fromToml(`name = "rtt"\ncolumns = [${columns}]`)
  const records = [...Array(400).keys()].map((row) => ({ rtt_ms: row * 7919 % 97, loss: null, jitter: Infinity }))
  const guard = await Guard.fit(Table.fromRecords(records, schema))
  assert.ok(guard.warnings.includes('columns `loss`, `jitter` give no feature: every value in the training rows is missing or infinite'))
})

test('the featurizer has settings', async () => {
  const flows = await simulate({ rows: 1000, seed: 1 })
  const detector = new IsolationForest({ trees: 10 })
  const usual = await Guard.fit(flows, { detector })
  const featurizer = { scaling: 'robust', categories: { kind: 'one_hot', cap: 2 }, autoLog: false }
  const other = await Guard.fit(flows, { detector, featurizer })
  assert.ok(other.featureNames.length > usual.featureNames.length)
  const refused = (featurizer, message) =>
    assert.rejects(async () => Guard.fit(flows, { featurizer }), { code: 'invalid_argument', message })
  await refused({ scalling: 'robust' }, /`featurizer\.scalling` is unknown here; the names are scaling/)
  await refused({ scaling: 'huge' }, /featurizer\.scaling.*robust.*huge/)
})

test('a policy is written as text', () => {
  const policy = new Policy().withDryRun(false)
  assert.equal(policy.dryRun, false)
  for (const again of [Policy.fromToml(policy.toToml()), Policy.fromYaml(policy.toYaml()), Policy.fromJson(JSON.stringify(policy.toObject()))]) {
    assert.equal(again.digest, policy.digest)
  }
})
