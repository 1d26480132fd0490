import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HNSW_DEFAULT } from '@meridian/core'
import { HnswIndex } from '@meridian/index'
import { load, type Request } from './http-load.js'
import { RegionChild } from './region-child.js'

export interface HttpFigures {
  readonly what: string
  readonly dims: number
  readonly connections: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly koaPerSecond: number
  /** Of what bare Koa answers. */
  readonly ofKoa: number
  /** Of searches: what the index alone answers, as many under way. */
  readonly indexPerSecond?: number
  /** Of searches: share of what Koa and the index would allow one after the other, as on one core. */
  readonly ofAllowed?: number
  /** Of searches: share of the slower of the two, which would be the bound if each had a core that nobody else uses. */
  readonly ofOverlapped?: number
}

export interface HttpPlan {
  readonly points: number
  readonly seconds: number
  readonly dims: readonly number[]
  readonly connections: readonly number[]
}

export const HTTP_PLAN: HttpPlan = { points: 5000, seconds: 2, dims: [128, 784], connections: [1, 8, 32] }

const COLLECTION = '/collections/bench'
const POINTS = `${COLLECTION}/points`
const CITIES = 10
/** Hits that a region asks its index for beyond the limit. */
const SPARE = 8

/** One region's process and one of bare Koa, loaded from this process in turn. */
export const http = async (plan: HttpPlan): Promise<HttpFigures[]> => {
  const dir = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const koa = fork(fileURLToPath(new URL('./koa-main.js', import.meta.url)))
  try {
    const [koaPort] = (await once(koa, 'message')) as [number]
    const figures: HttpFigures[] = []
    for (const dims of plan.dims) {
      await using region = await RegionChild.open('eu', 'graph', { data: join(dir, `eu-${dims}`) })
      await fill(region.port, dims, plan.points)
      for (const connections of plan.connections) {
        const indexPerSecond = await searches(join(dir, `index-${dims}-${connections}`), dims, connections, plan)
        for (const [what, make] of operations(dims, plan.points)) {
          const next = ahead(make, what === 'upsert 100' ? 8 : 64)
          const own = await load(region.port, connections, plan.seconds, next)
          const headers = { 'answer-bytes': String(own.answerBytes) }
          const bare = await load(koaPort, connections, plan.seconds, next, headers)
          const allowed = 1 / (1 / bare.perSecond + 1 / indexPerSecond)
          figures.push({
            what,
            dims,
            connections,
            perSecond: own.perSecond,
            p50Ms: own.p50Ms,
            p99Ms: own.p99Ms,
            koaPerSecond: bare.perSecond,
            ofKoa: own.perSecond / bare.perSecond,
            ...(what.startsWith('search')
              ? {
                  indexPerSecond,
                  ofAllowed: own.perSecond / allowed,
                  ofOverlapped: own.perSecond / Math.min(bare.perSecond, indexPerSecond),
                }
              : {}),
          })
        }
      }
    }
    return figures
  } finally {
    koa.disconnect()
    await rm(dir, { recursive: true, force: true })
  }
}

/** Makes bodies before the clock runs: on few cores the maker would be measured too. */
const ahead = (make: (i: number) => Request, count: number): ((i: number) => Request) => {
  const made = Array.from({ length: count }, (_, i) => make(i))
  return (i) => made[i % count]!
}

/** Numbers in [-1, 1) that float32 holds in few digits, as embeddings are sent; the same for the same seed. */
export const vectorOf = (seed: number, dims: number): number[] => {
  let state = (seed * 2654435761 + 1) >>> 0
  return Array.from({ length: dims }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.fround(state / 2 ** 31 - 1)
  })
}

const pointOf = (id: number, dims: number) => ({
  id,
  vector: vectorOf(id, dims),
  payload: { city: `city-${id % CITIES}`, number: id },
})

/** Upserts go to ids of their own, so that what is searched stays what it was. */
const operations = (dims: number, points: number): [string, (i: number) => Request][] => {
  const post = (path: string, body: unknown): Request => ({
    method: 'POST',
    path: POINTS + path,
    body: JSON.stringify(body),
  })
  const upsert = (from: number, count: number): Request => ({
    method: 'PUT',
    path: `${POINTS}?wait=true`,
    body: JSON.stringify({
      points: Array.from({ length: count }, (_, i) => pointOf(points + ((from + i) % 1000), dims)),
    }),
  })
  const ten = (i: number): number[] => Array.from({ length: 10 }, (_, k) => (i * 10 + k) % points)
  const filterOf = (i: number) => ({ must: [{ key: 'city', match: { value: `city-${i % CITIES}` } }] })
  return [
    ['search 10', (i) => post('/query', { query: vectorOf(points + 7 * i, dims), limit: 10 })],
    [
      'search 10, vectors',
      (i) => post('/query', { query: vectorOf(points + 7 * i, dims), limit: 10, with_vector: true }),
    ],
    ['retrieve 10', (i) => post('', { ids: ten(i) })],
    ['scroll 10, filtered', (i) => post('/scroll', { filter: filterOf(i), limit: 10 })],
    ['upsert 1', (i) => upsert(i, 1)],
    ['upsert 100', (i) => upsert(i * 100, 100)],
  ]
}

const fill = async (port: number, dims: number, points: number): Promise<void> => {
  const send = async (method: string, path: string, body?: unknown): Promise<{ result: unknown }> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as { result: unknown }
  }
  await send('PUT', COLLECTION, { vectors: { size: dims, distance: 'Cosine' } })
  for (let from = 0; from < points; from += 100)
    await send('PUT', POINTS, {
      points: Array.from({ length: Math.min(100, points - from) }, (_, i) => pointOf(from + i, dims)),
    })
  for (;;) {
    const { result } = (await send('GET', COLLECTION)) as { result: { indexed_vectors_count: number } }
    if (result.indexed_vectors_count >= points) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/**
 * Searches a second of the index alone, in this process, as many under way as there are connections: the space that the region
 * has, asked for as much as the region asks for. Queries are made before the clock runs.
 */
const searches = async (directory: string, dims: number, under: number, plan: HttpPlan): Promise<number> => {
  const index = new HnswIndex({ directory })
  try {
    const space = { collection: 'bench', vector: '' }
    const vectors = Array.from({ length: plan.points }, (_, ordinal) => ({
      ordinal,
      id: String(ordinal),
      version: '1',
      read: () => Float32Array.from(vectorOf(ordinal, dims)),
    }))
    index.openSpace(space, { size: dims, metric: 'Cosine', hnsw: HNSW_DEFAULT }, vectors)
    while ((index.stats(space)?.pending ?? 1) > 0 || index.stats(space)?.state === 'loading')
      await new Promise((resolve) => setTimeout(resolve, 100))
    const queries = Array.from({ length: 64 }, (_, i) => Float32Array.from(vectorOf(plan.points + 7 * i, dims)))
    let done = 0
    const start = performance.now()
    const until = start + plan.seconds * 1000
    await Promise.all(
      Array.from({ length: under }, async () => {
        while (performance.now() < until)
          await index.search(space, { vector: queries[done++ % queries.length]!, limit: 10 + SPARE })
      }),
    )
    return (done * 1000) / (performance.now() - start)
  } finally {
    await index.close()
  }
}
