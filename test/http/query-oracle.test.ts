import { SeededRandom } from '@meridian/core/testing'
import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { MemoryStorage } from '@meridian/storage'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answer, type Found, facet, groups, pairs, type World } from './oracle/oracle.js'
import { passes } from './oracle/points.js'
import {
  randomFacet,
  randomGroups,
  randomMatrix,
  randomRequest,
  randomSample,
  randomWorld,
} from './oracle/random-request.js'
import { DISTANCES } from './oracle/vectors.js'

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely.
type Any = any

const CASES = process.env.MERIDIAN_TEST_FULL === '1' ? 10_000 : 2_000
const WORLDS = 4
const PER_WORLD = CASES / DISTANCES.length / WORLDS

let server: RunningServer
beforeAll(async () => {
  const config = parseConfig({ region: 'eu', port: '0', 'log-level': 'silent' })
  server = await startServer(config, createLog(config), {
    openStorage: async () => new MemoryStorage(),
    openIndex: () => new ExactIndex(),
  })
})
afterAll(() => server.close())

const send = async (method: string, path: string, body: unknown): Promise<Any> => {
  const response = await fetch(server.url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const json = (await response.json()) as Any
  if (response.status !== 200) throw new Error(`${path} ${JSON.stringify(body)}: ${JSON.stringify(json)}`)
  return json.result
}

/** Same points in the same order, scores to a millionth. */
const expectSame = (got: Any[], wanted: Found[], body: Any): void => {
  const shown = JSON.stringify(body)
  expect(
    got.map(({ id }) => id),
    shown,
  ).toEqual(wanted.map(({ id }) => id))
  got.forEach((point, i) => {
    const { score, order } = wanted[i]!
    expect(Math.abs(point.score - score), shown).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(score)))
    expect(point.order_value, shown).toBe(order)
  })
}

/** Answers with points in them: an oracle that agrees on emptiness shows little. */
let filled = 0

const checkOne = async (path: string, world: World, random: SeededRandom): Promise<void> => {
  const dice = random.int(100)
  if (dice < 80) {
    const body = randomRequest(random, world)
    const wanted = answer(world, body)
    if (wanted.length > 0) filled++
    expectSame((await send('POST', `${path}/points/query`, body)).points, wanted, body)
  } else if (dice < 90) {
    const body = randomGroups(random, world)
    const got = (await send('POST', `${path}/points/query/groups`, body)).groups
    const wanted = groups(world, body)
    expect(
      got.map(({ id }: Any) => id),
      JSON.stringify(body),
    ).toEqual(wanted.map(({ id }) => id))
    got.forEach(({ hits }: Any, i: number) => {
      expectSame(hits, wanted[i]!.hits, body)
    })
  } else if (dice < 94) {
    const body = randomFacet(random, world)
    expect((await send('POST', `${path}/facet`, body)).hits, JSON.stringify(body)).toEqual(facet(world, body))
  } else if (dice < 97) {
    const body = randomMatrix(random, world)
    const wanted = pairs(world, body)
    const got = (await send('POST', `${path}/points/search/matrix/pairs`, body)).pairs
    expect(
      got.map(({ a }: Any) => a),
      JSON.stringify(body),
    ).toEqual(wanted.map(({ a }) => a))
    expectSame(
      got.map(({ b, score }: Any) => ({ id: b, score })),
      wanted.map(({ b, score }) => ({ id: b, score })),
      body,
    )
  } else {
    const body = randomSample(random, world)
    const { points } = await send('POST', `${path}/points/query`, body)
    const matching = new Set(world.points.filter((point) => passes(point, body.filter)).map(({ id }) => id))
    expect(points.length).toBe(Math.min(body.limit, matching.size))
    expect(new Set(points.map(({ id }: Any) => id)).size).toBe(points.length)
    for (const { id } of points) expect(matching.has(id)).toBe(true)
  }
}

for (const [at, distance] of DISTANCES.entries())
  for (let round = 0; round < WORLDS; round++)
    test(`[QY1] ${PER_WORLD} random requests are answered as by plain loops: ${distance}, seed ${at * 100 + round}`, async () => {
      const random = new SeededRandom(at * 100 + round)
      const world = randomWorld(random, distance)
      const path = `/collections/${distance}-${round}`
      await send('PUT', path, { vectors: { size: 4, distance }, shard_number: 3 })
      const points = world.points.map(({ id, vector, payload }) => ({ id, vector: vector ?? {}, payload }))
      await send('PUT', `${path}/points`, { points })
      for (let i = 0; i < PER_WORLD; i++) await checkOne(path, world, random)
    })

test('[QY1] most requests found something, and a wrong answer would have been noticed', () => {
  expect(filled).toBeGreaterThan(CASES * 0.6)
  const found = [
    { id: 1, score: 0.5 },
    { id: 2, score: 0.25 },
  ]
  for (const wrong of [found.toReversed(), found.slice(1), [found[0], { id: 2, score: 0.25001 }], [found[0]]])
    expect(() => expectSame(wrong, found, {})).toThrow()
  expectSame(found, found, {})
})
