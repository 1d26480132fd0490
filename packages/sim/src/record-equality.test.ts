import { canonicalJson, type JsonObject, type JsonValue, type VisibleRecord } from '@meridian/core'
import { SeededRandom } from '@meridian/core/seeded-random'
import { expect, test } from 'vitest'
import { isSameJson, isSameRecord } from './record-equality.js'
import { describe } from './record-watch.js'

const json = (random: SeededRandom, depth: number): JsonValue => {
  const roll = random.int(depth > 0 ? 8 : 5)
  if (roll < 5) return random.pick<JsonValue>([null, true, 1, '1', ''])
  if (roll < 6) return Array.from({ length: random.int(3) }, () => json(random, depth - 1))
  const keys = ['a', 'b', '__proto__'].filter(() => random.chance(0.6)).sort(() => random.int(3) - 1)
  return Object.fromEntries(keys.map((key) => [key, json(random, depth - 1)]))
}

const record = (random: SeededRandom): VisibleRecord => {
  const names = ['', 'v'].filter(() => random.chance(0.7))
  const vectors = names.map((name) => [name, Float32Array.from([0.1, random.int(2)].slice(random.int(2)))] as const)
  return { vectors: new Map(vectors.sort(() => random.int(3) - 1)), payload: { a: json(random, 1) } }
}

/** The same, written in another order. */
const reversed = (value: JsonValue): JsonValue =>
  value === null || typeof value !== 'object'
    ? value
    : Array.isArray(value)
      ? value.map(reversed)
      : Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([key, each]) => [key, reversed(each)]),
        )

const mirrored = ({ vectors, payload }: VisibleRecord): VisibleRecord => ({
  vectors: new Map([...vectors].reverse()),
  payload: reversed(payload) as JsonObject,
})

test('[SM43] records and payloads are compared as their texts would be', () => {
  const random = new SeededRandom(43)
  const counts = { same: 0, different: 0 }
  for (let i = 0; i < 20_000; i++) {
    const [a, b] = [json(random, 2), json(random, 2)]
    expect(isSameJson(a, b), `${canonicalJson(a)} ${canonicalJson(b)}`).toBe(canonicalJson(a) === canonicalJson(b))
    const x = record(random)
    const y = random.chance(0.2) ? mirrored(x) : record(random)
    const isSame = describe(x) === describe(y)
    expect(isSameRecord(x, y), `${describe(x)} / ${describe(y)}`).toBe(isSame)
    counts[isSame ? 'same' : 'different']++
  }
  expect(Math.min(counts.same, counts.different)).toBeGreaterThan(500)
})
