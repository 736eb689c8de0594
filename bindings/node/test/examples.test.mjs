// The code of the documents runs as it is.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'qosguard-'))
symlinkSync(join(root, 'examples'), join(folder, 'examples'))
after(() => rmSync(folder, { recursive: true }))

test('the quickstart finds the simulated attacks', async () => {
  const { stdout } = await run(process.execPath, [join(root, 'examples/quickstart.mjs')], { cwd: folder })
  assert.ok(stdout.split('\n').length <= 41)
  assert.match(stdout, /found 8 of 8 attacks, the median [\d.]+ s after their first record; 0 false incidents/)
  const kinds = Array.from(stdout.matchAll(/^20\S+Z +(?:medium|high|critical) +(\w+) /gm), ([, kind]) => kind)
  assert.ok(kinds.length >= 8 && kinds.length <= 12, stdout)
  for (const kind of ['port_scan', 'host_scan', 'syn_flood', 'brute_force']) assert.ok(kinds.includes(kind), stdout)
  assert.match(stdout, /\d+ scores, equal bit for bit: true/)
})

test('the ten lines of the README run', async () => {
  const [, code] = readFileSync(join(root, 'README.md'), 'utf8').match(/```js\n([\s\S]*?)```/)
  const script = fileURLToPath(new URL('readme.tmp.mjs', import.meta.url)) // within the package, so that its name resolves
  writeFileSync(script, code)
  try {
    const { stdout } = await run(process.execPath, [script], { cwd: folder })
    assert.match(stdout, /^since +severity +kind/)
    assert.ok(existsSync(join(folder, 'edge.qosguard')))
  } finally {
    rmSync(script)
  }
})
