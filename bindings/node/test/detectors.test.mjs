// Every detector through one class of settings and one of fitted ones.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  Autoencoder, BoostedTrees, ContrastTrees, Detector, Ensemble, EntityAutoencoders, FittedDetector, GaussianMixture,
  HalfSpaceTrees, IsolationForest,
  Kitsune, LogisticRegression, MixtureOfExperts, NeuralClassifier,
} from 'qosguard'

const ROWS = 600
const WIDTH = 4
/** The second feature follows the first; every tenth row is an attack, far from the others. */
const x = new Float32Array(ROWS * WIDTH)
const labels = Array.from({ length: ROWS }, (_, row) => row % 10 === 9)
for (let row = 0; row < ROWS; row += 1) {
  for (let j = 0; j < WIDTH; j += 1) x[row * WIDTH + j] = Math.sin((row * WIDTH + j) * 12.9898)
  x[row * WIDTH + 1] = x[row * WIDTH] + 0.1 * x[row * WIDTH + 1]
  if (labels[row]) x[row * WIDTH + 2] += 6
}
const ensemble = (...members) => new Ensemble({ members: members.map((detector, i) => ({ name: `m${i}`, weight: i + 1, detector })) })

/** Settings small enough for a test, and whether they learn classes. */
const DETECTORS = {
  IsolationForest: [new IsolationForest({ trees: 20, seed: 1 }), null],
  'IsolationForest of planes': [new IsolationForest({ trees: 20, splits: { kind: 'pooled_gain', features: 2 }, scoring: 'density' }), null],
  GaussianMixture: [new GaussianMixture({ components: 2, covariance: 'diagonal', maxIterations: 20 }), null],
  HalfSpaceTrees: [new HalfSpaceTrees({ trees: 10, depth: 5, window: 100 }), null],
  ContrastTrees: [new ContrastTrees({ boosters: 1, trees: 5, maxSamples: 500 }), ['clean', 'pieced']],
  BoostedTrees: [new BoostedTrees({ trees: 10, minRowsPerLeaf: 5, earlyStopping: { share: 0.2, patience: 3 } }), ['clean', 'attack']],
  LogisticRegression: [new LogisticRegression({ classWeight: 'balanced' }), ['clean', 'attack']],
  Ensemble: [ensemble(new IsolationForest({ trees: 20 }), new GaussianMixture({ components: 2 })), null],
  Autoencoder: [new Autoencoder({ widths: [8], latent: 2, training: { epochs: 3 } }), null],
  Kitsune: [new Kitsune({ mappingRows: 100, trainingRows: 200 }), null],
  NeuralClassifier: [new NeuralClassifier({ training: { epochs: 3 } }), ['clean', 'attack']],
  MixtureOfExperts: [
    new MixtureOfExperts({
      experts: [
        { name: 'boosted', detector: new BoostedTrees({ trees: 10 }) },
        { name: 'forest', detector: new IsolationForest({ trees: 10 }) },
      ],
      training: { epochs: 2, validationShare: 0 },
    }),
    ['clean', 'attack'],
  ],
}
/** Their score belongs to no single features. */
const UNEXPLAINED = new Set(['IsolationForest of planes', 'HalfSpaceTrees'])

/** Base and contributions sum to the scores. */
function sums({ base, contributions, scores }, rounded) {
  assert.ok(contributions instanceof Float64Array && contributions.length === ROWS * WIDTH)
  for (let row = 0; row < ROWS; row += 1) {
    const sum = contributions.subarray(row * WIDTH, (row + 1) * WIDTH).reduce((a, b) => a + b, base)
    assert.ok(Math.abs(sum - scores[row]) <= 1e-9 * Math.max(1, Math.abs(sum)), `row ${row}`)
    assert.ok(Math.abs(scores[row] - rounded[row]) <= 1e-5 * Math.max(1, Math.abs(sum)), `row ${row}`)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'qosguard-'))
after(() => rmSync(folder, { recursive: true }))

const refused = (promise, code, message = /./) => assert.rejects(promise, { name: 'QosguardError', code, message })

