import { formulaValue } from './formula.js'
import { passes } from './filter.js'
import type { Form } from './forms.js'
import { byId, type Id, type Point, valuesAt } from './points.js'
import { f32 } from './vectors.js'

// biome-ignore lint/suspicious/noExplicitAny: request bodies are plain JSON.
type Any = any

export interface Found {
  readonly id: Id
  readonly score: number
  readonly order?: number
}

/** What a collection holds, and nothing else. */
export interface World {
  readonly form: Form<Any>
  readonly points: readonly Point[]
  /** Where `lookup_from` leads, and the collection of that. */
  readonly other?: { readonly world: World; readonly collection: string }
}

const isId = (value: Any): value is Id => typeof value === 'number' || typeof value === 'string'

/** Every id that stands for a vector. */
export const idsIn = (query: Any): Id[] => {
  if (isId(query)) return [query]
  const pairs = [query?.discover?.context ?? [], query?.context ?? []].flat()
  const feedback = query?.relevance_feedback
  return [
    query?.nearest,
    ...(query?.recommend?.positive ?? []),
    ...(query?.recommend?.negative ?? []),
    query?.discover?.target,
    ...pairs.flatMap((pair) => [pair.positive, pair.negative]),
    feedback?.target,
    ...(feedback?.feedback ?? []).map((item: Any) => item.example),
  ].filter(isId)
}

const allIds = (body: Any): Id[] => [
  ...(body.lookup_from === undefined ? idsIn(body.query) : []),
  ...[body.prefetch ?? []].flat().flatMap(allIds),
]

/** The whole answer to a request of `points/query`, but for a random sample. */
export const answer = (world: World, body: Any): Found[] => {
  const limit = body.limit ?? 10
  const offset = body.offset ?? 0
  return node(world, unnamed(world, body), { ...body, limit: limit + offset }, [], limit).slice(offset)
}

/** Without the points that the request names as examples. */
const unnamed = (world: World, body: Any): World => {
  const except = new Set(allIds(body))
  return { ...world, points: world.points.filter(({ id }) => !except.has(id)) }
}

/** `asked`: the limit before the offset was added to it. */
const node = (world: World, visible: World, body: Any, filters: Any[], asked: number): Found[] => {
  const own = [...filters, body.filter]
  const sources = [body.prefetch ?? []].flat()
  const lists = sources.map((source: Any) => node(world, visible, { limit: 10, ...source }, own, source.limit ?? 10))
  const isIn = ({ id }: Point): boolean =>
    sources.length === 0 || lists.some((list) => list.some((found) => found.id === id))
  const points = visible.points.filter((point) => isIn(point) && own.every((filter) => passes(point, filter)))
  return ranked(world, points, lists, body, asked).slice(0, body.limit)
}

