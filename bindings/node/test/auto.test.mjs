// Guards over any detector, and what their verdicts then say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoostedTrees, Guard, GuardExplanation, IsolationForest, LogisticRegression, simulate } from 'qosguard'

const [flows, fresh] = await Promise.all([[1, 3000], [2, 800]].map(([seed, rows]) => simulate({ rows, seed, attackShare: 0.1 })))
/** The same flows without labels. */
const unlabelled = await flows.mapTo(
  flows.schema.columns.filter(({ role }) => role === 'label' || role === 'family')
    .reduce((schema, { name }) => schema.withRole(name, 'ignore'), flows.schema),
)

const settings = { detector: 'auto', seed: 3, falsePositiveRate: 0.02 }

test('with labels, auto learns from them', async () => {
  const guard = await Guard.fit(flows, { ...settings, attackShare: 0.01 })
  assert.ok(guard.training.fittedAttacks >= 50)
  assert.ok(guard.families.length >= 2)
  const out = await guard.assess(fresh)
  assert.deepEqual(out.members, ['forest', 'boosted'])
  assert.ok(guard.contextColumns.includes('src_flows_60s'))
  const k = out.members.length
  assert.ok(out.memberPValues instanceof Float64Array && out.memberPValues.length === 800 * k)
  assert.ok(out.probabilities instanceof Float64Array && out.probabilities.length === 800)
  assert.equal(out.memberPValues, out.memberPValues)
  out.decisions.forEach((decision, row) => {
    assert.equal(decision.probability, out.probabilities[row])
    assert.ok(decision.probability >= 0 && decision.probability <= 1)
    assert.deepEqual(decision.evidence, out.members.map((name, i) => ({ kind: 'member', name, pValue: out.memberPValues[row * k + i], weight: null })))
    assert.equal(decision.family !== null, decision.isAnomaly)
    assert.equal(decision.familyProbability !== null, decision.isAnomaly)
    if (decision.isAnomaly) {
      assert.ok(guard.families.includes(decision.family))
      assert.ok(decision.familyProbability > 0 && decision.familyProbability <= 1)
    }
  })
  const labels = fresh.labels()
  const mean = (attack) => {
    const of = Array.from(out.probabilities).filter((_, row) => labels[row] === attack)
    return of.reduce((a, b) => a + b, 0) / of.length
  }
  assert.ok(mean(true) > 50 * mean(false), `${mean(true)} and ${mean(false)}`)

  const again = await (await Guard.fromBuffer(guard.toBuffer())).assess(fresh)
  assert.deepEqual(again.decisions, out.decisions)
  assert.deepEqual(again.memberPValues, out.memberPValues)
})

test('without a context, auto has more members', async () => {
  const guard = await Guard.fit(flows, { ...settings, context: [] })
  assert.deepEqual(guard.contextColumns, [])
  assert.deepEqual((await guard.assess(fresh)).members, ['forest', 'mixture', 'contrast', 'boosted'])
})

test('without labels, auto does without them', async () => {
  const guard = await Guard.fit(unlabelled, settings)
  assert.deepEqual(guard.families, [])
  assert.equal(guard.training.fittedAttacks, 0)
  const out = await guard.assess(fresh)
  assert.deepEqual(out.members, ['gain', 'deep_gain', 'density'])
  assert.equal(out.probabilities.length, 0)
  const [decision] = out.decisions
  assert.ok(decision.probability === null && decision.family === null)
  assert.equal(decision.evidence.length, 3)
})

test('a single detector has no members', async () => {
  for (const [detector, learns] of [
    [new IsolationForest({ trees: 20 }), false], [new BoostedTrees({ trees: 10 }), true], [new LogisticRegression(), true],
  ]) {
    const out = await (await Guard.fit(flows, { detector })).assess(fresh)
    assert.deepEqual(out.members, [])
    assert.equal(out.memberPValues.length, 0)
    assert.equal(out.probabilities.length, learns ? 800 : 0)
    assert.deepEqual(out.decision(0).evidence, [])
    assert.equal(out.decision(0).probability !== null, learns)
  }
  await assert.rejects(Guard.fit(unlabelled, { detector: new BoostedTrees() }), { name: 'QosguardError', code: 'insufficient_data' })
})

test('a guard gives reasons', async () => {
  const guard = await Guard.fit(flows, { detector: new BoostedTrees({ trees: 10 }) })
  const out = await guard.assess(fresh)
  const [{ row }] = out.top(1)
  const why = await guard.explain(await fresh.take([row]))
  assert.ok(why instanceof GuardExplanation)
  assert.equal(why.contributions.length, why.columns.length)
  assert.equal(why.contributions, why.contributions)
  const sum = why.contributions.reduce((a, b) => a + b, why.base)
  assert.ok(Math.abs(sum - why.scores[0]) <= 1e-9 * Math.max(1, Math.abs(sum)))
  assert.ok(Math.abs(why.scores[0] - out.scores[row]) <= 1e-5 * Math.max(1, Math.abs(sum)))

  // A value that is usual in clean traffic is not a reason, so not every row has one.
  const all = await guard.explain(fresh)
  const at = Array.from(all.scores).findIndex((_, row) => all.reasons(row, 3).length > 0)
  const reasons = all.reasons(at, 3)
  assert.ok(reasons.length >= 1 && reasons.length <= 3)
  reasons.forEach(({ feature, contribution, observed, text }, i) => {
    assert.equal(contribution, all.contributions[at * all.columns.length + all.columns.indexOf(feature)])
    assert.ok(contribution > 0 && (i === 0 || contribution <= reasons[i - 1].contribution))
    assert.ok(['number', 'text', 'missing'].includes(observed.kind))
    assert.ok(text.startsWith(feature), text)
  })
  assert.deepEqual(why.reasons(1, 3), [])
  for (const bad of [-1, 1.5, NaN, '3']) {
    assert.throws(() => why.reasons(bad, 3), { code: 'invalid_argument' })
    assert.throws(() => why.reasons(0, bad), { code: 'invalid_argument' })
  }
  await assert.rejects(guard.explain([{ a: 1 }]), { name: 'QosguardError', code: 'schema_mismatch' })
})