for (const [name, [settings, classes]] of Object.entries(DETECTORS)) {
  test(`${name} fits, scores, explains and comes back from its bytes`, async () => {
    const detector = await settings.fit(x, WIDTH, { labels })
    assert.ok(settings instanceof Detector && detector instanceof FittedDetector)
    assert.equal(detector.nFeatures, WIDTH)
    const scores = await detector.score(x, WIDTH)
    assert.ok(scores instanceof Float32Array && scores.length === ROWS && scores.every(Number.isFinite))
    assert.deepEqual(detector.scoreSync(x, WIDTH), scores)
    assert.deepEqual((await settings.fit(x, WIDTH, { labels })).scoreSync(x, WIDTH), scores)

    const explanation = await detector.explain(x, WIDTH).catch((error) => error)
    if (UNEXPLAINED.has(name)) {
      assert.equal(explanation.code, 'invalid_argument')
    } else {
      sums(explanation, scores)
    }

    assert.deepEqual(detector.classes, classes)
    if (classes) {
      const p = await detector.probabilities(x, WIDTH)
      assert.equal(p.length, ROWS * 2)
      for (let row = 0; row < ROWS; row += 1) assert.ok(Math.abs(p[2 * row] + p[2 * row + 1] - 1) < 1e-12)
    } else {
      await refused(detector.probabilities(x, WIDTH), 'invalid_argument', /a classifier/)
    }

    const path = join(folder, 'detector')
    assert.equal(await detector.save(path), undefined)
    const bytes = detector.toBuffer()
    assert.deepEqual(readFileSync(path), bytes)
    for (const again of [await FittedDetector.load(path), await FittedDetector.fromBuffer(bytes)]) {
      assert.deepEqual(again.scoreSync(x, WIDTH), scores)
      assert.deepEqual(again.classes, classes)
    }
    await refused(FittedDetector.fromBuffer(bytes.subarray(1)), 'corrupt_artifact')

    await refused(detector.score(x.subarray(0, 6), 3), 'shape_mismatch')
    await refused(detector.explain(x, 7), 'shape_mismatch')
    await refused(settings.fit(x.subarray(0, WIDTH), WIDTH, { labels: [true] }), 'insufficient_data')
    await refused(settings.fit(x, WIDTH, { label: labels }), 'invalid_argument', /labels/)
    await refused(settings.fit(Array.from(x), WIDTH), 'invalid_argument')
  })
}

test('what learns from labels needs them, of both classes and one per row', async () => {
  for (const settings of [new BoostedTrees(), new LogisticRegression(), ensemble(new IsolationForest(), new BoostedTrees())]) {
    await refused(settings.fit(x, WIDTH), 'insufficient_data')
    await refused(settings.fit(x, WIDTH, { labels: labels.map(() => false) }), 'insufficient_data')
    await refused(settings.fit(x, WIDTH, { labels: labels.slice(1) }), 'shape_mismatch')
    await refused(settings.fit(x, WIDTH, { labels: labels.map(Number) }), 'invalid_argument')
  }
})

test('labels separate attacks', async () => {
  const detector = await new BoostedTrees({ trees: 20 }).fit(x, WIDTH, { labels })
  const scores = detector.scoreSync(x, WIDTH)
  const least = Math.min(...scores.filter((_, row) => labels[row]))
  assert.ok(scores.every((score, row) => labels[row] || score < least))
  const { contributions } = await detector.explain(x, WIDTH)
  for (let row = 9; row < ROWS; row += 10) {
    const parts = contributions.subarray(row * WIDTH, (row + 1) * WIDTH)
    assert.equal(parts.indexOf(Math.max(...parts)), 2, `row ${row}`)
  }
})

