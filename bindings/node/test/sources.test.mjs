// Captures, logs that grow, exporters and series: what the tests make, the package reads.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { tableFromIPC } from 'apache-arrow'
import {
  Collector, Schema, Series, Table, follow, open, read, readCsv, readExports, readSeries, simulate,
} from 'qosguard'

const folder = mkdtempSync(join(tmpdir(), 'qosguard-'))
after(() => rmSync(folder, { recursive: true }))

function file(name, content) {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** Numbers in network order: [bytes, number] pairs, and arrays of bytes as they are. */
function pack(...parts) {
  return Buffer.concat(parts.map((part) => {
    if (Buffer.isBuffer(part)) return part
    const [length, number] = part
    const bytes = Buffer.alloc(length)
    bytes.writeUIntBE(number, 0, length)
    return bytes
  }))
}

/** A raw IPv4 packet from 10.0.0.1 to 10.0.0.2. */
function udp(source, payload) {
  return pack(
    [2, 0x4500], [2, 28 + payload], [4, 0], [1, 64], [1, 17], [2, 0], Buffer.from([10, 0, 0, 1, 10, 0, 0, 2]),
    [2, source], [2, 53], [2, 8 + payload], [2, 0], Buffer.alloc(payload),
  )
}

/** A capture of raw IP packets. */
function pcap(packets) {
  const header = pack([4, 0xa1b2c3d4], [4, 0x00020004], [4, 0], [4, 0], [4, 65_535], [4, 101])
  const records = packets.map(([at, packet]) => pack(
    [4, 1_700_000_000 + Math.floor(at)], [4, Math.round((at % 1) * 1e6)], [4, packet.length], [4, packet.length], packet,
  ))
  return Buffer.concat([header, ...records])
}

const CAPTURE = pcap([
  [0, udp(1_000, 20)], [0.25, udp(1_000, 30)], [1, udp(2_000, 10)], [2, Buffer.alloc(20, 0xf0)], [31, udp(1_000, 40)],
])

/** A NetFlow v5 datagram of one record, from 10.0.0.1 to 10.0.0.2. */
function netflow5(packets) {
  return pack(
    [2, 5], [2, 1], [4, 3_600_000], [4, 1_700_000_000], [4, 0], [4, 0], [1, 1], [1, 2], [2, 0],
    Buffer.from([10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0]), [2, 3], [2, 4], [4, packets], [4, 100 * packets],
    [4, 3_598_000], [4, 3_599_500], [2, 4_242], [2, 443], [1, 0], [1, 0x18], [1, 6], [1, 0], [2, 65_001], [2, 65_002],
    [1, 24], [1, 24], [2, 0],
  )
}

const event = (packets) => `${JSON.stringify({ event_type: 'flow', flow: { pkts_toserver: packets } })}\n`
const column = (table, name) => [...tableFromIPC(table.toIpcSync()).getChild(name)]
const packetsOf = (table) => column(table, 'flow.pkts_toserver')

const HEADER = 'src_ip,dst_ip,src_port,dst_port,protocol,packet_count,byte_count,duration\n'
const ROW = '192.168.1.100,192.168.1.1,443,51515,TCP,12,1024,3.4\n'

async function all(tables) {
  const list = []
  for await (const table of tables) list.push(table)
  return list
}

test('a capture becomes flows of the profile', async () => {
  const path = file('capture.pcap', CAPTURE)
  const flows = await read(path)
  assert.deepEqual([flows.schema.name, flows.numRows, flows.report.accepted], ['nfstream', 2, 2])
  assert.deepEqual(flows.report.skipped, { malformed: 1 })
  assert.deepEqual(column(flows, 'bidirectional_packets').sort(), [1, 3])
  assert.equal((await read(path, { profile: 'cic' })).schema.name, 'cic')
  assert.equal((await read(path, { profile: 'cic_legacy' })).schema.name, 'cic_legacy')
  assert.equal((await read(path, { idleTimeout: 10 })).numRows, 3)
  assert.equal((await read(path, { activeTimeout: 0.2 })).numRows, 4)
  for (const options of [{ profile: 'argus' }, { maxFlows: -1 }, { idleTimeout: 0 }, { profil: 'cic' }]) {
    await assert.rejects(read(path, options), { code: 'invalid_argument' })
  }
})

test('a file is read batch by batch', async () => {
  const path = file('flows.csv', HEADER + ROW.repeat(24) + ROW.replace('443', '70000') + ROW)
  const reader = open(path, { batchRows: 10 })
  assert.equal(reader.schema, null)
  const tables = await all(reader)
  assert.ok(tables.every((table) => table instanceof Table))
  assert.deepEqual(tables.map((table) => table.numRows), [10, 10, 5])
  assert.deepEqual(tables.map((table) => table.report.accepted), [10, 10, 5])
  assert.ok(reader.schema instanceof Schema)
  assert.deepEqual([reader.report.accepted, reader.report.rejected], [25, 1])
  assert.equal(await reader.read(), null)
  const flows = await all(open(file('batches.pcap', CAPTURE), { profile: 'cic', batchRows: 1 }))
  assert.deepEqual(flows.map((table) => table.numRows), [1, 1])
  await assert.rejects(all(open(join(folder, 'absent.csv'))), { code: 'io', name: 'QosguardError' })
  assert.throws(() => open(path, { batchRows: 0.5 }), { code: 'invalid_argument' })
})

test('a loop that is left can be taken up again', async () => {
  const reader = open(file('left.csv', HEADER + ROW.repeat(30)), { batchRows: 10 })
  for await (const table of reader) {
    assert.equal(table.numRows, 10)
    break
  }
  assert.equal((await all(reader)).length, 2)
})

test('skipped records are counted by kind', async () => {
  const path = file('kinds.json', `${event(1)}{"event_type":"alert"}\n{"event_type":"alert"}\n{"event_type":"stats"}\n`)
  assert.deepEqual((await read(path)).report.skipped, { alert: 2, stats: 1 })
})

test('a growing file is followed until it is stopped', async () => {
  const path = file('eve.json', '')
  const follower = follow(path, { poll: 0.01 })
  const first = follower.read()
  appendFileSync(path, event(1))
  assert.deepEqual(packetsOf(await first), [1])
  assert.equal(follower.schema.name, 'eve_flow')
  renameSync(path, `${path}.1`)
  writeFileSync(path, event(2))
  assert.deepEqual(packetsOf(await follower.read()), [2])
  assert.equal(follower.counts.rotated, 1)
  setTimeout(() => follower.stop(), 100)
  assert.deepEqual(await all(follower), [])
  assert.equal(follower.report.accepted, 2)
})

test('many streams that wait leave the thread pool free', async () => {
  const path = file('empty.log', '')
  const followers = Array.from({ length: 8 }, () => follow(path, { poll: 0.01 }))
  const ends = followers.map((follower) => all(follower))
  assert.equal((await simulate({ rows: 100 })).numRows, 100)
  followers.forEach((follower) => follower.stop())
  assert.deepEqual(await Promise.all(ends), followers.map(() => []))
  assert.throws(() => follow(path, { poll: -1 }), { code: 'invalid_argument', message: /poll/ })
  assert.throws(() => follow(join(folder, 'absent.log')), { code: 'io' })
})

test('a process may exit while a stream waits', { timeout: 20_000 }, async () => {
  const path = file('waits.log', '')
  const script = `require('qosguard').follow(process.argv[1]).read(); setTimeout(() => process.exit(7), 200)`
  const child = spawn(process.execPath, ['-e', script, path], { cwd: import.meta.dirname })
  assert.deepEqual(await once(child, 'exit'), [7, null])
})

test('standard input is a dash', async () => {
  const script = `(async () => {
    let rows = 0
    for await (const table of require('qosguard').open('-')) rows += table.numRows
    console.log(rows)
  })()`
  const run = promisify(execFile)(process.execPath, ['-e', script], { cwd: import.meta.dirname })
  run.child.stdin.end(CAPTURE)
  assert.equal((await run).stdout, '2\n')
})

test('exports come by UDP', { timeout: 20_000 }, async () => {
  const collector = await Collector.bind('127.0.0.1:0', { flushInterval: 0.05, limits: { maxTemplates: 16 } })
  assert.equal(collector.schema.name, 'ipfix')
  const [host, port] = collector.address.split(':')
  const exporter = createSocket('udp4')
  const send = promisify(exporter.send.bind(exporter))
  await send(netflow5(7), Number(port), host)
  await send(Buffer.from('not an export'), Number(port), host)
  assert.equal((await collector.read()).numRows, 1)
  setTimeout(() => collector.stop(), 200)
  const rest = await all(collector)
  exporter.close()
  assert.equal(rest.reduce((rows, table) => rows + table.numRows, 0), 0)
  assert.deepEqual([collector.counts.datagrams, collector.counts.flows], [2, 1])
  assert.equal(collector.report.accepted, 1)
  await assert.rejects(Collector.bind('127.0.0.1:0', { limits: { maxTemplate: 1 } }), { code: 'invalid_argument' })
  await assert.rejects(Collector.bind('192.0.2.1:2055'), { code: 'io' })
})

test('leaving the loop stops a collector', { timeout: 20_000 }, async () => {
  const collector = await Collector.bind('127.0.0.1:0', { flushInterval: 0.05 })
  const [host, port] = collector.address.split(':')
  const exporter = createSocket('udp4')
  exporter.send(netflow5(1), Number(port), host)
  for await (const table of collector) {
    assert.equal(table.numRows, 1)
    break
  }
  exporter.close()
  await sleep(10)
  assert.deepEqual(await all(collector), [])
})

test('export files become a table', async () => {
  const flows = await readExports([file('good.dat', netflow5(7)), file('bad.dat', '\x00\x07 another version')])
  assert.deepEqual([flows.numRows, flows.schema.name], [1, 'ipfix'])
  assert.deepEqual(flows.report.skipped, { unsupported_datagrams: 1 })
})

test('an export without its template reports that nothing was read', async () => {
  const header = pack([2, 10], [2, 24], [4, 1_700_000_000], [4, 0], [4, 1])
  const data = Buffer.concat([header, Buffer.from([1, 0, 0, 8, 10, 0, 0, 1])])
  const { numRows, report } = await readExports([file('data.dat', data)])
  assert.deepEqual([numRows, report.skipped.dropped_sets], [0, 1])
  assert.match(report.nothingRead, /no flow could be decoded: .*dropped_sets 1 \(data without its template\)/)
  assert.equal((await readExports([file('good.dat', netflow5(7))])).report.nothingRead, undefined)
})

test('a series reports what is missing', async () => {
  const path = file('links.csv', `at,link,kbps
2024-01-01T00:00:00Z,a,1
2024-01-01T00:05:00Z,a,2
2024-01-01T00:15:00Z,a,4
2024-01-01T00:00:00Z,b,10
2024-01-01T00:05:00Z,b,
`)
  const series = await readSeries(path, { entity: 'link', interval: 300, scale: 1000, unit: 'bit/s' })
  assert.deepEqual([series.entities, series.columns], [['a', 'b'], ['kbps']])
  const values = Float64Array.of(1000, 2000, NaN, 4000)
  assert.deepEqual(series.values('a', 'kbps'), values)
  const start = 1_704_067_200
  assert.deepEqual(series.times('a'), Float64Array.of(start, start + 300, start + 600, start + 900))
  assert.deepEqual(series.present('a'), [true, true, false, true])
  assert.equal(series.labels('a'), null)
  const { report } = series
  assert.deepEqual([report.intervalS, report.unit, report.read.accepted], [300, 'bit/s', 5])
  assert.deepEqual(report.gaps, [{ entity: 'a', start: start + 600, steps: 1 }])
  assert.deepEqual(report.columns, [{ name: 'kbps', scale: 1000, empty: 1 }])
  const table = await series.table()
  assert.equal(table.numRows, 5)
  assert.deepEqual((await Series.fromTable(table, { interval: 300 })).values('a', 'kbps'), values)
  for (const bad of [{ interval: -1 }, { interval: 'often' }, { duplicates: 'least' }, { timeZones: 'UTC' }]) {
    await assert.rejects(readSeries(path, { entity: 'link', ...bad }), { code: 'invalid_argument' })
  }
  assert.throws(() => series.values('c', 'kbps'), { code: 'invalid_argument', message: /entity/ })
  assert.throws(() => series.values('a', 'mbps'), { code: 'invalid_argument', message: /column/ })
})

test('a schema defines how its times are written', async () => {
  const schema = Schema.fromToml(`
    name = "own"
    columns = [
      { name = "at", role = "time", kind = "time", format = "%d/%m/%Y %H:%M" },
      { name = "sent", role = "ignore", kind = "time", unit = "ms" },
      { name = "load", role = "feature", kind = "number" },
    ]`)
  const [at, sent] = schema.columns
  assert.deepEqual([at.kind, at.format, sent.unit], ['time', '%d/%m/%Y %H:%M', 'ms'])
  const path = file('own.csv', 'at,sent,load\n01/02/2024 00:00,1706745600000,1\n01/02/2024 01:00,1706749200000,2\n')
  const series = await Series.fromTable(await readCsv(path, { schema }), { time: 'at' })
  assert.deepEqual(series.times(''), Float64Array.of(1_706_745_600, 1_706_749_200))
  assert.ok(Schema.presets().every((name) => Schema.preset(name).columns.length > 0))
})

test('a table is written and read back', async () => {
  const flows = await simulate({ rows: 100, seed: 1 })
  for (const ending of ['csv', 'jsonl', 'arrow', 'parquet']) {
    const path = join(folder, `written.${ending}`)
    assert.equal(await flows.write(path), undefined)
    assert.ok(readFileSync(path).length > 0)
    const again = await read(path, { schema: flows.schema })
    assert.deepEqual(tableFromIPC(again.toIpcSync()).toArray().map(String), tableFromIPC(flows.toIpcSync()).toArray().map(String))
  }
  await assert.rejects(flows.write(join(folder, 'written.xls')), { code: 'invalid_argument', message: /\.parquet/ })
})
