import type { SeededRandom } from '@meridian/core/testing'
import { expect } from 'vitest'
import { passes } from './filter.js'
import { answer, type Found, facet, groups, idsIn, pairs, type World } from './oracle.js'
import { randomFacet, randomGroups, randomMatrix, randomRequest, randomSample, VECTOR } from './random-request.js'

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely.
type Any = any

/** Asks the server; gives the result. */
export type Ask = (route: string, body: Any) => Promise<Any>

const isNear = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b))

/** Same points in the same order, scores to a millionth. An assertion a hit would take longer than the answers. */
const expectSame = (got: Any[], wanted: readonly Found[], body: Any): void => {
  const isSame = (point: Any, i: number): boolean => {
    const { id, score, order } = wanted[i]!
    return point.id === id && isNear(point.score, score) && point.order_value === order
  }
  if (got.length === wanted.length && got.every(isSame)) return
  const shown = got.map(({ id, score, order_value: order }) => ({ id, score, order }))
  expect(shown, JSON.stringify(body)).toEqual(wanted)
  expect.fail(`scores differ: ${JSON.stringify(body)}`)
}

/** The kind of a query, as it is counted. */
const kindOf = ({ query, prefetch, lookup_from }: Any): string => {
  const name = (): string => {
    if (query === undefined) return 'list'
    if (typeof query !== 'object' || Array.isArray(query) || 'indices' in query) return 'nearest'
    if ('fusion' in query) return `fusion ${query.fusion}`
    if ('rrf' in query) return 'fusion rrf'
    if ('mmr' in query) return 'mmr'
    if ('recommend' in query) return `recommend ${query.recommend.strategy ?? 'average_vector'}`
    return Object.keys(query)[0]!
  }
  if (lookup_from !== undefined) return `${name()} looked up`
  return prefetch === undefined ? name() : `${name()} over prefetches`
}

/** Random requests to one collection, each compared with what plain loops say. */
export class Checker {
  /** Cases by kind. */
  readonly counts = new Map<string, number>()
  /** Answers with points in them: an oracle that agrees on emptiness shows little. */
  filled = 0
  #turn = 0

  /** @throws AssertionError with the request when the answer is another than the oracle's. */
  async check(world: World, random: SeededRandom, ask: Ask): Promise<void> {
    const dice = random.int(100)
    if (dice < 80) await this.#query(world, this.#elsewhere(world, randomRequest(random, world)), ask)
    else if (dice < 90) await this.#groups(world, randomGroups(random, world), ask)
    else if (dice < 94) await this.#facet(world, randomFacet(random, world), ask)
    else if (dice < 97) await this.#matrix(world, randomMatrix(random, world), ask)
    else await this.#sample(world, randomSample(random, world), ask)
  }

  /** Now and then its ids are those of another collection, where that has them all. */
  #elsewhere(world: World, body: Any): Any {
    const ids = idsIn(body.query)
    const { other } = world
    const isThere = (id: Any): boolean =>
      other!.world.points.some((point) => point.id === id && point.vector !== undefined)
    if (other === undefined || body.prefetch !== undefined || ids.length === 0 || !ids.every(isThere)) return body
    if (this.#turn++ % 2 === 0) return body
    return { ...body, lookup_from: { collection: other.collection, vector: VECTOR } }
  }

  #count(kind: string, found: number): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    if (found > 0) this.filled++
  }

  async #query(world: World, body: Any, ask: Ask): Promise<void> {
    const wanted = answer(world, body)
    this.#count(kindOf(body), wanted.length)
    expectSame((await ask('points/query', { ...body, ...using(body) })).points, wanted, body)
  }

  async #groups(world: World, body: Any, ask: Ask): Promise<void> {
    const wanted = groups(world, body)
    this.#count(`groups of ${kindOf(body)}`, wanted.length)
    const got = (await ask('points/query/groups', { ...body, ...using(body) })).groups
    expect(
      got.map(({ id }: Any) => id),
      JSON.stringify(body),
    ).toEqual(wanted.map(({ id }) => id))
    got.forEach(({ hits }: Any, i: number) => {
      expectSame(hits, wanted[i]!.hits, body)
    })
  }

  async #facet(world: World, body: Any, ask: Ask): Promise<void> {
    const wanted = facet(world, body)
    this.#count('facet', wanted.length)
    expect((await ask('facet', body)).hits, JSON.stringify(body)).toEqual(wanted)
  }

  async #matrix(world: World, body: Any, ask: Ask): Promise<void> {
    const wanted = pairs(world, body)
    this.#count('matrix', wanted.length)
    const got = (await ask('points/search/matrix/pairs', { ...body, using: VECTOR })).pairs
    expect(
      got.map(({ a }: Any) => a),
      JSON.stringify(body),
    ).toEqual(wanted.map(({ a }) => a))
    expectSame(
      got.map(({ b, score }: Any) => ({ id: b, score })),
      wanted.map(({ b, score }) => ({ id: b, score })),
      body,
    )
    const offsets = await ask('points/search/matrix/offsets', { ...body, using: VECTOR })
    expect(
      offsets.scores.map((score: number, i: number) => ({
        a: offsets.ids[offsets.offsets_row[i]],
        b: offsets.ids[offsets.offsets_col[i]],
        score,
      })),
      JSON.stringify(body),
    ).toEqual(got)
  }

  async #sample(world: World, body: Any, ask: Ask): Promise<void> {
    const { points } = await ask('points/query', body)
    const matching = new Set(world.points.filter((point) => passes(point, body.filter)).map(({ id }) => id))
    this.#count('sample', matching.size)
    const shown = JSON.stringify(body)
    expect(points.length, shown).toBe(Math.min(body.limit, matching.size))
    expect(new Set(points.map(({ id }: Any) => id)).size, shown).toBe(points.length)
    for (const { id } of points) expect(matching.has(id), shown).toBe(true)
  }
}

/** Every node of a request that compares vectors asks of the one that there is. */
const using = ({ query, prefetch }: Any): Any => ({
  ...(query === undefined || NO_VECTORS.some((kind) => kind in Object(query)) ? {} : { using: VECTOR }),
  ...(prefetch === undefined ? {} : { prefetch: prefetch.map((source: Any) => ({ ...source, ...using(source) })) }),
})
const NO_VECTORS = ['fusion', 'rrf', 'formula', 'order_by']
