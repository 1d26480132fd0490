import type { SeededRandom } from '@meridian/core/testing'
import type { Form } from './forms.js'
import type { World } from './oracle.js'
import type { Id, Point } from './points.js'

// biome-ignore lint/suspicious/noExplicitAny: request bodies are plain JSON.
type Any = any

const UUIDS = Array.from({ length: 8 }, (_, i) => `00000000-0000-4000-8000-00000000000${i}`)
const COLOURS = ['red', 'green', 'blue', 'grey']
const DAY = 86_400_000
const WORDS = ['red fox', 'a red box', 'blue', 'box of blue foxes', '']
/** Examples of one kind in a query. */
const EXAMPLES_MAX = 2

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
  o: { a: random.int(10), ...(random.chance(0.5) ? { b: random.pick([null, 'x', [], [1, null]]) } : {}) },
  list: Array.from({ length: random.int(4) }, () => ({ k: random.int(4), s: random.pick(COLOURS) })),
  note: random.pick(WORDS),
})

export const randomPoint = (random: SeededRandom, form: Form<unknown>, id: Id): Point => ({
  id,
  vector: random.chance(0.05) ? undefined : form.draw(random),
  payload: payload(random),
})

export const randomWorld = (random: SeededRandom, form: Form<unknown>, count: number): World => {
  const ids: Id[] = [...Array.from({ length: count }, (_, i) => i * 3 + 1), ...UUIDS]
  return { form, points: ids.map((id) => randomPoint(random, form, id)) }
}

/** Places have whole degrees: a line between two corners goes through none. */
const corner = (random: SeededRandom): Any => ({
  lat: random.int(160) - 79.5,
  lon: random.int(340) - 170 + Math.SQRT1_2,
})

/** Every kind of condition. */
const CONDITIONS: Readonly<Record<string, (random: SeededRandom, world: World) => Any>> = {
  value: (random) => ({ key: 'colour', match: { value: random.pick(COLOURS) } }),
  any: (random) => ({ key: 'tags', match: { any: [random.int(6), random.int(6)] } }),
  except: (random) => ({ key: random.pick(['tags', 'n']), match: { except: [random.int(6), random.int(6)] } }),
  text: (random) => ({ key: 'note', match: { [random.pick(['text', 'text_any', 'phrase'])]: random.pick(WORDS) } }),
  least: (random) => ({ key: 'n', range: { gte: random.int(20) } }),
  between: (random) => ({ key: 'x', range: { gt: random.int(40) - 30, lt: 20 } }),
  dates: (random) => ({ key: 'when', range: { gte: day(random), lt: '2024-02-20T00:00:00Z' } }),
  count: (random) => ({ key: random.pick(['tags', 'list', 'colour']), values_count: { gte: random.int(4) } }),
  box: (random) => {
    const [a, b] = [corner(random), corner(random)]
    const [top, bottom] = [Math.max(a.lat, b.lat), Math.min(a.lat, b.lat)]
    return {
      key: 'place',
      geo_bounding_box: { top_left: { lat: top, lon: a.lon }, bottom_right: { lat: bottom, lon: b.lon } },
    }
  },
  radius: (random) => ({ key: 'place', geo_radius: { center: corner(random), radius: 1e6 * (1 + random.int(12)) } }),
  polygon: (random) => {
    const [a, b, c] = [corner(random), corner(random), corner(random)]
    return { key: 'place', geo_polygon: { exterior: { points: [a, b, c, a] } } }
  },
  id: (random, world) => ({ has_id: Array.from({ length: 30 }, () => random.pick(world.points).id) }),
  vector: () => ({ has_vector: VECTOR }),
  empty: (random) => {
    const key = random.pick(['tags', 'o.b', 'colour', 'none'])
    return random.pick<Any>([{ is_empty: { key } }, { key, is_empty: random.chance(0.5) }])
  },
  null: (random) => {
    const key = random.pick(['colour', 'o.b', 'none'])
    return random.pick<Any>([{ is_null: { key } }, { key, is_null: random.chance(0.5) }])
  },
  inner: (random) => ({ key: 'o.a', range: { lte: random.int(10) } }),
  element: (random) => ({ key: 'list[].k', match: { value: random.int(4) } }),
  nested: (random) => ({
    nested: {
      key: random.pick(['list', 'list[]']),
      filter: {
        must: [{ key: 'k', range: { gte: random.int(4) } }],
        [random.pick(['must_not', 'should'])]: [{ key: 's', match: { value: random.pick(COLOURS) } }],
      },
    },
  }),
  filter: () => ({
    should: [
      { key: 'flag', match: { value: true } },
      { key: 'n', range: { lt: 8 } },
    ],
  }),
}
/** The one vector of each point. */
export const VECTOR = 'v'

const condition = (random: SeededRandom, world: World): Any => random.pick(Object.values(CONDITIONS))(random, world)

export const randomFilter = (random: SeededRandom, world: World): Any => {
  const some = (): Any[] => Array.from({ length: 1 + random.int(2) }, () => condition(random, world))
  return random.pick<Any>([
    { must: some() },
    { should: some() },
    { must_not: some() },
    { must: some(), must_not: some() },
    { min_should: { conditions: [...some(), ...some()], min_count: 1 + random.int(2) } },
  ])
}

const example = (random: SeededRandom, world: World): Any =>
  random.chance(0.5)
    ? world.form.send(world.form.draw(random))
    : random.pick(world.points.filter((point) => point.vector !== undefined)).id

const examples = (random: SeededRandom, world: World, least: number): Any[] =>
  Array.from({ length: least + random.int(EXAMPLES_MAX + 1 - least) }, () => example(random, world))

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
    ...(random.chance(0.4) ? { filter: randomFilter(random, world) } : {}),
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
  ...(random.chance(0.5) ? { filter: randomFilter(random, world) } : {}),
})

export const randomMatrix = (random: SeededRandom, world: World): Any => ({
  sample: 200,
  limit: 1 + random.int(5),
  ...(random.chance(0.5) ? { filter: randomFilter(random, world) } : {}),
})

export const randomSample = (random: SeededRandom, world: World): Any => ({
  query: { sample: 'random' },
  limit: 1 + random.int(60),
  ...(random.chance(0.5) ? { filter: randomFilter(random, world) } : {}),
})
