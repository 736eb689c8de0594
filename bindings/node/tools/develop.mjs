// Turns what `cargo build` left in the target folder into the files that `index.js` loads: the add-on, its loader and its
// types. `napi build` would compile every dependency once more for a target of its own.
//
// Usage: node tools/develop.mjs LIBRARY TYPE_DEF_FOLDER

import { copyFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateTypeDef, readNapiConfig, writeJsBinding } from '@napi-rs/cli'

const [library, typeDefDir] = process.argv.slice(2)
const folder = join(dirname(fileURLToPath(import.meta.url)), '..')
const config = await readNapiConfig(join(folder, 'package.json'))
const [target] = config.targets
const types = await generateTypeDef({
  typeDefDir,
  cwd: folder,
  configDtsHeaderFile: config.dtsHeaderFile,
  constEnum: false,
  declareBindingTarget: true,
})
await writeFile(join(folder, 'native.d.ts'), types.dts)
await writeJsBinding({
  platform: true,
  idents: types.exports,
  jsBinding: 'native.js',
  binaryName: config.binaryName,
  packageName: config.packageName,
  version: config.packageJson.version,
  outputDir: folder,
})
const addon = join(folder, `${config.binaryName}.${target.platformArchABI}.node`)
await rm(addon, { force: true })
await copyFile(library, addon)
