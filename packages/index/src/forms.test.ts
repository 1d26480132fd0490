import type { IndexedVector, MultiVector, SpaceParams, SparseVector, VectorIndex, VectorValue } from '@meridian/core'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ExactIndex } from './exact-index.js'
import { HnswIndex } from './hnsw-index.js'
import { maxSim, sparseDot } from './scoring.js'
import { paramsOf, randomOf } from './testing/data.js'

const REF = { collection: 'c', vector: 'v' }
const directory = mkdtempSync(join(tmpdir(), 'meridian-forms-'))
afterAll(() => rmSync(directory, { recursive: true }))

const INDICES = [0, 1, 2, 3, 5, 8, 13, 0xffffffff]

const randomSparse = (random: () => number): SparseVector => {
  const indices = INDICES.filter(() => random() < 0.3)
  return {
    indices: Uint32Array.from(indices),
    values: Float32Array.from(indices, () => Math.round(random() * 8 - 3) / 2),
  }
}
const randomMulti = (random: () => number): MultiVector => {
  const rows = 1 + Math.floor(random() * 3)
  return { dims: 2, data: Float32Array.from({ length: rows * 2 }, () => Math.round(random() * 8 - 4)) }
}

/** By maps instead of merging. */
const plainDot = (a: SparseVector, b: SparseVector): number | undefined => {
  const other = new Map([...b.indices].map((index, i) => [index, b.values[i]!]))
  const shared = [...a.indices].flatMap((index, i) => (other.has(index) ? a.values[i]! * other.get(index)! : []))
  return shared.length === 0 ? undefined : shared.reduce((sum, each) => sum + each, 0)
}
const plainMaxSim = (a: MultiVector, b: MultiVector): number => {
  let sum = 0
  for (let i = 0; i < a.data.length; i += 2) {
    let least = Infinity
    for (let k = 0; k < b.data.length; k += 2)
      least = Math.min(least, (a.data[i]! - b.data[k]!) ** 2 + (a.data[i + 1]! - b.data[k + 1]!) ** 2)
    sum += least
  }
  return Math.sqrt(sum)
}

interface Case {
  readonly name: string
  readonly params: SpaceParams
  draw(random: () => number): VectorValue
  score(query: VectorValue, value: VectorValue): number | undefined
  readonly sign: number
}
const CASES: readonly Case[] = [
  {
    ...{ name: 'sparse', params: { modifier: 'none' }, draw: randomSparse, sign: -1 },
    score: (a, b) => plainDot(a as SparseVector, b as SparseVector),
  },
  {
    ...{ name: 'multi', params: { ...paramsOf(2, 'Euclid'), multi: 'max_sim' }, draw: randomMulti, sign: 1 },
    score: (a, b) => plainMaxSim(a as MultiVector, b as MultiVector),
  },
]
const INDEXES: readonly [name: string, make: (at: string) => VectorIndex][] = [
  ['exact', () => new ExactIndex()],
  ['hnsw', (at) => new HnswIndex({ directory: join(directory, at) })],
]

