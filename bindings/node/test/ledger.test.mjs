// `Ledger`: what was decided, what became of it, and what is live.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Ledger, Policy } from 'qosguard'

const START = 1_764_583_200
let folder
before(() => { folder = mkdtempSync(join(tmpdir(), 'qosguard-ledger-')) })
after(() => rmSync(folder, { recursive: true }))

const entry = (id, entity) => ({ id, entity, action: 'rate_limit', bytesPerSecond: 125_000, burst: 256_000, ttlS: 600, outcome: 'dry_run', reason: 'scan' })

test('a ledger records, expires, revokes and explains', () => {
  const path = join(folder, 'a.jsonl')
  const ledger = new Ledger(path, { maxLive: 3 })
  assert.equal(ledger.record(entry('a', '203.0.113.7'), START), 1)
  ledger.record({ ...entry('b', '10.0.0.0/24'), guard: 'ab12', restS: 60 }, START)
  const [ten, host] = ledger.live()
  assert.deepEqual([ten.entity, ten.restS, ten.guard, host.entity, host.bytesPerSecond, host.restS], ['10.0.0.0/24', 60, 'ab12', '203.0.113.7', 125_000, 600])
  assert.deepEqual(ledger.entities().map(({ entity, ids }) => [entity, ids]), [['10.0.0.0/24', ['b']], ['203.0.113.7', ['a']]])
  assert.equal(ledger.expire(START + 61), 1)
  assert.deepEqual(ledger.revoke('203.0.113.0/24', 'ours', START + 61), ['a'])
  assert.deepEqual(ledger.ended, { skipped: 0, failed: 0, revoked: 1, expired: 1 })
  assert.match(ledger.explain('a')[1], /was revoked with 539 s left\. Reason: ours\.$/)
  assert.deepEqual([...ledger].map(({ seq, outcome }) => [seq, outcome]), [[1, 'dry_run'], [2, 'dry_run'], [3, 'expired'], [4, 'revoked']])
  assert.equal(JSON.parse(ledger.toOcsf()[3]).class_uid, 7004)
  const reader = new Ledger(path, { readOnly: true })
  assert.deepEqual([reader.head, reader.decisions], [ledger.head, 2])
  assert.throws(() => reader.record(entry('c', '203.0.113.8'), START), { code: 'invalid_argument' })
  ledger.record(entry('c', '203.0.113.8'), START + 61)
  reader.refresh()
  assert.deepEqual([reader.live().length, ledger.delete('c', 'x', START + 62)], [1, 1])
})

test('what is wrong is named', () => {
  const path = join(folder, 'b.jsonl')
  const ledger = new Ledger(path)
  assert.throws(() => ledger.record({ ...entry('a', '203.0.113.7/8') }, START), { code: 'invalid_argument', message: /entry\.entity/ })
  assert.throws(() => ledger.record(entry('a', '203.0.113.7'), NaN), { code: 'invalid_argument', message: /time/ })
  assert.throws(() => new Ledger(path, { live: 3 }), { code: 'invalid_argument' })
  assert.throws(() => new Ledger(path, { maxLive: 0 }), { code: 'invalid_argument' })
  ledger.record(entry('a', '203.0.113.7'), START)
  writeFileSync(path, readFileSync(path, 'utf8').replace('203.0.113.7', '203.0.113.8'))
  assert.throws(() => new Ledger(path), { code: 'corrupt_artifact', message: /line 1 of the ledger/ })
})

test('the allow-list of a policy is asked in every form', () => {
  const policy = Policy.fromToml("version = 1\nallow = ['10.0.0.0/8']")
  assert.equal(policy.allowedBy('::ffff:10.1.2.3'), '10.0.0.0/8')
  assert.equal(policy.allowedBy('192.0.2.1'), null)
})
