// The package as npm sees it: version, names, types.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import * as esm from 'qosguard'

const require = createRequire(import.meta.url)
const at = (path) => readFileSync(new URL(path, import.meta.url), 'utf8')

test('the version is the workspace\'s', () => {
  const [, version] = at('../../../Cargo.toml').match(/\[workspace\.package\]\s*\nversion = "([^"]+)"/)
  assert.equal(require('qosguard/package.json').version, version)
})

test('import and require give the same names', () => {
  const cjs = require('qosguard')
  const names = Object.keys(esm).filter((name) => !['default', 'module.exports'].includes(name))
  assert.deepEqual(names.sort(), Object.keys(cjs).sort())
  for (const name of names) assert.equal(esm[name], cjs[name])
})

test('every declared class and function exists, and every one that exists is declared', () => {
  const text = at('../native.d.ts') + at('../index.d.ts')
  const declared = [...text.matchAll(/^export (?:declare )?(?:class|function) (\w+)/gm)].map(([, name]) => name)
  assert.deepEqual(declared.sort(), Object.keys(require('qosguard')).sort())
})

test('every declared method and getter exists', () => {
  const classes = at('../native.d.ts').matchAll(/^export declare class (\w+) \{\n([\s\S]*?)^\}/gm)
  let members = 0
  for (const [, name, body] of classes) {
    for (const [, isStatic, member] of body.matchAll(/^ {2}(static )?(?:get )?(\w+)\(/gm)) {
      assert.ok(member in (isStatic ? esm[name] : esm[name].prototype), `${name}.${member}`)
      members += 1
    }
  }
  assert.ok(members >= 30, `only ${members} members found`)
})

test('every method and getter that exists is declared', () => {
  const native = at('../native.d.ts')
  const own = at('../index.d.ts')
  let members = 0
  for (const [, name, body] of native.matchAll(/^export declare class (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const [, added] = own.match(new RegExp(`^  interface ${name} extends [^{]*\\{([\\s\\S]*?)\\}`, 'm')) ?? []
    const declared = new Set([...`${body}${added}toJSON(`.matchAll(/(\w+)(?=[(:])/g)].map(([, member]) => member))
    const statics = Object.keys(esm[name])
    const methods = Object.getOwnPropertyNames(esm[name].prototype).filter((member) => member !== 'constructor')
    for (const member of [...statics, ...methods]) assert.ok(declared.has(member), `${name}.${member}`)
    members += statics.length + methods.length
  }
  assert.ok(members >= 100, `only ${members} members found`)
})