for (const form of CASES)
  describe.each(INDEXES)(`${form.name} in the %s index`, (name, make) => {
    test('[IX40] finds what sorting everything by score finds, through changes and among some', async () => {
      const index = make(form.name)
      const random = randomOf(name.length + form.name.length)
      const live = new Map<number, VectorValue>()
      const listed: IndexedVector[] = []
      for (let ordinal = 60; ordinal > 0; ordinal -= 2) {
        const value = form.draw(random)
        live.set(ordinal, value)
        listed.push({ ordinal, id: `${ordinal}`, version: '1', read: () => value })
      }
      index.openSpace(REF, form.params, listed)
      for (let round = 0; round < 500; round++) {
        const ordinal = Math.floor(random() * 70)
        if (random() < 0.4) {
          index.remove(REF, ordinal)
          live.delete(ordinal)
        } else {
          const vector = form.draw(random)
          index.set(REF, { ordinal, id: `${ordinal}`, version: `${round}`, vector })
          live.set(ordinal, vector)
        }
        const query = form.draw(random)
        const among = round % 3 === 0 ? Uint32Array.from({ length: 35 }, (_, i) => i * 2) : undefined
        const expected = [...live]
          .filter(([each]) => among === undefined || each % 2 === 0)
          .flatMap(([each, value]) => {
            const score = form.score(query, value)
            return score === undefined ? [] : { ordinal: each, score: Math.fround(score) }
          })
          .sort((a, b) => (a.score - b.score) * form.sign || a.ordinal - b.ordinal)
        const hits = await index.search(REF, { vector: query, limit: 9, ...(among && { among }) })
        expect(hits, `round ${round}`).toEqual(expected.slice(0, 9))
      }
      expect(index.stats(REF)).toMatchObject({ live: live.size, pending: 0, dead: 0, state: 'ready' })
      const terms = await index.terms(REF)
      if (form.name === 'multi') expect(terms).toBeUndefined()
      else {
        const values = [...live.values()] as SparseVector[]
        expect(terms!.vectors).toBe(values.filter(({ indices }) => indices.length > 0).length)
        for (const each of [...INDICES, 99])
          expect(terms!.having(each)).toBe(values.filter(({ indices }) => indices.includes(each)).length)
      }
      await index.close()
    })

    test('[IX41] a value of another form, or an unsound one, hides the old one; a query like that is refused', async () => {
      const index = make(`${form.name}-strict`)
      index.openSpace(REF, form.params, [])
      const sound = form.name === 'sparse' ? sparse([1], [1]) : multi(2, [1, 1])
      const bad = [
        Float32Array.of(1, 1),
        sparse([2, 1], [1, 1]),
        sparse([1], [Number.NaN]),
        multi(3, [1, 1, 1]),
        multi(2, [1]),
      ]
      const find = () => index.search(REF, { vector: sound, limit: 5 })
      for (const vector of bad) {
        index.set(REF, { ordinal: 1, id: 'a', version: '1', vector: sound })
        expect(await find()).toHaveLength(1)
        index.set(REF, { ordinal: 1, id: 'a', version: '2', vector })
        expect(await find()).toEqual([])
        await expect(index.search(REF, { vector, limit: 1 })).rejects.toMatchObject({ code: 'WRONG_INPUT' })
      }
      index.dropSpace(REF)
      await expect(find()).rejects.toMatchObject({ code: 'NOT_READY' })
      await index.close()
      await expect(find()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    })
  })

const sparse = (indices: number[], values: number[]): SparseVector => ({
  indices: Uint32Array.from(indices),
  values: Float32Array.from(values),
})
const multi = (dims: number, data: number[]): MultiVector => ({ dims, data: Float32Array.from(data) })

test('[IX42] a space that fills while it is changed shows the changes; a search waits until it is full', async () => {
  const index = new HnswIndex({ directory: join(directory, 'fill') })
  const listed = Array.from({ length: 5000 }, (_, ordinal) => ({
    ...{ ordinal, id: `${ordinal}`, version: '1', read: () => sparse([1], [1]) },
  }))
  index.openSpace(REF, { modifier: 'none' }, listed)
  index.set(REF, { ordinal: 7, id: '7', version: '2', vector: sparse([1], [2]) })
  index.remove(REF, 8)
  expect(index.stats(REF)?.state).toBe('loading')
  const hits = await index.search(REF, { vector: sparse([1], [1]), limit: 10_000 })
  expect(hits).toHaveLength(4999)
  expect(hits[0]).toEqual({ ordinal: 7, score: 2 })
  expect(hits.some(({ ordinal }) => ordinal === 8)).toBe(false)
  await index.close()
})

test('[IX43] products and sums of best rows, by hand', () => {
  expect(sparseDot(sparse([1, 4], [2, 3]), sparse([4, 9], [0.5, 1]))).toBe(1.5)
  expect(sparseDot(sparse([1], [2]), sparse([2], [2]))).toBeUndefined()
  expect(sparseDot(sparse([1], [0]), sparse([1], [2]))).toBe(0)
  const query = multi(2, [1, 0, 0, 2])
  const other = multi(2, [0, 0, -2, 0])
  expect(maxSim('Dot', query, other)).toBe(0)
  expect(maxSim('Euclid', query, other)).toBe(Math.fround(Math.sqrt(5)))
  expect(maxSim('Manhattan', query, other)).toBe(3)
})
