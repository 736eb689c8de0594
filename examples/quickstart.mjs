// The main job once: flows in, calibrated verdicts and actions out.
//
// `npm install --prefix examples` once, then `node examples/quickstart.mjs`; with a path it reads that file.
import { Guard, IsolationForest, evaluate, readCsv, simulate } from 'qosguard'

const GUARD = 'quickstart.qosguard'

const [path] = process.argv.slice(2)
const flows = path ? await readCsv(path) : await simulate({ rows: 20_000 })
console.log(`read      ${flows.numRows} rows of schema \`${flows.schema.name}\`, ${flows.report.rejected} rejected`)

// Seven rows of ten teach, the rest test.
const rows = Array.from({ length: flows.numRows }, (_, row) => row)
const [train, test] = await Promise.all([
  flows.take(rows.filter((row) => row % 10 < 7)),
  flows.take(rows.filter((row) => row % 10 >= 7)),
])

const guard = await Guard.fit(train, { detector: new IsolationForest(), falsePositiveRate: 0.01 })
const assessment = await guard.assess(test)

const { asked, score, realised } = guard.threshold
console.log(`asked for ${percent(asked)} false positives; realised ${percent(realised.falsePositiveRate)} on ${realised.cleanRows} clean rows held out`)
const labels = test.labels()
if (labels) {
  const { auc, recall, realisedFpr } = await evaluate(assessment.scores, labels, score, { askedFpr: asked })
  console.log(`measured  AUC ${auc.value.toFixed(4)}, recall ${percent(recall.value)}, false positives ${percent(realisedFpr.value)}`)
}

console.log('\nthe ten most anomalous flows')
for (const { row, id, severity, pValue, action, rule, dryRun } of assessment.top(10)) {
  console.log(`  row ${String(row).padStart(6)}  ${id} ${severity} p=${pValue.toExponential(1)} → ${action.kind} (rule: ${rule}${dryRun ? ', dry run' : ''})`)
}

await guard.save(GUARD)
const again = await (await Guard.load(GUARD)).assess(test)
const equal = Buffer.from(again.scores.buffer).equals(Buffer.from(assessment.scores.buffer))
console.log(`\nsaved and loaded ${GUARD}: ${again.length} scores, equal bit for bit: ${equal}`)
process.exitCode = equal ? 0 : 1

function percent(share) {
  return `${(share * 100).toFixed(2)} %`
}
