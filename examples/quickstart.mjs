// The main job once: flows in, calibrated verdicts and actions out, quality measured on rows held out.
//
// `npm install --prefix examples` once, then `node examples/quickstart.mjs` simulates labelled flows; with a path it reads
// that file.
import { Guard, read, simulate } from 'qosguard'

const GUARD = 'quickstart.qosguard'

const [path] = process.argv.slice(2)
const flows = path ? await read(path) : await simulate({ rows: 10_000 })

// Seven rows of ten fit the guard, the others test it.
const rows = Array.from({ length: flows.numRows }, (_, row) => row)
const [train, test] = await Promise.all([
  flows.take(rows.filter((row) => row % 10 < 7)),
  flows.take(rows.filter((row) => row % 10 >= 7)),
])
console.log(`fitting a guard on ${train.numRows} records of schema \`${flows.schema.name}\``)
const guard = await Guard.fit(train, { detector: 'auto', falsePositiveRate: 0.01 })

const assessment = await guard.assess(test)
console.log(`assessed ${test.numRows} other records:\n`)
console.log((await guard.findings(test, assessment, 10)).text)

await guard.save(GUARD)
const again = await (await Guard.load(GUARD)).assess(test)
const equal = Buffer.from(again.scores.buffer).equals(Buffer.from(assessment.scores.buffer))
console.log(`saved and loaded ${GUARD}: ${again.length} scores, equal bit for bit: ${equal}`)
process.exitCode = equal ? 0 : 1
