// Records that no preset describes: an inferred schema.
import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { readCsv, Schema } from 'qosguard'

test('an unknown file has its columns taken by names and values', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'qosguard-')), 'own.csv')
  const rows = Array.from({ length: 100 }, (_, i) => `${i},${(i * 7) % 13},${i ? 'ok' : 'Unknown'}`)
  writeFileSync(path, `row,rtt,label\n${rows.join('\n')}`)
  const table = await readCsv(path)
  assert.deepEqual(table.schema.columns.map((column) => column.role), ['ignore', 'feature', 'label'])
  assert.ok(table.report.inferred.some((line) => line.includes('`rtt`')))
  assert.equal(table.report.unlabelled, 1)
  assert.equal(table.labelled().numRows, 99)
  const again = Schema.fromToml(table.schema.toToml())
  assert.deepEqual(again.columns, table.schema.columns)
})
