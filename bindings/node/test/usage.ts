// Compiles under `tsc --strict`; never run. What users write must type, and what they must not write must not.
import {
  BoostedTrees, Collector, ContrastTrees, Ensemble, FittedDetector, GaussianMixture, Guard, HalfSpaceTrees, IsolationForest,
  LogisticRegression, Policy, QosguardError, Schema, Series, Table, TreeEnsemble, calibrationError, evaluate, follow, open,
  read, readCsv, readExports, readJsonl, readSeries, simulate,
} from '../index'
import type {
  Action, Assessment, CalibrationError, Decision, Decisions, Detector, EnsembleMember, ErrorKind, Explanation, FlowRecord, PolicyFields,
  Report, Role, SeriesReport, TableRow, ThresholdRule,
} from '../index'

export async function tenLines(): Promise<Decisions> {
  const flows = await readCsv('flows.csv')
  const guard = await Guard.fit(flows, { detector: new IsolationForest(), falsePositiveRate: 0.01 })
  const { decisions } = await guard.assess(flows)
  await guard.save('edge.qosguard')
  return decisions
}

export async function everySetting(): Promise<Guard> {
  const schema: Schema = Schema.preset('flow').withRole('duration', 'ignore')
  const flows: Table = await readJsonl('flows.jsonl', { schema, maxRejectedShare: 0, delimiter: ';', maxLineBytes: 4096 })
  const threshold: ThresholdRule = { kind: 'percentile', percent: 99.5 }
  const fields: PolicyFields = {
    version: 1,
    allow: '192.0.2.53',
    actions: {
      low: { action: 'deprioritize', ttl_s: 300 },
      medium: { action: 'rate_limit', bytes_per_second: 125_000, burst: 256_000, ttl_s: 60 },
      high: { action: 'inspect', inspection: 'mirror', ttl_s: 300 },
      critical: { action: 'drop', ttl_s: 600 },
    },
    rules: [{ name: 'calls', when: { service: ['sip', 'rtp'] }, prioritize: { service_class: 'telephony', ttl_s: 300 } }],
  }
  const policy = Policy.fromObject(fields)
  const detector = new IsolationForest({ trees: 50, maxSamples: 128, maxDepth: 7, seed: 1 })
  return Guard.fit(flows, { detector, threshold, policy, seed: 7 })
}

export function onePostedRecord(guard: Guard, record: FlowRecord): string {
  const out: Assessment = guard.assessSync(record)
  const [decision] = out.top(1)
  return decision ? words(decision) : 'nothing'
}

export async function manyRows(guard: Guard, flows: Table): Promise<number> {
  const { decisions, anomalies } = await guard.assess(flows)
  let actions = 0
  for await (const { action } of decisions) if (action !== 'allow') actions += 1
  const page: Decision[] = decisions.slice(0, 100)
  const rows: Uint32Array = anomalies
  for (const record of flows.slice(10, 20)) if (record['protocol'] === 'tcp') actions += 1
  for await (const record of flows) if (record['protocol'] === 'tcp') actions += 1
  const records: TableRow[] = flows.records(0, 5)
  const column: Float64Array | Array<string | null> = flows.column('protocol')
  return actions + page.length + rows.length + records.length + column.length
}

function words({ action, ttlS, bytesPerSecond, burst, serviceClass, inspection }: Decision): string {
  const name: Action = action
  switch (name) {
    case 'allow': return 'allow'
    case 'prioritize': return serviceClass ?? ''
    case 'rate_limit': return `${bytesPerSecond} B/s, burst ${burst}, ${ttlS} s`
    case 'inspect': return inspection ?? ''
    case 'deprioritize':
    case 'drop':
    case 'isolate': return `${name} for ${ttlS} s`
  }
}

export async function everyDetector(x: Float32Array, labels: boolean[]): Promise<Float64Array> {
  const detectors: Detector[] = [
    new IsolationForest({ splits: { kind: 'pooled_gain', features: 2 }, scoring: 'density' }),
    new GaussianMixture({ components: 8, covariance: 'diagonal' }),
    new HalfSpaceTrees({ depth: 10 }),
    new ContrastTrees(),
    new BoostedTrees({ earlyStopping: { share: 0.1, patience: 10 }, monotone: [1, 0, -1], classWeight: 'balanced' }),
    new LogisticRegression({ l2: 0.1 }),
    Ensemble.clean(1000, { seed: 1 }),
  ]
  const members = detectors.slice(0, 6).map((detector, i) => ({ name: `member ${i}`, weight: 1, detector }))
  const fitted: FittedDetector = await new Ensemble({ members, folds: 3 }).fit(x, 3, { labels })
  const all: EnsembleMember[] = fitted.without('member 2').members
  const explanation: Explanation = await fitted.explain(x, 3)
  const imported = await TreeEnsemble.fromLightgbm('tree', { classes: ['clean', 'flood'], cleanClass: 'clean' })
  const classes: string[] | null = imported.classes
  const onnx: Buffer = imported.toOnnx()
  return all.length + onnx.length > 0 && classes ? imported.probabilities(x, 3) : explanation.contributions
}

