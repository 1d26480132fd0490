import { expect, test } from 'vitest'
import { Rows } from './rows.js'
import { randomOf } from './testing/data.js'
import { TopK } from './top-k.js'

/** 512 rows a chunk. */
const DIMS = 64
const vectorOf = (number: number): Float32Array => Float32Array.from({ length: DIMS }, (_, d) => number * DIMS + d)

test('[IX45] rows hold what was put into them while whole chunks come and go', () => {
  const rows = new Rows(DIMS, 'Euclid')
  const twin = new Map<number, number>()
  const random = randomOf(3)
  let last = 0
  for (let round = 0; round < 12; round++) {
    // Every other round takes most away: from the front, so that chunks empty.
    for (let i = 0; i < 1500; i++) {
      const ordinal = last++
      const row = rows.take(vectorOf(ordinal))
      rows.assign(row, ordinal)
      twin.set(ordinal, row)
    }
    const keep = round % 2 === 0 ? 0.9 : 0.02
    for (const [ordinal, row] of [...twin])
      if (random() > keep && (round % 3 !== 0 || row < 1024)) {
        rows.free(row)
        twin.delete(ordinal)
      }
    expect(rows.live).toBe(twin.size)
    for (const [ordinal, row] of twin) {
      expect(rows.rowOf(ordinal)).toBe(row)
      expect(rows.vectorAt(row)).toEqual(vectorOf(ordinal))
    }
    const best = new TopK('Euclid', 1)
    expect(rows.offerAll(vectorOf(last - 1), best)).toBe(twin.size)
    const taken = new Set([...twin.values()].map((row) => Math.floor(row / 512)))
    expect(rows.held).toBe([...taken].reduce((sum, chunk) => sum + Math.min(512, rows.end - chunk * 512), 0))
  }
  for (const row of twin.values()) rows.free(row)
  expect([rows.held, rows.live]).toEqual([0, 0])
  const row = rows.take(vectorOf(7))
  expect(rows.vectorAt(row)).toEqual(vectorOf(7))
})
