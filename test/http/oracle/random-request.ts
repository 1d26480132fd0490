import type { SeededRandom } from '@meridian/core/testing'
import { DIMS, type World } from './oracle.js'
import type { Id, Point } from './points.js'
import type { Distance } from './vectors.js'

// biome-ignore lint/suspicious/noExplicitAny: request bodies are plain JSON.
type Any = any

const UUIDS = Array.from({ length: 8 }, (_, i) => `00000000-0000-4000-8000-00000000000${i}`)
const COLOURS = ['red', 'green', 'blue', 'grey']
const DAY = 86_400_000

/** Coarse numbers make ties, fine ones make orders. */
const vector = (random: SeededRandom): number[] =>
  Array.from({ length: DIMS }, () => (random.chance(0.7) ? random.int(7) - 3 : (random.int(2000) - 1000) / 256))

const day = (random: SeededRandom): string => new Date(Date.UTC(2024, 0, 1) + random.int(60) * DAY).toISOString()

const payload = (random: SeededRandom): Any => ({
  n: random.int(20),
  x: (random.int(400) - 200) / 8,
  when: day(random),
  place: { lat: random.int(160) - 80, lon: random.int(340) - 170 },
  ...(random.chance(0.8) ? { colour: random.pick(COLOURS) } : {}),
  ...(random.chance(0.7) ? { tags: Array.from({ length: random.int(4) }, () => random.int(6)) } : {}),
  ...(random.chance(0.5) ? { flag: random.chance(0.5) } : {}),
  ...(random.chance(0.1) ? { colour: null } : {}),
})

export const randomWorld = (random: SeededRandom, distance: Distance): World => {
  const ids: Id[] = [...Array.from({ length: 20 + random.int(40) }, (_, i) => i * 3 + 1), ...UUIDS]
  const points: Point[] = ids.map((id) => ({
    id,
    vector: random.chance(0.05) ? undefined : vector(random),
    payload: payload(random),
  }))
  return { distance, points }
}

const condition = (random: SeededRandom, world: World): Any =>
  random.pick<() => Any>([
    () => ({ key: 'colour', match: { value: random.pick(COLOURS) } }),
    () => ({ key: 'tags', match: { any: [random.int(6), random.int(6)] } }),
    () => ({ key: 'n', range: { gte: random.int(20) } }),
    () => ({ key: 'x', range: { gt: random.int(40) - 30, lt: 20 } }),
    () => ({ has_id: Array.from({ length: 30 }, () => random.pick(world.points).id) }),
    () => ({ is_empty: { key: 'tags' } }),
    () => ({
      should: [
        { key: 'flag', match: { value: true } },
        { key: 'n', range: { lt: 8 } },
      ],
    }),
  ])()

const filter = (random: SeededRandom, world: World): Any => {
  const some = (): Any[] => Array.from({ length: 1 + random.int(2) }, () => condition(random, world))
  return random.pick([{ must: some() }, { should: some() }, { must_not: some() }, { must: some(), must_not: some() }])
}

const example = (random: SeededRandom, world: World): Any =>
  random.chance(0.5) ? vector(random) : random.pick(world.points.filter((point) => point.vector !== undefined)).id

const examples = (random: SeededRandom, world: World, least: number): Any[] =>
  Array.from({ length: least + random.int(DIMS - 1 - least) }, () => example(random, world))

const pair = (random: SeededRandom, world: World): Any => ({
  positive: example(random, world),
  negative: example(random, world),
})

const vectorQuery = (random: SeededRandom, world: World): Any =>
  random.pick<() => Any>([
    () => example(random, world),
    () => ({ nearest: example(random, world) }),
    () => ({
      nearest: example(random, world),
      mmr: random.pick<Any>([
        { diversity: random.int(11) / 10 },
        { diversity: 0.25, candidates_limit: 1 + random.int(30) },
        {},
      ]),
    }),
    () => ({ recommend: { positive: examples(random, world, 1), negative: examples(random, world, 0) } }),
    () => ({
      recommend: {
        positive: examples(random, world, 0),
        negative: examples(random, world, 1),
        strategy: random.pick(['best_score', 'sum_scores']),
      },
    }),
    () => ({
      discover: {
        target: example(random, world),
        context: random.pick<Any>([pair(random, world), [pair(random, world), pair(random, world)], undefined]),
      },
    }),
    () => ({ context: [pair(random, world), pair(random, world)] }),
    () => ({
      relevance_feedback: {
        target: example(random, world),
        feedback: [0, 1, 2].map((i) => ({ example: example(random, world), score: i / 4 + random.int(4) / 32 })),
        strategy: { naive: { a: 0.5, b: 1.5, c: 0.25 } },
      },
    }),
  ])()

