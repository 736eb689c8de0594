// Watching, stopping and resuming trainings; the gate weights of mixtures.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Autoencoder, BoostedTrees, EntityAutoencoders, Guard, IsolationForest, MixtureOfExperts, NeuralClassifier, simulate } from 'qosguard'

const ROWS = 600
const WIDTH = 3
const x = Float32Array.from({ length: ROWS * WIDTH }, (_, i) => Math.sin(Math.floor(i / WIDTH) * 12.9898) * (1 + (i % WIDTH)))
const labels = Array.from({ length: ROWS }, (_, row) => row % 7 === 0)
for (let row = 0; row < ROWS; row += 1) if (labels[row]) x[row * WIDTH] += 3
const network = (epochs) => new Autoencoder({ widths: [8], latent: 1, training: { epochs } })

const folder = mkdtempSync(join(tmpdir(), 'qosguard-'))
after(() => rmSync(folder, { recursive: true }))

test('a training reports its progress and its history', async () => {
  const seen = []
  const fitted = await network(3).fit(x, WIDTH, { onProgress: (progress) => seen.push(progress) })
  assert.deepEqual(seen.map(({ stage, epoch, epochs }) => [stage, epoch, epochs]), [1, 2, 3].map((epoch) => ['autoencoder', epoch, 3]))
  assert.ok(seen.every(({ trainingLoss, validationLoss }) => trainingLoss > 0 && validationLoss > 0))
  const { epochs, bestEpoch, stopped } = fitted.history
  assert.deepEqual([epochs.length, stopped], [3, 'finished'])
  assert.equal(epochs[2].trainingLoss, seen[2].trainingLoss)
  assert.ok(bestEpoch >= 1 && bestEpoch <= 3)
  assert.equal((await new IsolationForest({ trees: 5 }).fit(x, WIDTH)).history, null)
})

test('`false` ends a training, and a checkpoint goes on with the same bits', async () => {
  const checkpoint = join(folder, 'run.checkpoint')
  const part = await network(4).fit(x, WIDTH, { checkpoint, onProgress: ({ epoch }) => epoch < 2 })
  assert.deepEqual([part.history.stopped, part.history.epochs.length], ['cancelled', 2])
  const whole = await network(4).fit(x, WIDTH)
  const resumed = await network(4).fit(x, WIDTH, { resume: checkpoint })
  assert.deepEqual(await resumed.score(x, WIDTH), await whole.score(x, WIDTH))
  await assert.rejects(network(5).fit(x, WIDTH, { resume: checkpoint }), { code: 'invalid_argument', message: /resume/ })
  await assert.rejects(network(5).fit(x, WIDTH, { resume: join(folder, 'none') }), { code: 'io' })
})

test('what a watcher throws, and a training that runs away, reject', async () => {
  const thrown = network(3).fit(x, WIDTH, { onProgress: () => { throw new Error('mine') } })
  await assert.rejects(thrown, { code: 'invalid_argument', message: /onProgress.*mine/ })
  const wild = new Autoencoder({ training: { learningRate: 1e30, epochs: 9 } })
  await assert.rejects(wild.fit(x, WIDTH), { name: 'QosguardError', code: 'training', message: /autoencoder, step/ })
})

test('entities have networks of their own', async () => {
  const byLink = Float32Array.from(x, (value, i) => (i % WIDTH === 0 ? Math.floor(i / WIDTH) % 2 : value))
  const autoencoder = { widths: [4], latent: 1, training: { epochs: 2 } }
  const fitted = await new EntityAutoencoders({ entity: 0, minRows: 100, autoencoder }).fit(byLink, WIDTH)
  assert.ok((await fitted.score(byLink, WIDTH)).every(Number.isFinite))

  const flows = await simulate({ rows: 2000 })
  const guard = await Guard.fit(flows, { detector: new EntityAutoencoders({ entity: 'service', autoencoder }) })
  assert.ok((await guard.assess(flows)).scores.every(Number.isFinite))
  const mistyped = new EntityAutoencoders({ entity: 'servise', autoencoder })
  await assert.rejects(Guard.fit(flows, { detector: mistyped }), { code: 'invalid_argument', message: /servise/ })
})

test('a mixture returns gate weights, alone and in the verdicts of a guard', async () => {
  const experts = [
    { name: 'boosted', detector: new BoostedTrees({ trees: 10 }) },
    { name: 'forest', detector: new IsolationForest({ trees: 10 }) },
  ]
  const mixture = new MixtureOfExperts({ experts, training: { epochs: 2, validationShare: 0 } })
  const fitted = await mixture.fit(x, WIDTH, { labels })
  assert.deepEqual(fitted.experts, ['boosted', 'forest'])
  const weights = await fitted.gateWeights(x, WIDTH)
  for (let row = 0; row < ROWS; row += 1) assert.ok(Math.abs(weights[2 * row] + weights[2 * row + 1] - 1) < 1e-5)
  assert.deepEqual(fitted.report.experts.map(({ name }) => name), ['boosted', 'forest'])

  const flows = await simulate({ rows: 2000, attackShare: 0.2 })
  const stages = new Set()
  const guard = await Guard.fit(flows, { detector: mixture, onProgress: ({ stage }) => stages.add(stage) })
  assert.ok(stages.size > 0)
  const out = await guard.assess(flows)
  assert.deepEqual(out.experts, ['boosted', 'forest'])
  assert.deepEqual(out.decisions[5].evidence, out.experts.map((name, i) => ({ kind: 'expert', name, pValue: null, weight: out.gateWeights[10 + i] })))
  assert.throws(() => new MixtureOfExperts({ experts: [{ name: 'a' }] }), { code: 'invalid_argument', message: /experts\[0\].detector/ })
})

test('networks are trained with the gate of a mixture', async () => {
  const experts = [
    { name: 'forest', detector: new IsolationForest({ trees: 10 }) },
    { name: 'network', joint: true, detector: new NeuralClassifier() },
  ]
  const fitted = await new MixtureOfExperts({ experts, training: { epochs: 2 } }).fit(x, WIDTH, { labels })
  assert.deepEqual(fitted.experts, ['forest', 'network'])
  const wrong = new MixtureOfExperts({ experts: [{ ...experts[0], joint: true }, experts[0]] })
  await assert.rejects(wrong.fit(x, WIDTH, { labels }), { code: 'invalid_argument', message: /experts\[0\].joint/ })
})

test('a released guard of networks gives the bits that Rust gives', async () => {
  const guard = await Guard.load(new URL('../../../tests/models/v3.qosguard', import.meta.url).pathname)
  const out = await guard.assess(await simulate({ rows: 1000, attackShare: 0.2, seed: 1 }))
  assert.equal(new Uint32Array(out.scores.slice(0, 1).buffer)[0], 0xbe80dedb)
  assert.equal(out.gateWeights.length, 6 * 1000)
})
