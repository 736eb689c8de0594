import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Policy } from 'qosguard'

const folder = mkdtempSync(join(tmpdir(), 'qosguard-'))
after(() => rmSync(folder, { recursive: true }))

const TOML = `
version = 1
dry_run = false
allow = ["192.0.2.53", "10.0.0.0/24"]

[[rules]]
name = "calls"
when = { service = ["sip", "rtp"] }
prioritize = { service_class = "telephony", ttl_s = 300 }
`

test('a policy file, its text and its object are the same policy', async () => {
  const path = join(folder, 'policy.toml')
  writeFileSync(path, TOML)
  const fields = Policy.fromToml(TOML).toObject()
  assert.equal(fields.version, 1)
  assert.equal(fields.dry_run, false)
  assert.deepEqual(fields.rules[0].prioritize, { class: 'telephony', ttl_s: 300 })
  assert.equal(Object.keys(fields.actions).length, 4)
  assert.deepEqual((await Policy.load(path)).toObject(), fields)
  assert.deepEqual(Policy.fromObject(fields).toObject(), fields)
  assert.deepEqual(Policy.fromObject(JSON.parse(JSON.stringify(fields))).toObject(), fields)
})

test('the default is a dry run', () => {
  const fields = new Policy().toObject()
  assert.equal(fields.dry_run, true)
  assert.deepEqual(Policy.fromObject(fields).toObject(), fields)
})

test('a policy that does not validate names the field', async () => {
  const fields = new Policy().toObject()
  const refused = (change, message) =>
    assert.throws(() => Policy.fromObject({ ...fields, ...change }), { name: 'QosguardError', code: 'policy', message })
  refused({ allow: ['10.0.0.1/8'] }, /allow\[0\]/)
  refused({ bands: { medium: 1e-5, high: 1e-4, critical: 1e-3 } }, /bands/)
  refused({ dryrun: true }, /dryrun/)
  refused({ actions: { ...fields.actions, low: { action: 'drop', ttl_s: 1.7 } } }, /actions\.low/)
  refused({ actions: { ...fields.actions, low: { action: 'drop', ttl_s: -1 } } }, /actions\.low/)
  assert.throws(() => Policy.fromToml('version = '), { code: 'policy' })
  await assert.rejects(Policy.load(join(folder, 'none.toml')), { code: 'io' })
})

test('an object holds nothing that a policy file could not', () => {
  for (const value of [NaN, Infinity, () => 1, Symbol('s')]) {
    assert.throws(() => Policy.fromObject({ ...new Policy().toObject(), dry_run: value }), { code: 'invalid_argument' })
  }
  const loop = { version: 1 }
  loop.rules = [loop]
  assert.throws(() => Policy.fromObject(loop), { code: 'invalid_argument' })
})

test('all mistakes of a policy are listed with their place', () => {
  const mistakes = Policy.check("version = 1\ndry_run = 3\nallow = ['10.0.0.1/8']\n")
  assert.deepEqual(mistakes.map(({ line, column, path }) => [line, column, path]), [[2, 11, 'dry_run'], [3, 10, 'allow[0]']])
  assert.deepEqual(Policy.check(JSON.stringify(new Policy().toObject()), 'json'), [])
  assert.throws(() => Policy.check('', 'ini'), { code: 'invalid_argument', message: /toml, yaml or json/ })
})

test('policies are compared and tested', () => {
  const old = new Policy()
  const changed = old.withDryRun(false)
  assert.deepEqual(old.changes(changed), [{ path: 'dry_run', old: true, new: false }])
  const cases = "[[cases]]\nseverity = 'critical'\nsrc_ip = '198.51.100.7'\naction = 'drop'\ndry_run = false\n"
  assert.deepEqual(changed.test(cases)[0].failures, [])
  assert.deepEqual(old.test(cases)[0].failures, ['expected dry_run false, got true'])
  assert.equal(Policy.jsonSchema().additionalProperties, false)
})
