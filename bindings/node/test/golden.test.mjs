// The cases that Rust, Python and JavaScript share: equal bits, equal kinds of error. `tests/golden.rs` and
// `tests/golden_detectors.rs` say what they hold.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Detector, Guard, IsolationForest, TreeEnsemble, simulate } from 'qosguard'

const read = (name) => JSON.parse(readFileSync(new URL(`../../../tests/golden/${name}`, import.meta.url), 'utf8'))
const guards = read('guard.v1.json')
const { columns, train, fresh, attacks, missing, cases: detectors } = read('detectors.v1.json')

test('no case is lost', () => {
  assert.equal(guards.length, 12)
  assert.equal(detectors.length, 57)
})

/** Bits as hexadecimal digits, as in the files. */
function hex(numbers) {
  const width = numbers.BYTES_PER_ELEMENT
  const bytes = new DataView(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  return Array.from(numbers, (_, i) => {
    const bits = width === 4 ? bytes.getUint32(4 * i, true) : bytes.getBigUint64(8 * i, true)
    return bits.toString(16).padStart(2 * width, '0')
  })
}

const flows = ({ rows, attack_share: attackShare, seed }) => simulate({ rows, attackShare, seed })

async function assess({ train, forest: { trees, max_samples: maxSamples, seed: treeSeed }, context, threshold, seed, ...input }) {
  const detector = new IsolationForest({ trees, maxSamples, seed: treeSeed })
  const guard = await Guard.fit(await flows(train), { detector, context: context && camel(context), threshold, seed })
  return [guard, await guard.assess(input.flows ? await flows(input.flows) : input.records)]
}

for (const { name, expected, error, ...input } of guards) {
  test(`guard: ${name}`, async () => {
    if (error) {
      await assert.rejects(assess(input), { name: 'QosguardError', code: error })
      return
    }
    const [guard, out] = await assess(input)
    assert.deepEqual(
      {
        digest: guard.digest,
        threshold: hex(Float32Array.of(guard.threshold.score))[0],
        scores: hex(out.scores),
        p_values: hex(out.pValues),
        ids: out.decisions.map((decision) => decision.id),
        rules: out.decisions.map((decision) => decision.rule),
      },
      expected,
    )
  })
}

const models = read('models.v1.json')
for (const [file, expected] of Object.entries(models.scores)) {
  test(`released guard: ${file}`, async () => {
    const guard = await Guard.load(new URL(`../../../tests/models/${file}`, import.meta.url).pathname)
    const out = await guard.assess(await flows(models.flows))
    assert.equal(hex(out.scores).join(''), expected)
  })
}

const IMPORTS = { lightgbm: TreeEnsemble.fromLightgbm, xgboost: TreeEnsemble.fromXgboostJson, sklearn: TreeEnsemble.fromSklearnJson }
const labels = Array.from({ length: train.length / columns }, (_, row) => attacks.includes(row))

/** A matrix with NaN in some cells. */
function matrix(numbers, cells) {
  const x = Float32Array.from(numbers)
  for (const cell of cells) x[cell] = NaN
  return x
}

/** The names of settings as they are called here; those that are null are left out. */
function camel(value) {
  if (Array.isArray(value)) return value.map(camel)
  if (typeof value !== 'object') return value
  const fields = Object.entries(value).filter(([, field]) => field !== null)
  return Object.fromEntries(fields.map(([key, field]) => [key.replace(/_(.)/g, (_, c) => c.toUpperCase()), camel(field)]))
}

async function fitted({ settings, import: model, labelled, missing: isMissing }) {
  if (model) return IMPORTS[model.library](model.text)
  const { kind, ...options } = camel(settings)
  return new Detector(kind, options).fit(matrix(train, isMissing ? missing.train : []), columns, labelled ? { labels } : {})
}

async function score(input) {
  const detector = await fitted(input)
  const x = matrix(fresh, input.missing ? missing.fresh : [])
  const probabilities = detector.classes ? hex(await detector.probabilities(x, columns)).join('') : undefined
  return { scores: hex(await detector.score(x, columns)).join(''), probabilities }
}

for (const { name, scores, probabilities, error, ...input } of detectors) {
  test(`detector: ${name}`, async () => {
    if (error) await assert.rejects(score(input), { name: 'QosguardError', code: error })
    else assert.deepEqual(await score(input), { scores, probabilities })
  })
}
