'use strict'

// Which add-on this machine needs, where it lies, and what to do where it is not there.

const { existsSync } = require('node:fs')
const { join } = require('node:path')

const folder = join(__dirname, '..')

/** Platform, processor and C library, as in the add-on's name. */
function platformOf() {
  const { platform, arch } = process
  if (platform === 'linux') return `linux-${arch}-${process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl'}`
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`
}

/** The file that `native.js` loads on this machine. */
function addonFile() {
  return join(folder, `qosguard.${platformOf()}.node`)
}

/** What to run, by whether the sources are there. */
function remedy() {
  return existsSync(join(folder, 'Cargo.toml'))
    ? `build it with \`npm ci && npm run build\` in ${folder}, which needs Rust (https://rustup.rs)`
    : 'this package holds no sources: clone https://github.com/qosguard/qosguard, run `npm ci && npm run build` in bindings/node, ' +
        'which needs Rust (https://rustup.rs), and install that folder'
}

/** The add-on's exports; an error that names the platform and the command where there is none. */
function load() {
  try {
    return require('../native.js')
  } catch (error) {
    throw Object.assign(new Error(`qosguard has no add-on for ${platformOf()}: ${reason(error)}; ${remedy()}`, { cause: error }), {
      code: 'ERR_QOSGUARD_ADDON',
    })
  }
}

/** Why the file was not loaded: `native.js` throws a chain of all that it tried. */
function reason(error) {
  const file = addonFile()
  if (!existsSync(file)) return `${file} is not there`
  for (let cause = error; cause; cause = cause.cause) {
    if (cause.code === 'ERR_DLOPEN_FAILED') return `${file} cannot be loaded: ${cause.message}`
  }
  return `${file} cannot be loaded: ${error.message}`
}

module.exports = { addonFile, folder, load, remedy }
