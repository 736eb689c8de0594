// Plans through the Node face: decisions and incidents to configuration.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Guard, IsolationForest, Policy, plan, simulate } from 'qosguard'

const drop = { id: '00000000000000a1', srcIp: '203.0.113.7', action: 'drop', ttlS: 600, time: 1_700_000_000 }

test('decisions about one source are one entry, and the allow-list wins', () => {
  const slow = { ...drop, id: '00000000000000a2', action: 'rate_limit', bytesPerSecond: 1000, burst: 2000, ttlS: 60 }
  const local = { ...drop, id: '00000000000000a3', srcIp: '127.0.0.1' }
  const made = plan([slow, drop, local], { now: 1_700_000_010 })
  const [entry, ...others] = made.entries
  assert.deepEqual(others, [])
  assert.deepEqual([entry.action, entry.restS, entry.firstRestS, entry.merged], ['drop', 590, 50, 2])
  assert.deepEqual(made.skipped, [{ id: '00000000000000a3', source: '127.0.0.1/32', reason: 'allow_listed' }])
  assert.deepEqual([made.skipCounts, made.hosts, made.now, made.nextExpiryS], [{ allow_listed: 1 }, 1, 1_700_000_010, 50])
  const policy = Policy.fromObject({ version: 1, allow: ['203.0.113.0/24'] })
  assert.deepEqual(plan([drop], { now: 1_700_000_010, policy }).entries, [])
  assert.deepEqual(plan([drop], { now: 1_700_000_010, settings: { neverAct: ['203.0.113.7'] } }).entries, [])
})

test('a plan is rendered and rolled back', () => {
  const made = plan([drop], { now: 1_700_000_000 })
  const { text, documents, entries, skipped } = made.render('nftables')
  assert.match(text, /203\.0\.113\.7 timeout 600s comment "qg:00000000000000a1"/)
  assert.deepEqual([documents.length, entries, skipped], [1, 1, []])
  assert.equal(made.rollback('nftables').text, 'add table inet qosguard\ndelete table inet qosguard\n')
  assert.match(made.render('tc', { tc: { device: 'eth1' } }).text, /dev eth1 /)
  assert.throws(() => made.render('pf'), { code: 'invalid_argument', message: /renderer/ })
  assert.throws(() => made.render('tc', { tc: { device: 'a b' } }), { code: 'invalid_argument', message: /tc\.device/ })
  assert.throws(() => plan([{ ...drop, action: 'dorp' }]), { code: 'bad_record', message: /decisions, line 1, column `action`: "dorp"/ })
  assert.throws(() => plan([drop], { settings: { maxHost: 1 } }), { code: 'invalid_argument', message: /maxHosts/ })
})

test('findings and the proposals of a guard become entries', async () => {
  const flows = await simulate({ rows: 2000, attackShare: 0.1, seed: 5 })
  const guard = await Guard.fit(flows, { detector: new IsolationForest({ trees: 20 }) })
  const assessment = await guard.assess(flows)
  const proposals = await guard.proposals(flows, assessment)
  assert.equal(proposals.length, 2000)
  // A time after the plan does not extend an action, so nothing has expired at the first time.
  const now = Math.min(...proposals.map(({ time }) => time ?? Infinity))
  const made = plan(proposals, { now })
  const outcomes = made.skipped.length + made.entries.reduce((sum, { merged }) => sum + merged, 0)
  assert.equal(outcomes, 2000)
  assert.ok(made.entries.length > 0)
  const findings = await guard.findings(flows, assessment, 5)
  assert.ok(plan(findings.worst, { now }).entries.length > 0)
})