const ranked = (world: World, points: readonly Point[], lists: Found[][], body: Any, asked: number): Found[] => {
  const { form } = world
  const { query } = body
  const better = (a: Found, b: Found, larger: boolean): number =>
    a.score === b.score ? byId(a.id, b.id) : a.score > b.score === larger ? -1 : 1
  const sorted = (found: Found[], larger = true): Found[] =>
    found
      .filter(({ score }) => {
        if (body.score_threshold === undefined) return true
        return larger ? score > f32(body.score_threshold) : score < f32(body.score_threshold)
      })
      .sort((a, b) => better(a, b, larger))
  if (query === undefined) return points.map(({ id }) => ({ id, score: 1 })).sort((a, b) => byId(a.id, b.id))
  if (query.order_by !== undefined) return ordered(points, query.order_by)
  if (query.fusion !== undefined || query.rrf !== undefined) return sorted(fused(lists, query))
  if (query.formula !== undefined)
    return sorted(
      points.map((point) => {
        const scores = lists.map((list) => list.find(({ id }) => id === point.id)?.score)
        return { id: point.id, score: f32(formulaValue(query.formula, point, scores, query.defaults)) }
      }),
    )
  const stored = new Map(having(world.points).map(({ id, vector }) => [id, form.stored(vector)]))
  const all = [...stored.values()]
  const from = body.lookup_from === undefined ? world : world.other!.world
  const vectorOf = (example: Any): Any => form.stored(raw(from, example))
  const near = (target: Any): Found[] =>
    sorted(
      having(points).flatMap(({ id }) => {
        const score = form.score(target, stored.get(id), all)
        return score === undefined ? [] : { id, score }
      }),
      form.isLargerBetter,
    )
  const byExamples = (score: (like: (example: Any) => number) => number): Found[] =>
    sorted(
      having(points).map(({ id }) => ({
        id,
        score: f32(score((example) => form.like(example, stored.get(id), all))),
      })),
    )
  if (isId(query) || Array.isArray(query) || query.indices !== undefined) return near(vectorOf(query))
  if (query.nearest !== undefined) {
    const target = vectorOf(query.nearest)
    if (query.mmr === undefined) return near(target)
    const candidates = near(target).slice(0, query.mmr.candidates_limit ?? asked)
    return diverse(world, candidates, target, 1 - f32(query.mmr.diversity ?? 0.5), body.limit)
  }
  if (query.recommend !== undefined) {
    const { positive = [], negative = [], strategy } = query.recommend
    // A point without the vector is no example.
    const vectors = (items: Any[]): Any[] =>
      items.filter((item) => !isId(item) || pointOf(from, item).vector !== undefined).map((item) => raw(from, item))
    if (strategy === undefined || strategy === 'average_vector')
      return near(form.stored(form.average(vectors(positive), vectors(negative))))
    const liked = vectors(positive).map((vector) => form.stored(vector))
    const disliked = vectors(negative).map((vector) => form.stored(vector))
    return byExamples((like) => {
      const [plus, minus] = [liked.map(like), disliked.map(like)]
      if (strategy === 'sum_scores') return sum(plus) - sum(minus)
      const [p, n] = [Math.max(-Infinity, ...plus), Math.max(-Infinity, ...minus)]
      return p > n ? half(p) : -half(n)
    })
  }
  if (query.relevance_feedback !== undefined) {
    const { target, feedback, strategy } = query.relevance_feedback
    const { a, b, c } = strategy.naive
    const judged = feedback
      .map((item: Any) => ({ vector: vectorOf(item.example), score: item.score }))
      .sort((one: Any, two: Any) => two.score - one.score)
    const goal = vectorOf(target)
    return byExamples((like) => {
      let score = a * like(goal)
      for (let i = 0; i < 3 && i < judged.length - 1 - i; i++) {
        const [best, worst] = [judged[i], judged[judged.length - 1 - i]]
        score += (best.score - worst.score) ** b * c * (like(best.vector) - like(worst.vector))
      }
      return score
    })
  }
  const pairs = [(query.discover ?? query).context ?? []].flat().map((pair: Any) => ({
    positive: vectorOf(pair.positive),
    negative: vectorOf(pair.negative),
  }))
  if (query.discover === undefined)
    return byExamples((like) =>
      sum(pairs.map((pair) => squash(Math.min(0, like(pair.positive) - like(pair.negative) - 2 ** -23)))),
    )
  const target = vectorOf(query.discover.target)
  return byExamples(
    (like) => sum(pairs.map((pair) => (like(pair.positive) > like(pair.negative) ? 1 : -1))) + half(like(target)),
  )
}

const having = (points: readonly Point[]): Point[] => points.filter(({ vector }) => vector !== undefined)
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)
const squash = (x: number): number => x / (1 + Math.abs(x))
const half = (x: number): number => (squash(x) + 1) / 2

const pointOf = (world: World, id: Id): Point => world.points.find((point) => point.id === id)!

/** An example as it was sent; a point's as it is stored. */
const raw = (world: World, example: Any): Any =>
  isId(example) ? world.form.stored(pointOf(world, example).vector) : world.form.read(example)

const ordered = (points: readonly Point[], by: Any): Found[] => {
  const { key, direction = 'asc', start_from } = typeof by === 'string' ? { key: by } : by
  const start = typeof start_from === 'string' ? Date.parse(start_from) * 1000 : start_from
  const places = points.flatMap(({ id, payload }) =>
    [...new Set(valuesAt(payload, key))]
      .map((value) => (typeof value === 'string' ? Date.parse(value) * 1000 : value))
      .filter((value) => typeof value === 'number' && !Number.isNaN(value))
      .map((order) => ({ id, score: 1, order })),
  )
  const up = direction === 'asc'
  return places
    .filter(({ order }) => start === undefined || (up ? order >= start : order <= start))
    .sort((a, b) => (a.order === b.order ? byId(a.id, b.id) : a.order < b.order === up ? -1 : 1))
}

