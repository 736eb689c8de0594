// One error class with a kind; a promise rejects and never throws; a misspelt setting is an error.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as qosguard from 'qosguard'

const { IsolationForest, QosguardError, Schema, readCsv, simulate } = qosguard

test('errors are QosguardErrors with a kind', async () => {
  const error = await readCsv('/nowhere.csv').catch((e) => e)
  assert.ok(error instanceof QosguardError)
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'QosguardError')
  assert.equal(error.code, 'io')
  assert.match(String(error), /^QosguardError: cannot access \/nowhere\.csv: /)
})

test('errors have the values of their message by name', async () => {
  const flows = await simulate({ rows: 200, seed: 1 })
  const x = new Float32Array(200).map(Math.sin)
  const detector = await new IsolationForest({ trees: 5 }).fit(x, 2)
  for (const [call, code, details] of [
    [() => new IsolationForest({ trees: 0 }).fit(x, 2), 'invalid_argument',
      { path: 'trees', problem: 'out_of_domain', expected: 'in 1..=10000', got: '0' }],
    [() => qosguard.Guard.fit(flows, { falsePositiveRate: 5 }), 'invalid_argument',
      { path: 'falsePositiveRate', problem: 'out_of_domain', expected: 'above 0 and below 1', got: '5' }],
    [() => readCsv('/nowhere.csv'), 'io', { file: '/nowhere.csv', errno: 2 }],
    [() => detector.scoreSync(Float32Array.of(1, 2, NaN, 4), 2), 'not_finite', { row: 1, column: '0', value: 'NaN' }],
    [() => detector.score(Float32Array.of(1, 2, 3, -Infinity), 2), 'not_finite', { row: 1, column: '1', value: '-inf' }],
  ]) {
    const error = await (async () => call())().catch((e) => e)
    assert.equal(error.code, code)
    assert.deepEqual(error.details, details)
    assert.ok(!('cause' in error), 'the details are moved out of the cause')
  }
  assert.throws(() => new IsolationForest({ maxSample: 2 }), ({ details: { path, problem, known } }) => {
    assert.deepEqual([path, problem], ['maxSample', 'unknown'])
    return known.includes('maxSamples')
  })
  const stream = qosguard.open('/nowhere.csv')
  await assert.rejects(stream.read(), { details: { file: '/nowhere.csv', errno: 2 } })
  assert.throws(() => qosguard.Policy.fromToml('version = 1\nallow = ["010.0.0.0/8"]\n'), ({ details: { path, line, problem } }) => {
    assert.deepEqual([path, line, problem], ['allow[0]', 2, 'out_of_domain'])
    return true
  })
})

test('errors whose message has no values have empty details', async () => {
  await assert.rejects(simulate(3), { code: 'invalid_argument' })
  await assert.rejects(qosguard.Guard.fromBuffer('text'), { code: 'invalid_argument', details: {} })
  const signal = AbortSignal.abort()
  await assert.rejects(simulate({ rows: 10, signal }), { code: 'cancelled', details: {} })
})

