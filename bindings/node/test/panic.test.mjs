// A panic becomes an error: napi alone would abort the process (exit 134).
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'

process.env.RUST_BACKTRACE = '0' // the panics are on purpose; their traces only bury the results
const native = createRequire(import.meta.url)('../native.js')
const probes = typeof native.probePanic === 'function'
const skip = probes ? false : 'SKIPPED: this add-on has no panic probes; `make node` builds one with them'

test('a panic on the event loop is thrown', { skip }, () => {
  assert.throws(() => native.probePanicSync(), { code: 'GenericFailure', message: /probe/ })
})

test('a panic on the thread pool rejects', { skip }, async () => {
  await assert.rejects(native.probePanic(), { code: 'internal', message: /panic inside qosguard/ })
})

test('every exported function catches unwinding', () => {
  const folder = new URL('../src/', import.meta.url)
  let functions = 0
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.rs'))) {
    const text = readFileSync(new URL(file, folder), 'utf8')
    for (const [item, attribute] of text.matchAll(/#\[napi(\([^\]]*\))?\](?:\s*#\[[^\]]*\])*\s*pub fn \w+/g)) {
      assert.match(attribute ?? '', /catch_unwind/, `${file}: ${item}`)
      functions += 1
    }
  }
  assert.ok(functions >= 30, `only ${functions} functions found`)
})
