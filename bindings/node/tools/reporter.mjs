// A short report of `node --test`: every failure with its place and cause, then one line of counts.

import { inspect } from 'node:util'

export default async function* report(source) {
  let passed = 0
  let failed = 0
  let skipped = 0
  for await (const { type, data } of source) {
    if (type === 'test:pass') {
      if (data.skip === undefined) passed += 1
      else {
        skipped += 1
        yield `skipped: ${data.name}: ${data.skip}\n`
      }
    } else if (type === 'test:fail') {
      failed += 1
      yield `failed: ${data.name} (${data.file}:${data.line})\n${inspect(data.details.error.cause ?? data.details.error)}\n`
    } else if (type === 'test:stderr') {
      yield data.message
    }
  }
  yield `${passed} passed, ${failed} failed, ${skipped} skipped\n`
}