test('what returns a promise never throws', async () => {
  const text = readFileSync(new URL('../native.d.ts', import.meta.url), 'utf8')
  const calls = [...text.matchAll(/^export declare function (\w+)\(.*: Promise</gm)].map(([, name]) => [name, qosguard[name]])
  for (const [, name, body] of text.matchAll(/^export declare class (\w+) \{\n([\s\S]*?)^\}/gm)) {
    for (const [, isStatic, member] of body.matchAll(/^ {2}(static )?(\w+)\(.*: Promise</gm)) {
      const owner = isStatic ? qosguard[name] : qosguard[name].prototype
      calls.push([`${name}.${member}`, owner[member].bind(owner)])
    }
  }
  assert.ok(calls.length >= 10, `only ${calls.length} calls found`)
  for (const [name, call] of calls) {
    const promise = call(Symbol('no argument of any function'))
    assert.ok(promise instanceof Promise, name)
    await assert.rejects(promise, name)
  }
})

test('an unknown setting is rejected and the known ones are named', async () => {
  await assert.rejects(simulate({ atackShare: 0.1 }), { code: 'invalid_argument', message: /attackShare.*atackShare/ })
  assert.throws(() => new IsolationForest({ nEstimators: 10 }), { code: 'invalid_argument', message: /`nEstimators` is unknown here; the names are trees/ })
  await assert.rejects(simulate(3), { code: 'invalid_argument' })
  await assert.rejects(simulate('rows'), { code: 'invalid_argument' })
})

test('every documented setting is known', async () => {
  const text = readFileSync(new URL('../native.d.ts', import.meta.url), 'utf8')
  const settings = (name) => {
    const [, body] = text.match(new RegExp(`^export interface ${name} \\{\\n([\\s\\S]*?)^\\}`, 'm'))
    return [...body.matchAll(/^ {2}(\w+)\?:/gm)].map(([, key]) => key)
  }
  const all = (name) => Object.fromEntries(settings(name).map((key) => [key, undefined]))
  assert.equal((await simulate({ ...all('SimulateOptions'), rows: 10 })).numRows, 10)
  await assert.rejects(readCsv('/nowhere.csv', all('ReadOptions')), { code: 'io' })
  const scores = new Float32Array([1, 2])
  assert.equal((await qosguard.evaluate(scores, [false, true], 1.5, all('EvaluateOptions'))).rows, 2)
  const flows = await simulate({ rows: 1000 })
  assert.ok(await qosguard.Guard.fit(flows, all('GuardOptions')))
})

test('an object of another class is rejected', async () => {
  const flows = await simulate({ rows: 10 })
  await assert.rejects(readCsv('/nowhere.csv', { schema: flows }), { code: 'invalid_argument', message: /Schema/ })
  assert.throws(() => qosguard.Table.fromRecords([], flows), { code: 'invalid_argument' })
  assert.throws(() => Schema.prototype.withRole.call(flows, 'a', 'ignore'), TypeError)
})

test('what the caller\'s own code throws comes through untouched', async () => {
  const own = Object.assign(new RangeError('mine'), { code: 'MINE' })
  const options = { get rows() { throw own } }
  await assert.rejects(simulate(options), (error) => error === own && error.constructor === RangeError)
})

/** Every function and method, with an instance of each class. */
async function everyCall() {
  const flows = await simulate({ rows: 500, attackShare: 0.1, seed: 1 })
  const guard = await qosguard.Guard.fit(flows, { detector: new IsolationForest({ trees: 5 }) })
  const instances = {
    Assessment: await guard.assess(flows), Detector: new IsolationForest({ trees: 5 }), Guard: guard,
    FittedDetector: await new IsolationForest({ trees: 5 }).fit(new Float32Array(200).map(Math.sin), 2),
    GuardExplanation: await guard.explain(flows), Policy: new qosguard.Policy(), Schema: flows.schema, Table: flows,
  }
  const text = readFileSync(new URL('../native.d.ts', import.meta.url), 'utf8')
  const calls = [...text.matchAll(/^export declare function (\w+)\((.*)\):/gm)].map(([, name, args]) => [name, args, qosguard[name]])
  for (const [, name, body] of text.matchAll(/^export declare class (\w+) \{\n([\s\S]*?)^\}/gm)) {
    for (const [, isStatic, member, args] of body.matchAll(/^ {2}(static )?(\w+)\((.*)\):/gm)) {
      const owner = isStatic ? qosguard[name] : instances[name]
      if (owner) calls.push([`${name}.${member}`, args, owner[member].bind(owner)])
    }
  }
  return calls.filter(([name]) => name !== 'probe' && !name.endsWith('.stop'))
}

test('messages about arguments of another type name no type of Rust', async () => {
  const wrong = ['text', 3, true, null, Symbol('s'), 10n, {}, [], [{}], () => 0, new Date(0), new Float32Array(2), await simulate({ rows: 2 })]
  const seen = new Set()
  for (const [name, args, call] of await everyCall()) {
    const count = args === '' ? 0 : args.split(/,(?![^<]*>)/).length
    const given = wrong.flatMap((value) => Array.from({ length: count }, (_, at) => wrong.slice(0, at).concat([value])))
    for (const list of given.concat([wrong.slice(0, count)])) {
      try {
        await call(...list)
      } catch (error) {
        if (error.code === 'invalid_argument') seen.add(`${name}: ${error.message}`)
      }
    }
  }
  const foreign = [...seen].filter((message) => /rust|napi|Option<|Expect value|f64|usize|u64|Vec<|non of these/i.test(message))
  assert.deepEqual(foreign, [])
  assert.ok(seen.size > 50, `only ${seen.size} messages`)
})

test('options of another type are named', async () => {
  const flows = await simulate({ rows: 200 })
  for (const [options, message] of [
    [{ falsePositiveRate: '0.1' }, '`falsePositiveRate` must be a number, got text'],
    [{ falsePositiveRate: 5 }, '`falsePositiveRate` must be above 0 and below 1, got 5'],
    [{ checkpoint: 3 }, '`checkpoint` must be text, got a number'],
  ]) {
    await assert.rejects(qosguard.Guard.fit(flows, options), { code: 'invalid_argument', message })
  }
})
