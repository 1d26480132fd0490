import { SeededRandom } from '@meridian/core/testing'
import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { MemoryStorage } from '@meridian/storage'
import { QdrantClient } from '@qdrant/js-client-rest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FORMS, type Form } from './oracle/forms.js'
import { f32 } from './oracle/vectors.js'

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely.
type Any = any

const CASES = process.env.MERIDIAN_TEST_FULL === '1' ? 10_000 : 2_000
const WORLDS = 4
const PER_WORLD = Math.ceil(CASES / FORMS.length / WORLDS)

let server: RunningServer
let client: QdrantClient
beforeAll(async () => {
  const config = parseConfig({ region: 'eu', port: '0', 'log-level': 'silent' })
  server = await startServer(config, createLog(config), {
    openStorage: async () => new MemoryStorage(),
    openIndex: () => new ExactIndex(),
  })
  client = new QdrantClient({ host: '127.0.0.1', port: server.port, https: false, checkCompatibility: false })
})
afterAll(() => server.close())

interface Point {
  readonly id: number
  readonly n: number
  readonly value: Any
}
interface World {
  readonly form: Form<Any>
  /** With what is sent as `value`. */
  readonly points: Map<number, Point>
}
interface Asked {
  readonly body: Any
  /** Score of a point; nothing when it is no hit. */
  score(value: Any, all: readonly Any[]): number | undefined
  readonly isLargerBetter: boolean
  readonly except: readonly number[]
}

/** A value to search with and how it is sent: itself, or the id of a point that has it. */
const example = (random: SeededRandom, { form, points }: World): { value: Any; sent: Any; id: number | undefined } => {
  if (random.chance(0.6)) {
    const value = form.draw(random)
    return { value, sent: form.send(value), id: undefined }
  }
  const { id, value } = random.pick([...points.values()].filter((point) => point.value !== undefined))
  return { value: form.stored(value), sent: id, id }
}

const randomAsked = (random: SeededRandom, world: World): Asked => {
  const { form } = world
  const some = (least: number) => Array.from({ length: least + random.int(2) }, () => example(random, world))
  const dice = random.int(10)
  if (dice < 6) {
    const one = example(random, world)
    return {
      ...{ body: { query: dice < 3 ? one.sent : { nearest: one.sent } }, isLargerBetter: form.isLargerBetter },
      score: (value, all) => form.score(form.stored(one.value), value, all),
      except: one.id === undefined ? [] : [one.id],
    }
  }
  const positive = some(1)
  const negative = some(0)
  const except = [...positive, ...negative].flatMap(({ id }) => id ?? [])
  const sent = { positive: positive.map((each) => each.sent), negative: negative.map((each) => each.sent) }
  if (dice < 8) {
    const values = (examples: typeof positive) => examples.map(({ value }) => value)
    const query = form.stored(form.average(values(positive), values(negative)))
    return {
      ...{ body: { query: { recommend: sent } }, isLargerBetter: form.isLargerBetter, except },
      score: (value, all) => form.score(query, value, all),
    }
  }
  return {
    ...{ body: { query: { recommend: { ...sent, strategy: 'sum_scores' } } }, isLargerBetter: true, except },
    score: (value, all) => {
      const like = (examples: typeof positive): number =>
        examples.reduce((sum, each) => sum + form.like(form.stored(each.value), value, all), 0)
      return f32(like(positive) - like(negative))
    },
  }
}

let filled = 0

const checkOne = async (name: string, world: World, random: SeededRandom): Promise<void> => {
  const asked = randomAsked(random, world)
  const limit = 1 + random.int(15)
  const least = random.chance(0.4) ? random.int(8) : undefined
  const threshold = random.chance(0.2) ? random.int(9) - 4 : undefined
  const pool = random.chance(0.2) ? [...world.points.keys()].filter(() => random.chance(0.5)) : undefined
  const filter = least === undefined ? {} : { filter: { must: [{ key: 'n', range: { gte: least } }] } }
  const body = {
    ...{ ...asked.body, using: 'v', limit, ...filter },
    ...(threshold === undefined ? {} : { score_threshold: threshold }),
    ...(pool === undefined ? {} : { prefetch: { filter: { must: [{ has_id: pool }] }, limit: 1000 } }),
  }
  const stored = [...world.points.values()].flatMap((point) =>
    point.value === undefined ? [] : { ...point, value: world.form.stored(point.value) },
  )
  const all = stored.map(({ value }) => value)
  const sign = asked.isLargerBetter ? -1 : 1
  const wanted = stored
    .filter(({ id, n }) => !asked.except.includes(id) && n >= (least ?? 0) && (pool?.includes(id) ?? true))
    .flatMap(({ id, value }) => {
      const score = asked.score(value, all)
      if (score === undefined || (threshold !== undefined && (score - threshold) * sign >= 0)) return []
      return { id, score }
    })
    .sort((a, b) => (a.score - b.score) * sign || a.id - b.id)
    .slice(0, limit)
  if (wanted.length > 0) filled++
  const got = (await client.query(name, body)).points
  expect(
    got.map(({ id }) => id),
    JSON.stringify(body),
  ).toEqual(wanted.map(({ id }) => id))
  for (const [i, { score }] of wanted.entries())
    expect(Math.abs(got[i]!.score - score), JSON.stringify(body)).toBeLessThanOrEqual(
      1e-6 * Math.max(1, Math.abs(score)),
    )
}