test('an ensemble shows its members and does without one', async () => {
  const settings = ensemble(new IsolationForest({ trees: 20 }), new GaussianMixture({ components: 2 }))
  const fitted = await settings.fit(x, WIDTH)
  assert.deepEqual(fitted.members, [
    { name: 'm0', weight: 1, isEnabled: true },
    { name: 'm1', weight: 2, isEnabled: true },
  ])
  const p = await fitted.pValues(x, WIDTH)
  assert.ok(p instanceof Float64Array && p.length === 2 * ROWS && p.every((value) => value > 0 && value <= 1))
  const scores = fitted.scoreSync(x, WIDTH)
  for (let row = 0; row < ROWS; row += 50) {
    const evidence = (-Math.log(p[2 * row]) - 2 * Math.log(p[2 * row + 1])) / 3
    assert.ok(Math.abs(scores[row] - evidence) < 1e-5 * Math.max(1, evidence), `row ${row}`)
  }

  const rest = fitted.without('m1')
  assert.deepEqual(rest.members.map(({ isEnabled }) => isEnabled), [true, false])
  assert.ok((await rest.pValues(x, WIDTH)).every((value, i) => (i % 2 === 0 ? value === p[i] : Number.isNaN(value))))
  assert.throws(() => rest.without('m0'), { name: 'QosguardError', code: 'invalid_argument' })
  assert.throws(() => fitted.without('other'), { code: 'invalid_argument', message: /m0.*m1.*other/ })
  const single = await new IsolationForest({ trees: 5 }).fit(x, WIDTH)
  assert.deepEqual(single.members, [])
  assert.throws(() => single.without('m0'), { code: 'invalid_argument', message: /ensemble/ })
  await refused(single.pValues(x, WIDTH), 'invalid_argument', /ensemble/)
})

test('ensembles that serve without tuning are ensembles', () => {
  const names = (settings) => settings.toObject().members.map(({ name }) => name)
  assert.deepEqual(names(Ensemble.clean(1000, { seed: 3 })), ['forest', 'mixture', 'contrast'])
  assert.deepEqual(names(Ensemble.labelled(1000)), ['forest', 'mixture', 'contrast', 'boosted'])
  assert.deepEqual(names(Ensemble.mixed({ seed: 2 ** 40 })), ['gain', 'deep_gain', 'density'])
  assert.equal(Ensemble.clean(1000, { seed: 3 }).toObject().seed, 3)
  assert.ok(Ensemble.mixed() instanceof Ensemble)
  const { kind, ...options } = Ensemble.clean(5000, { seed: 2 ** 40 }).toObject()
  assert.deepEqual(new Detector(kind, options).toObject(), { kind, ...options })
  for (const bad of [-1, 1.5, NaN, '3']) assert.throws(() => Ensemble.clean(bad), { code: 'invalid_argument' })
  assert.throws(() => Ensemble.mixed({ sead: 3 }), { code: 'invalid_argument', message: /seed.*sead/ })
})

