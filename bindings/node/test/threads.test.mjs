// What another thread may and may not see.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { IsolationForest, simulate } from 'qosguard'

test('changing the array after the call changes nothing', async () => {
  const x = new Float32Array(60_000).map((_, i) => Math.sin(i * 12.9898))
  const y = x.slice()
  const forest = await new IsolationForest({ trees: 20 }).fit(x, 3)
  const expected = forest.scoreSync(x, 3)
  const scoring = forest.score(x, 3)
  const fitting = new IsolationForest({ trees: 20 }).fit(x, 3)
  x.fill(NaN) // would be refused, were it seen
  assert.deepEqual(await scoring, expected)
  assert.deepEqual((await fitting).scoreSync(y, 3), expected)
})

test('a transferred array fails no running call', async () => {
  const x = new Float32Array(60_000).map((_, i) => Math.sin(i * 12.9898))
  const forest = await new IsolationForest({ trees: 20 }).fit(x, 3)
  const expected = forest.scoreSync(x, 3)
  const scoring = forest.score(x, 3)
  structuredClone(x, { transfer: [x.buffer] })
  assert.deepEqual(await scoring, expected)
  assert.equal(forest.scoreSync(x, 3).length, 0) // the array is empty now
})

test('the event loop runs while flows are made', async () => {
  let turns = 0
  const clock = setInterval(() => { turns += 1 }, 1)
  await simulate({ rows: 200_000 })
  clearInterval(clock)
  assert.ok(turns >= 3, `${turns} turns`)
})

test('workers load, use and unload the add-on', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads')
    const { simulate } = require(${JSON.stringify(new URL('../index.js', import.meta.url).pathname)})
    simulate({ rows: 200, seed: 3 }).then((table) => parentPort.postMessage(table.labels()))`
  const run = () => new Promise((resolve, reject) => {
    let answer
    new Worker(code, { eval: true })
      .on('message', (message) => { answer = message })
      .on('error', reject)
      .on('exit', (status) => (status === 0 ? resolve(answer) : reject(new Error(`exit ${status}`))))
  })
  const expected = (await simulate({ rows: 200, seed: 3 })).labels()
  for (const answer of await Promise.all(Array.from({ length: 20 }, run))) assert.deepEqual(answer, expected)
})

test('a worker that is terminated in the middle of a call takes nothing with it', async () => {
  const code = `require(${JSON.stringify(new URL('../index.js', import.meta.url).pathname)}).simulate({ rows: 300000 })`
  for (let i = 0; i < 5; i += 1) {
    const worker = new Worker(code, { eval: true })
    await new Promise((resolve) => worker.once('online', () => setTimeout(resolve, 5 * i)))
    await worker.terminate()
  }
  assert.equal((await simulate({ rows: 10 })).numRows, 10)
})
