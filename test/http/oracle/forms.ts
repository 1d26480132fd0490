import type { SeededRandom } from '@meridian/core/testing'
import { average, DISTANCES, type Distance, f32, isLargerBetter, likeness, searchScore, storedForm } from './vectors.js'

/** A sparse vector as its numbers by index, or the rows of a multivector. */
export type Sparse = ReadonlyMap<number, number>
export type Rows = readonly (readonly number[])[]

/** How the values of one form are drawn, sent and compared, by the book. */
export interface Form<T> {
  readonly name: string
  /** Of the space, in the body that creates a collection. */
  readonly space: { readonly kind: 'vectors' | 'sparse_vectors'; readonly params: object }
  draw(random: SeededRandom): T
  send(value: T): unknown
  /** Turns what was sent back, as numbers that a float32 holds. */
  // biome-ignore lint/suspicious/noExplicitAny: request bodies are plain JSON.
  read(sent: any): T
  /** As it is stored. */
  stored(value: T): T
  /** Of a search, among all that is stored; nothing when the value is no match. */
  score(query: T, value: T, all: readonly T[]): number | undefined
  /** Larger is more alike. */
  like(query: T, value: T, all: readonly T[]): number
  /** As `like`, of two values for their own sake: no weights. */
  between(a: T, b: T): number
  average(positive: readonly T[], negative: readonly T[]): T
  readonly isLargerBetter: boolean
}

const DIMS = 4

/** Coarse numbers make ties, fine ones make orders. */
const number = (random: SeededRandom): number =>
  random.chance(0.7) ? random.int(7) - 3 : (random.int(2000) - 1000) / 256
const coarse = (random: SeededRandom): number => (random.int(13) - 6) / 2

const denseForm = (distance: Distance): Form<readonly number[]> => ({
  name: `dense ${distance}`,
  space: { kind: 'vectors', params: { size: DIMS, distance } },
  draw: (random) => Array.from({ length: DIMS }, () => number(random)),
  send: (value) => value,
  read: (sent: number[]) => sent.map(f32),
  stored: (value) => storedForm(distance, value),
  score: (query, value) => searchScore(distance, query, value),
  like: (query, value) => likeness(distance, query, value),
  between: (a, b) => likeness(distance, a, b),
  average: (positive, negative) => {
    const plus = average(positive)
    const away = negative.length === 0 ? plus : average(negative)
    return plus.map((x, i) => f32(x + x - away[i]!))
  },
  isLargerBetter: isLargerBetter(distance),
})

const product = (a: Sparse, b: Sparse): number | undefined => {
  const shared = [...a.keys()].filter((index) => b.has(index)).sort((x, y) => x - y)
  if (shared.length === 0) return undefined
  return f32(shared.reduce((sum, index) => sum + a.get(index)! * b.get(index)!, 0))
}

const weighed = (query: Sparse, all: readonly Sparse[]): Sparse => {
  const filled = all.filter(({ size }) => size > 0)
  const idf = (index: number): number => {
    const having = filled.filter((each) => each.has(index)).length
    return f32(Math.log((filled.length - having + 0.5) / (having + 0.5) + 1))
  }
  return new Map([...query].map(([index, value]) => [index, f32(value * idf(index))]))
}

const total = (values: readonly Sparse[]): Map<number, number> => {
  const sums = new Map<number, number>()
  for (const value of values) for (const [index, number] of value) sums.set(index, (sums.get(index) ?? 0) + number)
  return sums
}
const scaled = (value: Sparse, by: number): Sparse =>
  new Map([...value].map(([index, number]) => [index, f32(number * by)]))

const sparseForm = (modifier: 'none' | 'idf'): Form<Sparse> => {
  const asked = (query: Sparse, all: readonly Sparse[]): Sparse => (modifier === 'idf' ? weighed(query, all) : query)
  return {
    name: `sparse ${modifier}`,
    space: { kind: 'sparse_vectors', params: { modifier } },
    draw: (random) => {
      const indices = [3, 70_000, 0, 12, 4_294_967_295, 5].filter(() => random.chance(0.4))
      return new Map(indices.map((index) => [index, coarse(random)]))
    },
    send: (value) => ({ indices: [...value.keys()], values: [...value.values()] }),
    read: ({ indices, values }: { indices: number[]; values: number[] }) =>
      new Map(indices.map((index, i) => [index, f32(values[i]!)])),
    stored: (value) => value,
    score: (query, value, all) => product(asked(query, all), value),
    like: (query, value, all) => product(asked(query, all), value) ?? 0,
    between: (a, b) => product(a, b) ?? 0,
    average: (positive, negative) => {
      const towards = scaled(total(positive), 1 / positive.length)
      if (negative.length === 0) return towards
      return total([towards, towards, scaled(total(negative), -1 / negative.length)])
    },
    isLargerBetter: true,
  }
}

const multiForm = (distance: Distance): Form<Rows> => {
  const sumOfBest = (query: Rows, value: Rows, of: (a: readonly number[], b: readonly number[]) => number): number =>
    f32(query.map((row) => Math.max(...value.map((other) => of(row, other)))).reduce((sum, best) => sum + best, 0))
  const like = (query: Rows, value: Rows): number => sumOfBest(query, value, (a, b) => likeness(distance, a, b))
  return {
    name: `multi ${distance}`,
    space: { kind: 'vectors', params: { size: 2, distance, multivector_config: { comparator: 'max_sim' } } },
    draw: (random) => Array.from({ length: 1 + random.int(3) }, () => [coarse(random), coarse(random)]),
    send: (value) => value,
    read: (sent: number[][]) => sent.map((row) => row.map(f32)),
    stored: (value) => value.map((row) => storedForm(distance, row)),
    score: (query, value) => {
      if (distance === 'Euclid') return f32(Math.sqrt(-like(query, value)))
      const sign = isLargerBetter(distance) ? 1 : -1
      return sign * sumOfBest(query, value, (a, b) => sign * searchScore(distance, a, b)) || 0
    },
    like,
    between: like,
    average: (positive, negative) => [
      ...positive.flat(),
      ...negative.flat().map((row) => row.map((number) => -number)),
    ],
    isLargerBetter: isLargerBetter(distance),
  }
}

// biome-ignore lint/suspicious/noExplicitAny: forms of several types stand in one list.
export const FORMS: readonly Form<any>[] = [
  ...DISTANCES.map(denseForm),
  sparseForm('none'),
  sparseForm('idf'),
  ...DISTANCES.map(multiForm),
]
