// The cases that Rust, Python and JavaScript share: equal bits, equal kinds of error. `tests/golden.rs` says what they hold.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { Guard, IsolationForest, simulate } from 'qosguard'

/** An emptied folder must not pass. */
const LEAST_CASES = 11

const folder = new URL('../../../tests/golden/', import.meta.url)
const cases = readdirSync(folder).flatMap((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')))

const flows = ({ rows, attack_share: attackShare, seed }) => simulate({ rows, attackShare, seed })

async function run({ train, forest: { trees, max_samples: maxSamples, seed: treeSeed }, threshold, seed, ...input }) {
  const detector = new IsolationForest({ trees, maxSamples, seed: treeSeed })
  const guard = await Guard.fit(await flows(train), { detector, threshold, seed })
  return [guard, await guard.assess(input.flows ? await flows(input.flows) : input.records)]
}

/** Bits as hexadecimal digits, as they stand in the files. */
function hex(numbers) {
  const width = numbers.BYTES_PER_ELEMENT
  const bytes = new DataView(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  return Array.from(numbers, (_, i) => {
    const bits = width === 4 ? bytes.getUint32(4 * i, true) : bytes.getBigUint64(8 * i, true)
    return bits.toString(16).padStart(2 * width, '0')
  })
}

for (const { name, expected, error, ...input } of cases) {
  test(name, async () => {
    if (error) {
      await assert.rejects(run(input), { name: 'QosguardError', code: error })
      return
    }
    const [guard, out] = await run(input)
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

test('there are at least the known cases', () => {
  assert.ok(cases.length >= LEAST_CASES, `only ${cases.length} cases`)
})
