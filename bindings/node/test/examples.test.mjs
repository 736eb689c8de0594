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
  const [, recall] = stdout.match(/recall ([\d.]+) % \[/)
  const [, falsePositives] = stdout.match(/; false positives ([\d.]+) % \[/)
  assert.ok(Number(recall) >= 95 && Number(falsePositives) <= 2, stdout)
  assert.equal(stdout.match(/^ {2}20\S+Z {2}[\d.]+(:\d+)? -> [\d.]+(:\d+)? \w+ {2}\w+/gm).length, 10)
  assert.match(stdout, /3000 scores, equal bit for bit: true/)
})

test('the ten lines of the README run', async () => {
  const [, code] = readFileSync(join(root, 'README.md'), 'utf8').match(/```js\n([\s\S]*?)```/)
  const script = fileURLToPath(new URL('readme.tmp.mjs', import.meta.url)) // within the package, so that its name resolves
  writeFileSync(script, code)
  try {
    const { stdout } = await run(process.execPath, [script], { cwd: folder })
    assert.match(stdout, /^5000 records, \d+ anomalies/)
    assert.ok(existsSync(join(folder, 'edge.qosguard')))
  } finally {
    rmSync(script)
  }
})
