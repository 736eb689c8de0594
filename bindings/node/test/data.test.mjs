// A public file, where there is one.
import assert from 'node:assert/strict'
import { appendFileSync, existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Guard, IsolationForest, evaluate, readCsv } from 'qosguard'

/** The folder `QOSGUARD_DATA`, by default the first `shared/data` next to or above the repository. */
function data() {
  if (process.env.QOSGUARD_DATA) return process.env.QOSGUARD_DATA
  const folders = []
  for (let at = fileURLToPath(new URL('../../..', import.meta.url)); dirname(at) !== at; at = dirname(at)) folders.push(join(at, 'shared/data'))
  return folders.find((folder) => existsSync(folder)) ?? folders[1]
}

/** Why a test without its file is skipped; `make test` counts the names in `QOSGUARD_SKIPPED`. With `QOSGUARD_REQUIRE_DATA=1` it runs, and fails. */
function missing(path, name) {
  if (existsSync(path) || process.env.QOSGUARD_REQUIRE_DATA === '1') return false
  if (process.env.QOSGUARD_SKIPPED) appendFileSync(process.env.QOSGUARD_SKIPPED, `node ${name}\n`)
  return `SKIPPED: ${path} does not exist; set QOSGUARD_DATA`
}

const path = join(data(), 'flows/unsw-nb15/UNSW_NB15_82332.csv')
const whole = 'UNSW-NB15 goes the whole way'

test(whole, { skip: missing(path, whole) }, async () => {
  const flows = await readCsv(path)
  assert.equal(flows.numRows, 82_332)
  assert.equal(flows.schema.name, 'unsw_nb15')
  const rows = Array.from({ length: flows.numRows }, (_, i) => i)
  const [train, fresh] = await Promise.all([0, 1].map((part) => flows.take(rows.filter((row) => row % 2 === part))))
  const guard = await Guard.fit(train, { detector: new IsolationForest({ seed: 1 }), falsePositiveRate: 0.01 })
  for (const name of ['id', 'label', 'attack_cat']) assert.ok(!guard.featureNames.includes(name), name)
  const { scores } = await guard.assess(fresh)
  const report = await evaluate(scores, fresh.labels(), guard.threshold.score, { families: fresh.families(), resamples: 100 })
  assert.equal(report.rows, fresh.numRows)
  assert.ok(report.auc.value > 0.5, `AUC ${report.auc.value}`)
  assert.ok(Object.keys(report.families).length >= 9)
  const again = await (await Guard.fromBuffer(guard.toBuffer())).assess(fresh)
  assert.deepEqual(again.scores, scores)
})
