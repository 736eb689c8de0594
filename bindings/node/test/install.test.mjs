// What `npm install` of the folder or of a packed tarball leaves behind: an add-on that loads, or an error with the command to run.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const own = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'qosguard-'))
after(() => rmSync(folder, { recursive: true }))

const addon = readdirSync(own).find((name) => name.endsWith('.node'))
const target = addon.match(/^qosguard\.(.*)\.node$/)[1]
const npm = (cwd, ...args) => exec('npm', [...args, '--offline', '--no-audit', '--no-fund', '--foreground-scripts'], { cwd, env })
/** No setting of the npm that runs this test. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^INIT_CWD$/i.test(name)))

/** A copy of the package, as a clone has it, without an add-on. */
function clone(name) {
  const copy = join(folder, name)
  cpSync(own, copy, { recursive: true, filter: (path) => !/node_modules|\.node$|\/test$/.test(path) })
  return copy
}

/** An empty project. */
function project(name) {
  const path = join(folder, name)
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), '{ "private": true }')
  return path
}

/** A `cargo` that prints what the real one prints, or fails. */
function cargo(name, script) {
  const path = join(folder, name)
  mkdirSync(path)
  writeFileSync(join(path, 'cargo'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(path, 'cargo'), 0o755)
  env.PATH = `${path}:${process.env.PATH}`
}

const works = (cwd) => exec(process.execPath, ['-p', "require('qosguard').Schema.presets().length"], { cwd, env })

before(() => {
  const artifact = { reason: 'compiler-artifact', target: { name: 'qosguard_node' }, filenames: [join(folder, 'libqosguard_node.so')] }
  cpSync(join(own, addon), join(folder, 'libqosguard_node.so'))
  cargo('cargo-works', `cat <<'END'\n${JSON.stringify({ reason: 'build-finished' })}\n${JSON.stringify(artifact)}\nEND`)
})

test('without an add-on, the loader names the platform and the command', async () => {
  const copy = clone('loader')
  const load = () => exec(process.execPath, ['-e', "require('.')"], { cwd: copy, env })
  const expected = new RegExp(`qosguard has no add-on for ${target}: \\S+/${addon} is not there; build it with \`npm ci && npm run build\` in ${copy}, which needs Rust`)
  await assert.rejects(load(), ({ stderr }) => expected.test(stderr) && !/npm has a bug/.test(stderr.split('[cause]')[0]))
  writeFileSync(join(copy, addon), 'no library')
  await assert.rejects(load(), ({ stderr }) => /cannot be loaded: .*; build it with/.test(stderr))
  rmSync(join(copy, addon))
  rmSync(join(copy, 'Cargo.toml'))
  await assert.rejects(load(), ({ stderr }) => /this package holds no sources: clone https:.*npm run build/.test(stderr))
})

test('installing the folder builds the add-on', async () => {
  const copy = clone('folder')
  const app = project('app')
  await npm(app, 'install', copy)
  assert.ok(existsSync(join(copy, addon)))
  assert.match((await works(app)).stdout, /^\d+\n$/)
})

test('installing the folder fails if the add-on cannot be built, with the command to run', async () => {
  cargo('cargo-fails', 'echo "error: no such crate" >&2; exit 101')
  const expected = ({ stdout, stderr }) => /npm run build/.test(stdout + stderr)
  await assert.rejects(npm(project('unbuilt'), 'install', clone('broken')), expected)
})

test('installing a tarball works where it holds an add-on, and fails where it holds none', async () => {
  const copy = clone('packed')
  const pack = async () => join(copy, JSON.parse((await npm(copy, 'pack', '--json', '--ignore-scripts')).stdout)[0].filename)
  const bare = project('bare')
  await assert.rejects(npm(bare, 'install', await pack()), ({ stdout, stderr }) => /this package holds no sources/.test(stdout + stderr))
  cpSync(join(own, addon), join(copy, addon))
  const full = project('full')
  await npm(full, 'install', await pack())
  assert.match((await works(full)).stdout, /^\d+\n$/)
})

test('in its own folder npm installs the tools and builds nothing', async () => {
  const copy = clone('tools')
  const { stdout, stderr } = await npm(copy, 'run', 'install')
  assert.match(stdout + stderr, /not built yet; run `npm run build`/)
  assert.ok(!existsSync(join(copy, addon)))
})