test('errors name the setting that is wrong', () => {
  const cyclic = {}
  cyclic.kind = cyclic
  const cases = [
    [IsolationForest, { trees: 'many' }, /`trees`.*whole number.*"many"/],
    [IsolationForest, { trees: -1 }, /`trees`.*-1/],
    [IsolationForest, { maxSamples: 1.5 }, /`maxSamples`.*1.5/],
    [IsolationForest, { trees: NaN }, /`trees`.*finite/],
    [IsolationForest, { seed: 2 ** 53 }, /`seed`.*9007199254740992/],
    [IsolationForest, { seed: null }, /`seed`.*null/],
    [IsolationForest, { max_samples: 3 }, /`max_samples` is unknown.*maxSamples/],
    [IsolationForest, { kind: 'gaussian_mixture' }, /`kind` is unknown.*trees/],
    [IsolationForest, { nEstimators: undefined }, /`nEstimators` is unknown.*trees/],
    [IsolationForest, { splits: 'fair_cut' }, /`splits`/],
    [IsolationForest, { splits: { kind: 'fair_cut' } }, /`splits\.kind`.*fair_cut/],
    [IsolationForest, { splits: cyclic }, /`splits`/],
    [IsolationForest, { categorical: new Array(2 ** 32 - 1) }, /`categorical`/],
    [IsolationForest, { scoring: () => 'depth' }, /`scoring`/],
    [GaussianMixture, { tolerance: Infinity }, /`tolerance`.*finite/],
    [GaussianMixture, { tolerance: 'x' }, /`tolerance`.*a number/],
    [BoostedTrees, { earlyStopping: { share: 0.1 } }, /`earlyStopping\.patience` is missing/],
    [BoostedTrees, { earlyStopping: [0.1, 3] }, /`earlyStopping`.*object/],
    [BoostedTrees, { earlyStopping: { share: 0.1, patience: 3, pace: 1 } }, /`earlyStopping\.pace` is unknown/],
    [LogisticRegression, { classWeight: 'even' }, /`classWeight`.*balanced.*even/],
    [Ensemble, { members: 3 }, /`members`/],
    [Ensemble, { members: [{ name: 'a' }] }, /`members\[0\].detector`/],
    [Ensemble, { members: [{ name: 'a', detector: {} }] }, /`members\[0\].detector`/],
    [Ensemble, { members: [{ detector: new IsolationForest() }] }, /`members\[0\]\.name` is missing/],
    [Ensemble, { members: [{ name: 'a', weigth: 1, detector: new IsolationForest() }] }, /`members\[0\]\.weigth` is unknown/],
    [IsolationForest, 3, /object/],
    [Ensemble, 'members', /object/],
  ]
  for (const [Settings, options, message] of cases) {
    assert.throws(() => new Settings(options), { name: 'QosguardError', code: 'invalid_argument', message })
  }
  assert.throws(() => new Detector('forest'), { name: 'QosguardError', code: 'invalid_argument', message: /`kind`.*isolation_forest.*forest/ })
  const own = new RangeError('mine')
  assert.throws(() => new IsolationForest({ get trees() { throw own } }), (error) => error === own)
  assert.throws(() => new IsolationForest({ splits: { get kind() { throw own } } }), (error) => error === own)
})

test('a setting outside its domain is rejected when fitting', async () => {
  await refused(new HalfSpaceTrees({ depth: 40 }).fit(x, WIDTH), 'invalid_argument', /depth/)
  await refused(new Ensemble().fit(x, WIDTH), 'invalid_argument', /members/)
  await refused(ensemble(ensemble(new IsolationForest())).fit(x, WIDTH), 'invalid_argument', /no ensemble/)
  const twins = ['a', 'a'].map((name) => ({ name, weight: 1, detector: new IsolationForest({ trees: 5 }) }))
  await refused(new Ensemble({ members: twins }).fit(x, WIDTH), 'invalid_argument', /name/)
})

test('documented settings and defaults are as in the core', () => {
  const text = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8')
  const Classes = {
    Autoencoder, BoostedTrees, ContrastTrees, Ensemble, EntityAutoencoders, GaussianMixture, HalfSpaceTrees,
    IsolationForest, Kitsune, LogisticRegression, MixtureOfExperts, NeuralClassifier,
  }
  for (const [name, Settings] of Object.entries(Classes)) {
    const [, body] = text.match(new RegExp(`^export interface ${name}Options \\{\\n([\\s\\S]*?)^\\}`, 'm'))
    const documented = [...body.matchAll(/^ {2}\/\*\* (.*) \*\/\n {2}(\w+)\?:/gm)].map(([, doc, key]) => [key, doc])
    let known
    assert.throws(() => new Settings({ '?': 1 }), ({ message }) => {
      [, known] = message.match(/the names are (.*)$/)
      return true
    })
    assert.deepEqual(documented.map(([key]) => key).sort(), known.split(', ').sort(), name)
    const defaults = new Settings().toObject()
    for (const [key, doc] of documented) {
      const [, number] = doc.match(/; default: ([\d.,e-]*\d)\.(?: |$)/) ?? []
      if (!number || !(key in defaults)) continue
      // Some settings of networks are held in 32 bits.
      assert.equal(Math.fround(defaults[key]), Math.fround(Number(number.replaceAll(',', ''))), `${name}.${key}`)
    }
  }
})