const upsert = async (name: string, { form, points }: World, point: Point): Promise<void> => {
  points.set(point.id, point)
  const vector = point.value === undefined ? {} : { v: form.send(point.value) }
  await client.upsert(name, { wait: true, points: [{ id: point.id, vector, payload: { n: point.n } } as Any] })
}

for (const [at, form] of FORMS.entries())
  for (let round = 0; round < WORLDS; round++)
    test(`[VF8] ${PER_WORLD} random requests are answered as by plain loops: ${form.name}, seed ${at * 100 + round}`, async () => {
      const random = new SeededRandom(at * 100 + round)
      const name = `${form.name}-${round}`
      await client.createCollection(name, { shard_number: 3, ...form.body } as Any)
      const world: World = { form, points: new Map() }
      const draw = (id: number): Point => ({
        id,
        n: random.int(10),
        value: random.chance(0.1) ? undefined : form.draw(random),
      })
      for (let id = 1; id <= 30; id++) await upsert(name, world, draw(id))
      for (let i = 0; i < PER_WORLD; i++) {
        await checkOne(name, world, random)
        if (random.chance(0.7)) continue
        const id = 1 + random.int(40)
        if (random.chance(0.3) && world.points.size > 20) {
          world.points.delete(id)
          await client.delete(name, { wait: true, points: [id] })
        } else await upsert(name, world, draw(id))
      }
    })

test('[VF8] most requests found something', () => {
  expect(filled).toBeGreaterThan(CASES * 0.6)
})

test('[VF9] the official client stores, returns and searches every form', async () => {
  await client.createCollection('forms', {
    vectors: {
      dense: { size: 2, distance: 'Dot' },
      rows: { size: 2, distance: 'Dot', multivector_config: { comparator: 'max_sim' } },
    },
    sparse_vectors: { words: { modifier: 'idf' } },
  })
  expect((await client.getCollection('forms')).config.params).toMatchObject({
    vectors: { rows: { multivector_config: { comparator: 'max_sim' } } },
    sparse_vectors: { words: { modifier: 'idf' } },
  })
  const one = {
    dense: [1, 2],
    rows: [
      [1, 0],
      [0, 1],
    ],
    words: { indices: [1, 5], values: [0.5, 2] },
  }
  const two = { words: { indices: [5], values: [1] } }
  await client.upsert('forms', {
    wait: true,
    points: [
      { id: 1, vector: one },
      { id: 2, vector: two },
    ],
  })
  const [first, second] = await client.retrieve('forms', { ids: [1, 2], with_vector: true })
  expect(first!.vector).toEqual(one)
  expect(second!.vector).toEqual(two)
  const words = await client.query('forms', { query: { indices: [5], values: [1] }, using: 'words' })
  expect(words.points.map(({ id }) => id)).toEqual([1, 2])
  const rows = await client.query('forms', {
    query: [
      [2, 0],
      [0, 3],
    ],
    using: 'rows',
  })
  expect(rows.points).toMatchObject([{ id: 1, score: 5 }])
  const fused = await client.query('forms', {
    prefetch: [
      { query: { indices: [5], values: [1] }, using: 'words' },
      { query: [1, 1], using: 'dense' },
    ],
    query: { fusion: 'rrf' },
  })
  expect(fused.points.map(({ id }) => id)).toEqual([1, 2])
  await client.updateVectors('forms', { wait: true, points: [{ id: 2, vector: { rows: [[9, 9]] } }] })
  await client.deleteVectors('forms', { wait: true, points: [1], vector: ['words'] })
  expect((await client.query('forms', { query: 2, using: 'words' })).points).toEqual([])
  expect((await client.query('forms', { query: 1, using: 'rows' })).points).toMatchObject([{ id: 2, score: 18 }])
})
