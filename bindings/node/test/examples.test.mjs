// What the documents show runs as it stands there.
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

test('the quickstart ends with equal bits', async () => {
  const { stdout } = await run(process.execPath, [join(root, 'examples/quickstart.mjs')], { cwd: folder })
  assert.match(stdout, /realised \d+\.\d\d % on \d+ clean rows/)
  assert.equal(stdout.match(/^ {2}row +\d+ {2}[0-9a-f]{16} /gm).length, 10)
  assert.match(stdout, /6000 scores, equal bit for bit: true/)
})

test('the ten lines of the README run', async () => {
  const [, code] = readFileSync(join(root, 'README.md'), 'utf8').match(/```js\n([\s\S]*?)```/)
  const script = fileURLToPath(new URL('readme.tmp.mjs', import.meta.url)) // within the package, so that its name resolves
  writeFileSync(script, code)
  try {
    const { stdout } = await run(process.execPath, [script], { cwd: folder })
    assert.match(stdout, /action: \{ kind: /)
    assert.ok(existsSync(join(folder, 'edge.qosguard')))
  } finally {
    rmSync(script)
  }
})
