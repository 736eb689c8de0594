import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Guard, Schema, Table, evaluate, read, readCsv, readIpc, readJsonl, readParquet, simulate } from 'qosguard'

const folder = mkdtempSync(join(tmpdir(), 'qosguard-'))
after(() => rmSync(folder, { recursive: true }))

function file(name, content) {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const HEADER = 'src_ip,dst_ip,src_port,dst_port,protocol,packet_count,byte_count,duration'
const row = (i) => `10.0.0.${i},192.0.2.1,${40000 + i},443,TCP,${10 + i},${1000 * i},0.5`
const CSV = [HEADER, ...Array.from({ length: 20 }, (_, i) => row(i))].join('\n')
const RECORD = {
  src_ip: '10.0.0.7', dst_ip: '192.0.2.1', src_port: 40007, dst_port: 443, protocol: 'TCP',
  packet_count: 17, byte_count: 7000, duration: 0.5,
}

test('a CSV file is read, plain and gzipped, and its schema detected', async () => {
  for (const path of [file('flows.csv', CSV), file('flows.csv.gz', gzipSync(CSV))]) {
    const table = await readCsv(path)
    assert.ok(table instanceof Table)
    assert.equal(table.numRows, 20)
    assert.equal(table.schema.name, 'flow')
    assert.deepEqual(table.schema.columns.map((c) => c.name), HEADER.split(','))
    assert.deepEqual(table.report, {
      place: path, accepted: 20, rejected: 0, rejectedByCode: {}, absent: {}, blank: 0, skipped: {}, unlabelled: 0,
      inferred: [], rejections: [],
    })
    assert.equal(table.labels(), null)
    assert.equal(table.families(), null)
  }
})

test('a bad row is rejected, counted and named; too many are an error', async () => {
  const path = file('bad.csv', `${CSV}\n10.0.0.9,192.0.2.1,70000,443,TCP,1,2,3\n`)
  const { report } = await readCsv(path)
  assert.equal(report.accepted, 20)
  assert.equal(report.rejected, 1)
  assert.deepEqual(report.rejections, [
    { line: 22, column: 'src_port', value: '70000', code: 'above_maximum', reason: 'expected at most 65535' },
  ])
  assert.deepEqual(report.rejectedByCode, { above_maximum: 1 })
  await assert.rejects(readCsv(path, { maxRejectedShare: 0 }), { code: 'bad_record', message: /1 of 21 .*line 22.*70000/ })
})

test('the delimiter is one ASCII character', async () => {
  const path = file('semicolon.csv', CSV.replaceAll(',', ';'))
  assert.equal((await readCsv(path, { delimiter: ';' })).numRows, 20)
  for (const delimiter of ['', ';;', 'é', '\n', 'a']) {
    await assert.rejects(readCsv(path, { delimiter }), { code: 'invalid_argument', message: /delimiter/ })
  }
})

test('a schema of your own is used', async () => {
  const schema = Schema.fromToml(`
    name = "mine"
    columns = [
      { name = "host", role = "entity", kind = "text" },
      { name = "bytes", role = "feature", kind = "number", minimum = 0 },
      { name = "bad", role = "label", kind = "number" },
    ]`)
  const table = await readCsv(file('mine.csv', 'host,bytes,bad\na,1,0\nb,2,1\n'), { schema })
  assert.equal(table.schema.name, 'mine')
  assert.deepEqual(table.labels(), [false, true])
  assert.deepEqual(schema.columns[1], { name: 'bytes', role: 'feature', kind: 'number', minimum: 0 })
})

test('roles can be changed, but truth and identity stay out of the features', () => {
  const schema = Schema.preset('flow')
  const roles = (s) => Object.fromEntries(s.columns.map((c) => [c.name, c.role]))
  assert.equal(roles(schema.withRole('duration', 'ignore')).duration, 'ignore')
  assert.equal(roles(schema).duration, 'feature')
  assert.throws(() => schema.withRole('src_ip', 'feature'), { code: 'invalid_argument', message: /src_ip/ })
  assert.throws(() => schema.withRole('nothing', 'ignore'), { code: 'invalid_argument', message: /nothing/ })
  assert.throws(() => schema.withRole('duration', 'target'), { code: 'invalid_argument', message: /Role/ })
})

test('every built-in schema crosses over', () => {
  assert.ok(Schema.presets().length >= 9)
  for (const name of Schema.presets()) {
    const schema = Schema.preset(name)
    assert.equal(schema.name, name)
    for (const column of schema.columns) {
      assert.match(column.role, /^(feature|label|family|time|entity|ignore)$/)
      assert.match(column.kind, /^(number|text|time)$/)
    }
  }
  assert.throws(() => Schema.preset('nothing'), { code: 'invalid_argument', message: /one of .*unsw_nb15.*nothing/ })
})

test('JSON lines and posted records give the same table as CSV', async () => {
  const lines = file('flows.jsonl', `${JSON.stringify(RECORD)}\n`.repeat(3))
  const table = await readJsonl(lines)
  assert.equal(table.numRows, 3)
  assert.equal(table.schema.name, 'flow')
  assert.equal(Table.fromRecords(RECORD, Schema.preset('flow')).numRows, 1)
  assert.equal(Table.fromRecords([RECORD, RECORD], Schema.preset('flow')).numRows, 2)
})

test('posted records hold nothing that JSON would change', () => {
  const schema = Schema.preset('flow')
  for (const value of [undefined, Symbol('s'), () => 1, {}, [], new Date(NaN)]) {
    assert.throws(() => Table.fromRecords([RECORD, { ...RECORD, duration: value }], schema), {
      name: 'QosguardError', code: 'invalid_argument', message: /record 1: .*`duration`/,
    })
  }
  for (const record of [null, undefined, 1, 'text', [RECORD]]) {
    assert.throws(() => Table.fromRecords([record], schema), { code: 'invalid_argument', message: /record 0/ })
  }
  const duration = (value) => Table.fromRecords({ ...RECORD, duration: value }, schema).records()[0].duration
  assert.deepEqual([NaN, null, 0.5].map(duration), [null, null, 0.5])
  assert.deepEqual(Table.fromRecords([RECORD, { ...RECORD, dst_port: NaN, protocol: NaN }], schema).records()[1], {
    ...RECORD, protocol: null, dst_port: null,
  })
  assert.deepEqual([3n, 2n ** 60n].map(duration), [3, 2 ** 60])
  const timed = Schema.fromToml(`
    name = "timed"
    columns = [{ name = "at", role = "time", kind = "time" }, { name = "load", role = "feature", kind = "number" }]`)
  const at = new Date('2026-03-01T12:00:00.250Z')
  assert.deepEqual(Table.fromRecords({ at, load: 1 }, timed).records(), [{ at: at.getTime() / 1000, load: 1 }])
})

test('foreign columns are named', async () => {
  const path = file('foreign.csv', 'a,b\n1,2\n')
  assert.equal((await readCsv(path)).schema.name, 'inferred')
  const schema = Schema.preset('flow')
  await assert.rejects(readCsv(path, { schema }), { name: 'QosguardError', code: 'schema_mismatch', message: /byte_count/ })
  const { byte_count: _, ...short } = RECORD
  assert.throws(() => Table.fromRecords(short, Schema.preset('flow')), { code: 'schema_mismatch', message: /byte_count/ })
})

test('files that are none say why', async () => {
  await assert.rejects(readCsv(join(folder, 'none.csv')), {
    code: 'io', message: /^cannot access .*none\.csv: No such file or directory/,
  })
  await assert.rejects(readCsv(folder), { code: 'io' })
  await assert.rejects(readCsv(file('empty.csv', '')), { code: 'insufficient_data' })
  await assert.rejects(readCsv(file('utf16.csv', Buffer.from(`\ufeff${CSV}`, 'utf16le'))), { code: 'bad_record', message: /UTF-16/ })
})

test('simulated flows have the share that was asked for, and the same bits for the same seed', async () => {
  const make = (options) => simulate({ rows: 2000, attackShare: 0.1, ...options })
  const [a, b, c] = await Promise.all([make({ seed: 7 }), make({ seed: 7 }), make({ seed: 8 })])
  assert.equal(a.numRows, 2000)
  assert.ok(Math.abs(a.labels().filter(Boolean).length - 200) <= 20)
  assert.deepEqual(a.labels(), b.labels())
  assert.notDeepEqual(a.labels(), c.labels())
  const floods = await make({ attacks: ['flood'] })
  assert.deepEqual([...new Set(floods.families())].sort(), ['', 'flood'])
  await assert.rejects(make({ attackShare: 1 }), { code: 'invalid_argument', message: /attack_share/ })
})

test('rows are taken in the order asked for', async () => {
  const flows = await simulate({ rows: 100, attackShare: 0.3, seed: 7 })
  const labels = flows.labels()
  const rows = [99, 0, 50, 50]
  const taken = await flows.take(rows)
  assert.deepEqual(taken.labels(), rows.map((row) => labels[row]))
  assert.equal((await flows.take([])).numRows, 0)
  await assert.rejects(flows.take([100]), { code: 'shape_mismatch', message: /100/ })
  for (const bad of [-1, 1.5, NaN, '3']) await assert.rejects(flows.take([bad]), { code: 'invalid_argument' }, String(bad))
})

test('a table gives its rows, its columns and parts of itself', async () => {
  const flows = await simulate({ rows: 70_000, attackShare: 0.1, seed: 7 }) // more than one batch
  const [start, end] = [65_500, 65_580]
  const part = flows.slice(start, end)
  assert.equal(part.numRows, 80)
  assert.deepEqual(part.records(), flows.records(start, end))
  assert.deepEqual(part.records(), (await flows.take(Array.from({ length: 80 }, (_, i) => start + i))).records())
  assert.deepEqual(part.labels(), flows.labels().slice(start, end))
  assert.deepEqual(part.families(), flows.families().slice(start, end))
  for (const { name, kind } of flows.schema.columns) {
    const cells = part.column(name)
    assert.equal(cells instanceof Float64Array, kind !== 'text', name)
    assert.deepEqual(Array.from(cells, (cell) => (Number.isNaN(cell) ? null : cell)), part.records().map((record) => record[name]), name)
    assert.equal(flows.column(name).length, 70_000)
  }
  assert.deepEqual([...part], part.records())
  assert.equal(flows.slice().numRows, 70_000)
  assert.equal(flows.slice(69_999).numRows, 1)
  assert.equal(flows.slice(5, 5).numRows, 0)
  assert.deepEqual(flows.slice(9, 3).records(), [])
  assert.deepEqual(flows.records(1e6, 2e6), [])
  assert.throws(() => flows.column('nothing'), { name: 'QosguardError', code: 'invalid_argument', message: /src_ip.*nothing/ })
  for (const bad of [-1, 1.5, NaN]) assert.throws(() => flows.slice(bad), { code: 'invalid_argument', message: /start/ })
})

test('Arrow IPC bytes go in and out, and apache-arrow reads and writes the same', async () => {
  const { tableFromIPC, tableFromArrays, tableToIPC } = await import('apache-arrow')
  const flows = await simulate({ rows: 500 })
  const bytes = flows.toIpcSync()
  const theirs = tableFromIPC(bytes)
  assert.equal(theirs.numRows, 500)
  assert.deepEqual(theirs.schema.fields.map((f) => f.name), flows.schema.columns.map((c) => c.name))
  for (const kind of ['file', 'stream']) {
    const back = await Table.fromIpc(tableToIPC(theirs, kind))
    assert.equal(back.schema.name, 'flow_detail')
    assert.ok(back.toIpcSync().equals(bytes), kind)
  }

  const schema = Schema.fromToml(`
    name = "mine"
    columns = [
      { name = "rtt", role = "feature", kind = "number", minimum = 0 },
      { name = "link", role = "ignore", kind = "text" },
    ]`)
  const link = Array.from({ length: 40 }, (_, i) => `link ${i % 3}`) // a dictionary, in apache-arrow
  const mine = tableFromArrays({ link, rtt: Int32Array.from(link, (_, i) => i - 1), other: new Float32Array(40) })
  const table = await Table.fromIpc(tableToIPC(mine), { schema })
  assert.equal(table.numRows, 39)
  assert.deepEqual(table.report.rejections.map((r) => [r.line, r.column, r.value]), [[1, 'rtt', '-1']])
  assert.equal(tableFromIPC(table.toIpcSync()).get(38).link, 'link 0')
  await assert.rejects(Table.fromIpc(tableToIPC(mine)), { code: 'schema_mismatch', message: /other/ })
})

test('broken Arrow bytes are an error with a code', async () => {
  const bytes = (await simulate({ rows: 20 })).toIpcSync()
  for (const broken of [bytes.subarray(0, 100), bytes.subarray(8), Buffer.alloc(0), Buffer.from('ARROW1')]) {
    await assert.rejects(Table.fromIpc(broken), { name: 'QosguardError', code: 'bad_record' })
  }
  await assert.rejects(Table.fromIpc('text'), { code: 'invalid_argument' })
  await assert.rejects(Table.fromIpc(bytes, { skema: 1 }), { code: 'invalid_argument' })
})

test('files of columns are read by name or by what they begin with', async () => {
  const flows = await simulate({ rows: 20 })
  const path = file('flows.bin', flows.toIpcSync())
  for (const table of [await read(path), await readIpc(path)]) {
    assert.equal(table.numRows, 20)
    assert.ok(table.toIpcSync().equals(flows.toIpcSync()))
  }
  assert.equal((await read(file('again.csv', CSV))).numRows, 20)
  for (const path of [file('text.parquet', CSV), file('flows.parquet', Buffer.from('PAR1 and no more'))]) {
    await assert.rejects(readParquet(path), { code: 'bad_record', message: /Parquet/ })
    await assert.rejects(read(path), { code: 'bad_record' })
  }
})

test('times and infinities in records are as in a file', async () => {
  const schema = Schema.fromToml(`
    name = "probe"
    columns = [
      { name = "at", role = "time", kind = "number" },
      { name = "sent", role = "ignore", kind = "time", unit = "ms" },
      { name = "seen", role = "ignore", kind = "time", format = "%d/%m/%Y %H:%M" },
      { name = "bytes", role = "feature", kind = "number" },
    ]`)
  const at = new Date('2026-01-01T00:00:00.5Z')
  const table = Table.fromRecords([{ at, sent: at, seen: at, bytes: Infinity }, { at: null, sent: null, seen: null, bytes: -Infinity }], schema)
  assert.deepEqual([...table.column('at')], [at.getTime() / 1000, NaN])
  assert.deepEqual([...table.column('sent')], [at.getTime() / 1000, NaN])
  assert.deepEqual([...table.column('bytes')], [Infinity, -Infinity])
  assert.equal(table.records()[0].sent, at.getTime())
  const again = Table.fromRecords(table.records(), schema)
  for (const column of ['at', 'sent', 'seen', 'bytes']) assert.deepEqual(again.column(column), table.column(column), column)
  const back = await Table.fromIpc(await table.toIpc(), { schema })
  for (const column of ['at', 'sent', 'seen', 'bytes']) assert.deepEqual(back.column(column), table.column(column), column)
})

test('findings take records, and labels are bytes too', async () => {
  const flows = await simulate({ rows: 1000, attackShare: 0.1, seed: 3 })
  const guard = await Guard.fit(flows)
  const records = flows.records(0, 100)
  const [few, some] = [flows.slice(0, 100), await guard.assess(records)]
  const texts = (findings) => [findings.records, findings.anomalies, findings.text]
  assert.deepEqual(texts(await guard.findings(records, some)), texts(await guard.findings(few, await guard.assess(few))))
  const flags = await flows.labelFlags()
  assert.ok(flags instanceof Uint8Array)
  assert.deepEqual([...flags].map(Boolean), flows.labels())
  const { scores } = await guard.assess(flows)
  assert.deepEqual(await evaluate(scores, flags, 0.5), await evaluate(scores, flows.labels(), 0.5))
  await assert.rejects(evaluate(scores, flags.map((flag) => flag + 1), 0.5), { code: 'invalid_argument', message: /`labels\[\d+\]` must be 0 or 1, got 2/ })
})

test('a schema is inferred from records', () => {
  const records = Array.from({ length: 30 }, (_, i) => ({ rate: i / 7, host: `10.0.0.${i % 3}`, class: i % 5 ? 'Normal' : 'Flood' }))
  const roles = Object.fromEntries(Schema.infer(records).columns.map(({ name, role }) => [name, role]))
  assert.deepEqual(roles, { rate: 'feature', host: 'entity', class: 'label' })
  assert.throws(() => Schema.infer([]), { code: 'insufficient_data' })
})