const orderQuery = (random: SeededRandom): Any => ({
  order_by: random.pick<Any>([
    'n',
    { key: 'x', direction: 'desc' },
    { key: 'tags', direction: random.pick(['asc', 'desc']), start_from: random.int(6) },
    { key: 'when', direction: random.pick(['asc', 'desc']), start_from: day(random) },
  ]),
})

/** Only what has a finite value for every point: refusals have tests of their own. */
const expression = (random: SeededRandom, world: World, depth: number): Any => {
  const inner = (): Any => expression(random, world, depth - 1)
  const bounded = (): Any => ({ lin_decay: { x: inner(), scale: 40 } })
  const leaf: (() => Any)[] = [
    () => (random.int(80) - 40) / 10,
    () => '$score',
    () => `$score[${random.int(3)}]`,
    () => random.pick(['n', 'x', 'bonus']),
    () => condition(random, world),
    () => ({ mult: [1e-6, { geo_distance: { origin: { lat: 10, lon: random.int(90) }, to: 'place' } }] }),
  ]
  if (depth === 0) return random.pick(leaf)()
  return random.pick<() => Any>([
    ...leaf,
    () => ({ sum: [inner(), inner(), inner()] }),
    () => ({ mult: [inner(), bounded()] }),
    () => ({ neg: inner() }),
    () => ({ sqrt: { abs: inner() } }),
    () => ({ pow: { base: { sum: [1, { abs: inner() }] }, exponent: bounded() } }),
    () => ({ exp: bounded() }),
    () => ({ [random.pick(['ln', 'log10'])]: { sum: [1, { abs: inner() }] } }),
    () => ({ div: { left: inner(), right: { sum: ['n', -5] }, by_zero_default: 0.3 } }),
    () => ({ exp_decay: { x: inner(), target: inner(), scale: 8, midpoint: 0.3 } }),
    () => ({ gauss_decay: { x: inner(), scale: 12.5 } }),
    () => ({ exp_decay: { x: { datetime_key: 'when' }, target: { datetime: day(random) }, scale: 86_400 * 9 } }),
  ])()
}

const fusionQuery = (random: SeededRandom, sources: number): Any =>
  random.pick<Any>([
    { fusion: 'rrf' },
    { fusion: 'dbsf' },
    { rrf: { k: 1 + random.int(60) } },
    { rrf: { weights: Array.from({ length: sources }, () => random.int(5) / 2) } },
  ])

const threshold = (random: SeededRandom): Any =>
  random.chance(0.2) ? { score_threshold: (random.int(24) - 4) / 4 } : {}

/** A node of a request; `depth` levels of prefetches at most. */
export const randomNode = (random: SeededRandom, world: World, depth: number): Any => {
  const common = {
    limit: 1 + random.int(25),
    ...(random.chance(0.4) ? { filter: filter(random, world) } : {}),
  }
  if (depth === 0 || random.chance(0.4)) {
    if (random.chance(0.1)) return common
    if (random.chance(0.15)) return { ...common, query: orderQuery(random) }
    return { ...common, query: vectorQuery(random, world), ...threshold(random) }
  }
  const prefetch = Array.from({ length: 1 + random.int(3) }, () => randomNode(random, world, depth - 1))
  const query = random.pick<() => Any>([
    () => fusionQuery(random, prefetch.length),
    () => fusionQuery(random, prefetch.length),
    () => ({ formula: expression(random, world, 3), defaults: { bonus: 0.75, '$score[1]': -0.5 } }),
    () => vectorQuery(random, world),
  ])()
  return { ...common, prefetch, query, ...threshold(random) }
}

/** A whole request of `points/query`. */
export const randomRequest = (random: SeededRandom, world: World): Any => ({
  ...randomNode(random, world, random.int(4)),
  ...(random.chance(0.3) ? { offset: random.int(8) } : {}),
})

export const randomGroups = (random: SeededRandom, world: World): Any => ({
  ...randomNode(random, world, 0),
  group_by: random.pick(['colour', 'tags', 'n']),
  group_size: 1 + random.int(4),
  limit: 1 + random.int(6),
})

export const randomFacet = (random: SeededRandom, world: World): Any => ({
  key: random.pick(['colour', 'tags', 'n', 'flag', 'when']),
  limit: 1 + random.int(12),
  ...(random.chance(0.5) ? { filter: filter(random, world) } : {}),
})

export const randomMatrix = (random: SeededRandom, world: World): Any => ({
  sample: 200,
  limit: 1 + random.int(5),
  ...(random.chance(0.5) ? { filter: filter(random, world) } : {}),
})

export const randomSample = (random: SeededRandom, world: World): Any => ({
  query: { sample: 'random' },
  limit: 1 + random.int(60),
  ...(random.chance(0.5) ? { filter: filter(random, world) } : {}),
})
