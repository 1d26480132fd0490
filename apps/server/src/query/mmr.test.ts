import { HNSW_DEFAULT, type SpaceParams } from '@meridian/core'
import { expect, test } from 'vitest'
import type { Candidate } from './mmr.js'
import { diversify } from './mmr.js'
import { Pacer } from './pacer.js'
import { drawSample } from './sample.js'
import { similarityIn } from './similarity.js'

const DOT: SpaceParams = { size: 2, metric: 'Dot', hnsw: HNSW_DEFAULT }
const candidate = (id: number, x: number, y: number): Candidate => ({
  hit: { id, score: id / 10 },
  vector: Float32Array.of(x, y),
})
const near = [candidate(1, 1, 0), candidate(2, 0.9, 0), candidate(3, 0, 1)]
const chosen = async (lambda: number, limit: number) => {
  const pacer = new Pacer(new AbortController().signal)
  const query = Float32Array.of(1, 0.1)
  return (await diversify(near, query, similarityIn(DOT), lambda, limit, pacer)).map(({ id }) => id)
}

test('[QY11] relevance alone keeps the order, diversity takes the odd one', async () => {
  expect(await chosen(1, 2)).toEqual([1, 2])
  expect(await chosen(0.5, 2)).toEqual([1, 3])
  expect(await chosen(0, 3)).toEqual([1, 3, 2])
  expect(await chosen(0.5, 0)).toEqual([])
})

test('[QY25] long work ends when it is aborted', async () => {
  const gone = new AbortController()
  const pacer = new Pacer(gone.signal)
  await pacer.pause()
  expect(pacer.hasPaused).toBe(true)
  gone.abort(new Error('gone'))
  await expect(pacer.pause()).rejects.toThrow('gone')
})

test('[QY10] a sample is drawn without repeats, each item as likely as the others', () => {
  let state = 1
  const draw = (bound: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const counts = new Map<number, number>()
  for (let i = 0; i < 4000; i++) {
    const drawn = drawSample([1, 2, 3, 4], 2, draw)
    expect(new Set(drawn).size).toBe(2)
    for (const item of drawn) counts.set(item, (counts.get(item) ?? 0) + 1)
  }
  for (const count of counts.values()) expect(Math.abs(count - 2000)).toBeLessThan(150)
  expect(drawSample([1, 2], 9, draw).sort()).toEqual([1, 2])
})
