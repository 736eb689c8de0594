// A public file, where there is one (`QOSGUARD_DATA`, else `../shared/data`).
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Guard, IsolationForest, evaluate, readCsv } from 'qosguard'

const data = process.env.QOSGUARD_DATA ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url))
const path = join(data, 'flows/unsw-nb15/UNSW_NB15_82332.csv')
const skip = existsSync(path) ? false : `SKIPPED: there is no ${path}; set QOSGUARD_DATA`

test('UNSW-NB15 goes the whole way', { skip }, async () => {
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
