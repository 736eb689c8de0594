// Models of other libraries: what they score is what those libraries said (tests/oracle/tree_import.py).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BoostedTrees, FittedDetector, IsolationForest, TreeEnsemble } from 'qosguard'

const cases = JSON.parse(readFileSync(new URL('../../../tests/oracle/tree_import.json', import.meta.url), 'utf8'))
const READ = { lightgbm: TreeEnsemble.fromLightgbm, xgboost: TreeEnsemble.fromXgboostJson, sklearn: TreeEnsemble.fromSklearnJson }
const refused = (promise, code, message = /./) => assert.rejects(promise, { name: 'QosguardError', code, message })

for (const { library, name, model, x: rows, margins, probabilities } of cases) {
  test(`${library}, ${name}`, async () => {
    const width = rows[0].length
    const x = new Float32Array(rows.flat().map((value) => value ?? NaN))
    const detector = await READ[library](model)
    assert.ok(detector instanceof FittedDetector)
    const k = detector.classes.length
    const p = await detector.probabilities(x, width)
    assert.equal(p.length, rows.length * k)
    probabilities.forEach((of, row) => {
      // Of two classes some libraries give the second alone.
      const expected = of.length === 1 ? [1 - of[0], of[0]] : of
      expected.forEach((value, i) => assert.ok(Math.abs(p[row * k + i] - value) < 2e-6, `row ${row}, class ${i}`))
    })
    const scores = detector.scoreSync(x, width)
    if (margins && k === 2) margins.forEach(([margin], row) => assert.ok(Math.abs(scores[row] - margin) <= 1e-6 * Math.max(1, Math.abs(margin))))

    const again = await FittedDetector.fromBuffer(detector.toBuffer())
    assert.deepEqual(again.scoreSync(x, width), scores)
    const onnx = detector.toOnnx()
    assert.ok(onnx instanceof Buffer && onnx.includes('TreeEnsemble'))

    const clean = detector.classes.at(-1)
    const turned = await READ[library](model, { cleanClass: clean })
    assert.equal(turned.classes[0], clean)
    const names = detector.classes.map((_, i) => `class ${i}`)
    assert.deepEqual((await READ[library](model, { classes: names })).classes, names)
  })
}

test('the file of an XGBoost classifier, in UBJSON', async () => {
  const path = (suffix) => new URL(`../../../tests/oracle/xgboost_classifier.${suffix}`, import.meta.url)
  const bytes = readFileSync(path('ubj'))
  const { x: rows, probabilities } = JSON.parse(readFileSync(path('json'), 'utf8'))
  const x = new Float32Array(rows.flat().map((value) => value ?? NaN))
  const detector = await TreeEnsemble.fromXgboostBuffer(bytes, { missing: 0 })
  const p = await detector.probabilities(x, 3)
  probabilities.forEach((value, row) => assert.ok(Math.abs(p[2 * row + 1] - value) < 2e-6, `row ${row}`))
  const again = await FittedDetector.fromBuffer(detector.toBuffer())
  assert.deepEqual(again.scoreSync(x, 3), detector.scoreSync(x, 3))
  const without = await TreeEnsemble.fromXgboostBuffer(bytes)
  assert.notDeepEqual(without.scoreSync(x, 3), detector.scoreSync(x, 3))
  await refused(TreeEnsemble.fromXgboostBuffer(Buffer.from([0x80, 4, 0x95])), 'bad_record', /pickled Python object/)
  await refused(TreeEnsemble.fromXgboostBuffer(bytes.subarray(0, 900)), 'bad_record', /byte 900/)
  await refused(TreeEnsemble.fromXgboostBuffer(bytes, { missing: 'a' }), 'invalid_argument', /missing/)
})

test('numbers of a Float64Array are compared in 64 bits, as LightGBM compares them', async () => {
  const text = `tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=0
objective=binary sigmoid:1
feature_names=start

Tree=0
num_leaves=3
num_cat=0
split_feature=0 0
threshold=1700000010.5 1700000020.5
decision_type=2 2
left_child=-1 -2
right_child=1 -3
leaf_value=1 2 4
is_linear=0

end of trees
`
  const seconds = new Float64Array([1700000010.5, 1700000010.6, 1700000020.5, 1700000020.6, 1e39])
  const detector = await TreeEnsemble.fromLightgbm(text)
  for (const each of [detector, await FittedDetector.fromBuffer(detector.toBuffer())]) {
    assert.deepEqual([...each.scoreSync(seconds, 1)], [1, 2, 2, 4, 4])
    assert.deepEqual([...(await each.score(seconds, 1))], [1, 2, 2, 4, 4])
    assert.deepEqual([...(await each.explain(seconds, 1)).scores], [1, 2, 2, 4, 4])
    const p = await each.probabilities(seconds, 1)
    assert.deepEqual([p[1], p[3]], [1 / (1 + Math.exp(-1)), 1 / (1 + Math.exp(-2))])
    // The nearest number of 32 bits lies below both thresholds.
    assert.deepEqual([...each.scoreSync(Float32Array.from(seconds.slice(0, 4)), 1)], [1, 1, 1, 1])
  }
  await refused(detector.score(new Float64Array([0, Infinity]), 1), 'not_finite', /row 1, column `0`/)
  await refused(detector.score(new Int32Array(2), 1), 'invalid_argument', /Float32Array or a Float64Array/)
  // Any other detector rounds.
  const x = new Float32Array(400).map((_, i) => Math.sin(i))
  const forest = await new IsolationForest({ trees: 3 }).fit(x, 2)
  assert.deepEqual(forest.scoreSync(new Float64Array(x), 2), forest.scoreSync(x, 2))
})

test('a file that is not a model is an error of its kind', async () => {
  for (const read of Object.values(READ)) {
    for (const text of ['', '{}', '[]', 'tree\n', '{"trees": [', '['.repeat(1e6)]) {
      const error = await read(text).then(() => null, (failure) => failure)
      assert.ok(['bad_record', 'invalid_argument'].includes(error?.code), `${text.slice(0, 9)}: ${error}`)
    }
    await refused(read(3), 'invalid_argument')
    await refused(read(Buffer.from('tree')), 'invalid_argument')
    await refused(read('', { cleanClas: 'a' }), 'invalid_argument', /cleanClass/)
  }
  const { model } = cases.find(({ library }) => library === 'lightgbm')
  await refused(TreeEnsemble.fromLightgbm(model, { classes: ['one'] }), 'invalid_argument')
  await refused(TreeEnsemble.fromLightgbm(model, { cleanClass: 'none such' }), 'invalid_argument', /none such/)
  await refused(TreeEnsemble.fromLightgbm(model.replace(/left_child=\S+/, 'left_child=0')), 'invalid_argument')
})

test('own trees have an ONNX file, other detectors have none', async () => {
  const x = new Float32Array(800).map((_, i) => Math.sin(i * 12.9898))
  const labels = Array.from({ length: 200 }, (_, row) => x[4 * row] > 0.5)
  const trees = await new BoostedTrees({ trees: 3 }).fit(x, 4, { labels })
  assert.ok(trees.toOnnx().includes('TreeEnsemble'))
  const forest = await new IsolationForest({ trees: 3 }).fit(x, 4)
  assert.throws(() => forest.toOnnx(), { name: 'QosguardError', code: 'invalid_argument', message: /trees/ })
})