export async function chosen(flows: Table): Promise<CalibrationError> {
  const guard = await Guard.fit(flows, { detector: 'auto', attackShare: 0.01 })
  const { decisions, members, memberPValues, probabilities } = await guard.assess(flows)
  const doubt: number | null | undefined = decisions[0]?.familyProbability ?? decisions[0]?.probability
  const pValue: number | null | undefined = decisions[0]?.evidence[0]?.pValue
  const words: string[] = (await guard.explain(flows)).reasons(0, 3).map(({ text }) => text)
  console.log(guard.families, members, memberPValues, doubt, pValue, words)
  return calibrationError(probabilities, flows.labels() ?? [], { bins: 10 })
}

export async function measured(guard: Guard): Promise<Report> {
  const flows = await simulate({ rows: 1000, attackShare: 0.1, attacks: ['flood', 'port_scan'], seed: 3 })
  const labels: boolean[] | null = flows.labels()
  const families: string[] | null = flows.families()
  const { scores } = await guard.assess(flows)
  const { score, asked } = guard.threshold
  return evaluate(scores, labels ?? [], score, { families: families ?? [], askedFpr: asked })
}

export async function everySource(): Promise<number> {
  let rows = 0
  const flows = await read('capture.pcap', { profile: 'cic', idleTimeout: 60, decodeTunnels: true })
  const skipped: Record<string, number> = flows.report.skipped
  await flows.write('flows.parquet')
  for await (const table of open('flows.parquet', { batchRows: 1024 })) rows += table.numRows
  for await (const table of follow('conn.log', { fromEnd: true, poll: 1 })) rows += table.numRows
  const collector = await Collector.bind('127.0.0.1:0', { flushInterval: 1, limits: { maxDomains: 16 } })
  for await (const table of collector) rows += table.numRows
  const table: Table | null = await collector.read()
  const lost: number | undefined = collector.counts['lost_datagrams']
  const exports = await readExports(['templates.dat', 'data.dat'])
  return rows + (table ?? exports).numRows + (lost ?? 0) + (skipped['not_ip'] ?? 0)
}

export async function links(): Promise<Float64Array> {
  const series: Series = await readSeries('links.csv', { entity: 'link', interval: 300, timeZone: 'Europe/Berlin' })
  const report: SeriesReport = series.report
  return report.gaps.length > 0 ? series.times('a') : series.values('a', 'kbps')
}

export function kindOf(error: unknown): ErrorKind | undefined {
  return error instanceof QosguardError ? error.code : undefined
}

export const roles: Role[] = ['feature', 'label']

// @ts-expect-error decisions are read-only
export const changed = (out: Assessment) => { out.decisions.push() }
// @ts-expect-error a misspelt setting
export const misspelt = new IsolationForest({ nTrees: 3 })
// @ts-expect-error a setting of another detector
export const elsewhere = new LogisticRegression({ trees: 3 })
// @ts-expect-error a member has a detector
export const noDetector = new Ensemble({ members: [{ name: 'a' }] })
// @ts-expect-error no such word
export const noWord = (flows: Table) => Guard.fit(flows, { detector: 'best' })
// @ts-expect-error no such profile
export const noProfile = read('capture.pcap', { profile: 'argus' })
// @ts-expect-error no such rule
export const noRule: ThresholdRule = { kind: 'median' }
// @ts-expect-error a rule without its number
export const noNumber: ThresholdRule = { kind: 'mad' }
// @ts-expect-error scores are floats
export const noFloats = evaluate([1, 2], [true, false], 1)
export const posted: FlowRecord = { bytes: 12n, start: new Date(), rtt: NaN, note: null, isUp: true }
// @ts-expect-error a nested value is not a cell
export const nested: FlowRecord = { a: { b: 1 } }
// @ts-expect-error a policy must say its version
export const noVersion: PolicyFields = { dry_run: true }
