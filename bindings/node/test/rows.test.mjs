// Large results: nothing is converted before it is read, and a loop over all rows lets the event loop run.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect, promisify } from 'node:util'
import * as qosguard from 'qosguard'

const { Guard, IsolationForest, simulate } = qosguard
const ROWS = 200_000
const BOUND_MS = 5
const run = promisify(execFile)

let flows
let out
let explanation
before(async () => {
  flows = await simulate({ rows: ROWS, seed: 5 })
  const guard = await Guard.fit(flows.slice(0, 4000), { detector: new IsolationForest({ trees: 10, seed: 1 }) })
  out = await guard.assess(flows)
  explanation = await guard.explain(flows.slice(0, 2000))
})

/**
 * A loop over all rows in a process of its own, since the test runner slows promises down: rows, and the 99th percentile of
 * the milliseconds between two turns of the event loop. In processor time: on a machine that does other things too,
 * `monitorEventLoopDelay` would measure these.
 */
const LOOP = `
  const { Guard, IsolationForest, simulate } = require(${JSON.stringify(fileURLToPath(new URL('../index.js', import.meta.url)))})
  async function main() {
    const flows = await simulate({ rows: ${ROWS}, seed: 5 })
    const guard = await Guard.fit(flows.slice(0, 4000), { detector: new IsolationForest({ trees: 10 }) })
    const rows = process.argv[1] === 'decisions' ? (await guard.assess(flows)).decisions : flows
    const turns = []
    let since = process.cpuUsage()
    let count = 0
    const turn = () => {
      const { user, system } = process.cpuUsage(since)
      since = process.cpuUsage()
      turns.push((user + system) / 1000)
      if (count < ${ROWS}) setImmediate(turn)
    }
    setImmediate(turn)
    for await (const row of rows) count += Number(row !== null)
    turns.sort((a, b) => a - b)
    console.log(JSON.stringify({ count, p99: turns[Math.floor(0.99 * turns.length)] }))
  }
  main()`

for (const what of ['decisions', 'records']) {
  test(`the event loop runs while ${what} are read`, async () => {
    const { stdout } = await run(process.execPath, ['-e', LOOP, what])
    const { count, p99 } = JSON.parse(stdout)
    assert.equal(count, ROWS)
    assert.ok(p99 <= BOUND_MS, `p99 ${p99} ms`)
  })
}

test('having decisions, and reading a few, takes no time', () => {
  const since = performance.now()
  const { decisions } = out
  const few = [decisions[0], decisions.at(-1), ...decisions.slice(100, 110), decisions.find(({ row }) => row === 5)]
  assert.ok(performance.now() - since < 100)
  assert.deepEqual(few.map(({ row }) => row), [0, ROWS - 1, ...Array.from({ length: 10 }, (_, i) => 100 + i), 5])
})

test('decisions are an array that cannot be changed or cloned', async () => {
  const small = (await Guard.fit(flows.slice(0, 1000))).assess(flows.slice(0, 5))
  const { decisions } = await small
  assert.equal(decisions.length, 5)
  assert.ok(Array.isArray(decisions))
  assert.deepEqual([...decisions], Array.from({ length: 5 }, (_, row) => ({ ...decisions[row] })))
  assert.deepEqual([...(await small)], [...decisions])
  assert.deepEqual(decisions.map(({ row }) => row), [0, 1, 2, 3, 4])
  assert.deepEqual(JSON.parse(JSON.stringify(decisions)), JSON.parse(JSON.stringify([...decisions])))
  assert.deepEqual(Object.keys(decisions), ['0', '1', '2', '3', '4'])
  assert.equal(decisions[5], undefined)
  assert.equal(4 in decisions && !(5 in decisions), true)
  assert.notDeepEqual(decisions, decisions.slice(0, 4))
  assert.throws(() => decisions.push(decisions[0]), /slice/)
  assert.throws(() => { decisions[0] = null }, /slice/)
  assert.throws(() => { decisions.length = 0 }, /slice/)
  assert.throws(() => structuredClone(decisions), { name: 'DataCloneError' })
  assert.deepEqual(structuredClone(decisions.slice()), decisions.slice())
  assert.match(inspect(decisions), /^Decisions\(5\) \[[^]*and 2 more$/)
})

test('anomalies are the rows that pass the threshold', async () => {
  const rows = [...out.scores.keys()].filter((row) => out.scores[row] > out.decision(0).threshold)
  assert.ok(rows.length > 0)
  assert.deepEqual([...out.anomalies], rows)
  assert.deepEqual((await flows.take(out.anomalies)).records(), (await flows.take(rows)).records())
  assert.deepEqual(out.top(rows.length).map(({ row }) => row).sort((a, b) => a - b), rows)
})

test('every typed array that a getter gives is copied once', () => {
  const text = readFileSync(new URL('../native.d.ts', import.meta.url), 'utf8')
  const instances = { Assessment: out, GuardExplanation: explanation }
  let count = 0
  for (const [, name, body] of text.matchAll(/^export declare class (\w+) \{\n([\s\S]*?)^\}/gm)) {
    for (const [, getter] of body.matchAll(/^ {2}get (\w+)\(\): \w+Array$/gm)) {
      const instance = instances[name]
      const value = instance[getter]
      if (value.length === 0) continue // of a detector that this one is not
      assert.equal(instance[getter], value, `${name}.${getter}`)
      count += 1
    }
  }
  assert.ok(count >= 5, `only ${count} getters found`)
})

test('a first argument is converted by its type in native.d.ts', async () => {
  const text = readFileSync(new URL('../native.d.ts', import.meta.url), 'utf8')
  const calls = [...text.matchAll(/^export declare function (\w+)\(\w+: ([^,)]+)/gm)].map(([, name, type]) => [name, type, qosguard[name]])
  for (const [, name, body] of text.matchAll(/^export declare class (\w+) \{\n([\s\S]*?)^\}/gm)) {
    for (const [, isStatic, member, type] of body.matchAll(/^ {2}(static )?(\w+)\(\w+: ([^,)]+)/gm)) {
      const owner = isStatic ? qosguard[name] : qosguard[name].prototype
      calls.push([`${name}.${member}`, type, owner[member]])
    }
  }
  const refusals = { Float32Array: /a Float32Array, got Array/, Float64Array: /a Float64Array, got Array/, Uint8Array: /a Buffer or Uint8Array, got Array/ }
  let count = 0
  for (const [name, type, call] of calls) {
    const message = type.includes('FlowRecord') ? /^record 0: expected an object, got Number/ : refusals[type]
    if (!message || !call) continue
    await assert.rejects(async () => call([1]), { name: 'QosguardError', code: 'invalid_argument', message }, name)
    count += 1
  }
  assert.ok(count >= 14, `only ${count} calls found`)
})
