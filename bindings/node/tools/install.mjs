// Runs when npm installs this package: builds the add-on if there is none, or fails with the command to run.
//
// In the package's own folder (`npm ci`), npm installs what building and testing need, and `npm run build` is the next step.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { addonFile, folder, load, remedy } = createRequire(import.meta.url)('../lib/addon.js')
const own = process.env.npm_config_local_prefix
const print = (line) => process.stderr.write(`qosguard: ${line}\n`)

function isLoadable() {
  try {
    load()
    return true
  } catch {
    return false
  }
}

/** Compiles the add-on with Cargo; the path of what came out. */
function compile() {
  print('compiling the add-on; this takes minutes')
  const flags = ['--release', '--locked', '--package', 'qosguard-node', '--message-format', 'json-render-diagnostics']
  const { status, stdout, error } = spawnSync('cargo', ['build', ...flags], {
    cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (error?.code === 'ENOENT') print('`cargo` is not installed')
  if (status !== 0) return null
  const built = stdout.split('\n').filter((line) => line.includes('"compiler-artifact"')).map((line) => JSON.parse(line))
  const names = built.filter(({ target }) => target.name === 'qosguard_node').flatMap(({ filenames }) => filenames)
  return names.find((name) => /\.(so|dylib|dll)$/.test(name)) ?? null
}

function install() {
  if (isLoadable()) return
  if (own !== undefined && realpathSync(own) === realpathSync(folder)) {
    print('the add-on is not built yet; run `npm run build`')
    return
  }
  const library = existsSync(join(folder, 'Cargo.toml')) ? compile() : null
  if (library !== null) {
    rmSync(addonFile(), { force: true }) // a running process may have the old one mapped
    copyFileSync(library, addonFile())
    if (isLoadable()) return
  }
  print(`there is no add-on for this machine; ${remedy()}`)
  process.exitCode = 1
}

install()
