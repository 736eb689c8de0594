// The main job once: a guard is fitted on the traffic of yesterday, and finds the incidents of today.
//
// `npm install --prefix examples` once, then `node examples/quickstart.mjs` simulates labelled flows; with a path it reads
// that file, whose first 70 % are yesterday.
import { Guard, Stream, eventMetrics, incidentTable, read, simulateTraffic } from 'qosguard'

const GUARD = 'quickstart.qosguard'

const [path] = process.argv.slice(2)
const [yesterday, today, attacks] = path ? await halves(await read(path)) : await simulated()
console.log(`fitting a guard on ${yesterday.numRows} records of schema \`${yesterday.schema.name}\``)
const guard = await Guard.fit(yesterday, { detector: 'auto', falsePositiveRate: 0.01 })

console.log(`watching ${today.numRows} other records\n`)
const assessment = await guard.assess(today)
if (today.schema.columns.some((column) => column.role === 'time')) {
  const events = []
  for await (const event of new Stream(today.schema, { guard }).events([today])) events.push(event)
  console.log(`${incidentTable(events)}\n`)
  if (attacks.length > 0) await printQuality(events)
} else {
  // Records without times have verdicts, and no incidents.
  console.log((await guard.findings(today, assessment, 10)).text)
}

await guard.save(GUARD)
const again = await (await Guard.load(GUARD)).assess(today)
const equal = Buffer.from(again.scores.buffer).equals(Buffer.from(assessment.scores.buffer))
console.log(`saved and loaded ${GUARD}: ${again.length} scores, equal bit for bit: ${equal}`)
process.exitCode = equal ? 0 : 1

async function halves(records) {
  const rows = Array.from({ length: records.numRows }, (_, row) => row)
  const cut = Math.floor((rows.length * 7) / 10)
  return [await records.take(rows.slice(0, cut)), await records.take(rows.slice(cut)), []]
}

async function simulated() {
  const [first, second] = await Promise.all([1, 2].map((seed) => simulateTraffic({ durationS: 1_200, seed })))
  return [first.table, second.table, second.events]
}

// Prints how many of the simulated attacks were found, and how soon.
async function printQuality(events) {
  const start = attacks[0].start - 120
  const metrics = await eventMetrics(attacks, events, start, Math.max(attacks.at(-1).end, start + 1_200))
  const { detected, events: all, delayS } = metrics.all
  console.log(
    `found ${detected} of ${all} attacks, the median ${delayS.median.toFixed(1)} s after their first record; ` +
      `${metrics.falseDetections} false incidents`,
  )
}
