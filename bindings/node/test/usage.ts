// Compiles under `tsc --strict`; never run. What users write must type, and what they must not write must not.
import {
  Guard, IsolationForest, Policy, QosguardError, Schema, Table, evaluate, readCsv, readJsonl, simulate,
} from '../index'
import type {
  Action, Assessment, Decision, ErrorKind, FlowRecord, PolicyFields, Report, Role, ThresholdRule,
} from '../index'

export async function tenLines(): Promise<Decision[]> {
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
      high: { action: 'inspect', how: 'mirror', ttl_s: 300 },
      critical: { action: 'drop', ttl_s: 600 },
    },
    rules: [{ name: 'calls', when: { service: ['sip', 'rtp'] }, prioritize: { class: 'telephony', ttl_s: 300 } }],
  }
  const policy = Policy.fromObject(fields)
  const detector = new IsolationForest({ trees: 50, maxSamples: 128, maxDepth: 7, seed: 1 })
  return Guard.fit(flows, { detector, threshold, policy, seed: 7 })
}

export function onePostedRecord(guard: Guard, record: FlowRecord): string {
  const out: Assessment = guard.assessSync(record)
  const [decision] = out.top(1)
  return decision ? tell(decision.action) : 'nothing'
}

function tell(action: Action): string {
  switch (action.kind) {
    case 'allow': return 'allow'
    case 'prioritize': return action.class
    case 'rate_limit': return `${action.bytesPerSecond} B/s, burst ${action.burst}, ${action.ttlS} s`
    case 'inspect': return action.how
    case 'deprioritize':
    case 'drop':
    case 'isolate': return `${action.kind} for ${action.ttlS} s`
  }
}

export async function measured(guard: Guard): Promise<Report> {
  const flows = await simulate({ rows: 1000, attackShare: 0.1, attacks: ['flood', 'port_scan'], seed: 3 })
  const labels: boolean[] | null = flows.labels()
  const families: string[] | null = flows.families()
  const { scores } = await guard.assess(flows)
  const { score, asked } = guard.threshold
  return evaluate(scores, labels ?? [], score, { families: families ?? [], askedFpr: asked })
}

export function kindOf(error: unknown): ErrorKind | undefined {
  return error instanceof QosguardError ? error.code : undefined
}

export const roles: Role[] = ['feature', 'label']

// @ts-expect-error a misspelt setting
export const misspelt = new IsolationForest({ nTrees: 3 })
// @ts-expect-error no such rule
export const noRule: ThresholdRule = { kind: 'median' }
// @ts-expect-error a rule without its number
export const noNumber: ThresholdRule = { kind: 'mad' }
// @ts-expect-error scores are floats
export const noFloats = evaluate([1, 2], [true, false], 1)
// @ts-expect-error nested values are no records
export const nested: FlowRecord = { a: { b: 1 } }
// @ts-expect-error a policy must say its version
export const noVersion: PolicyFields = { dry_run: true }