const fused = (lists: readonly Found[][], query: Any): Found[] => {
  const sums = new Map<Id, number>()
  const k = query.rrf?.k ?? 2
  lists.forEach((list, source) => {
    const scores = list.map(({ score }) => score)
    const mean = sum(scores) / scores.length
    const spread = 3 * Math.sqrt(sum(scores.map((score) => (score - mean) ** 2)) / (scores.length - 1))
    const isFlat = scores.length < 2 || f32(mean - spread) === f32(mean + spread)
    list.forEach(({ id, score }, position) => {
      const weight = f32(query.rrf?.weights?.[source] ?? 1)
      const low = f32(mean - spread)
      const part =
        query.fusion === 'dbsf'
          ? isFlat
            ? 0.5
            : (score - low) / (f32(mean + spread) - low)
          : weight <= 0
            ? 0
            : 1 / ((position + 1) / weight + k - 1)
      sums.set(id, (sums.get(id) ?? 0) + part)
    })
  })
  return [...sums].map(([id, score]) => ({ id, score: f32(score) }))
}

const diverse = (world: World, candidates: Found[], target: Any, lambda: number, limit: number): Found[] => {
  const vector = ({ id }: Found): Any => raw(world, id)
  const left = [...candidates]
  const taken: Found[] = []
  while (left.length > 0 && taken.length < limit) {
    const worth = left.map((one) => {
      const relevance = world.form.between(target, vector(one))
      if (taken.length === 0) return relevance
      return (
        lambda * relevance -
        (1 - lambda) * Math.max(...taken.map((other) => world.form.between(vector(other), vector(one))))
      )
    })
    taken.push(...left.splice(worth.indexOf(Math.max(...worth)), 1))
  }
  return taken
}

/** The answer to a request of `points/query/groups` on a request without prefetches. */
export const groups = (world: World, body: Any): { id: Id; hits: Found[] }[] => {
  const { group_by, group_size = 3, limit = 10, ...rest } = body
  const keys = (id: Id): Id[] => [...new Set(valuesAt(pointOf(world, id).payload, group_by))].filter(isKey)
  const visible = unnamed(world, body)
  const inGroups = { ...visible, points: visible.points.filter(({ id }) => keys(id).length > 0) }
  const all = node(world, inGroups, { ...rest, limit: 1e9 }, [], limit * group_size)
  const found: { id: Id; hits: Found[] }[] = []
  for (const hit of all)
    for (const key of keys(hit.id)) {
      const group = found.find(({ id }) => id === key)
      if (group === undefined) found.push({ id: key, hits: [hit] })
      // By its best place, if it has several.
      else if (!group.hits.some(({ id }) => id === hit.id)) group.hits.push(hit)
    }
  return found.slice(0, limit).map(({ id, hits }) => ({ id, hits: hits.slice(0, group_size) }))
}
const isKey = (value: unknown): value is Id => typeof value === 'string' || Number.isInteger(value)

export const facet = (world: World, body: Any): { value: Any; count: number }[] => {
  const counts = new Map<Any, number>()
  for (const point of world.points)
    if (passes(point, body.filter))
      for (const value of new Set(valuesAt(point.payload, body.key)))
        if (isKey(value) || typeof value === 'boolean') counts.set(value, (counts.get(value) ?? 0) + 1)
  const kinds = ['string', 'number', 'boolean']
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort(
      (a, b) =>
        b.count - a.count ||
        kinds.indexOf(typeof a.value) - kinds.indexOf(typeof b.value) ||
        (a.value < b.value ? -1 : 1),
    )
    .slice(0, body.limit ?? 10)
}

/** Pairs of a matrix whose sample is all points. */
export const pairs = (world: World, body: Any): { a: Id; b: Id; score: number }[] => {
  const chosen = world.points
    .filter((point) => point.vector !== undefined && passes(point, body.filter))
    .sort((a, b) => byId(a.id, b.id))
  return chosen.flatMap(({ id }) =>
    node(
      world,
      { ...world, points: chosen.filter((other) => other.id !== id) },
      { query: id, limit: body.limit },
      [],
      body.limit,
    ).map((found) => ({ a: id, b: found.id, score: found.score })),
  )
}
