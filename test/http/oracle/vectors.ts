/** Vector arithmetic by the book, in plain numbers: what a float32 would hold is rounded with `f32`. */
export const f32 = Math.fround

export type Distance = 'Cosine' | 'Dot' | 'Euclid' | 'Manhattan'
export const DISTANCES: readonly Distance[] = ['Cosine', 'Dot', 'Euclid', 'Manhattan']

export const isLargerBetter = (distance: Distance): boolean => distance === 'Cosine' || distance === 'Dot'

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0)
const dot = (a: readonly number[], b: readonly number[]): number => total(a.map((x, i) => x * b[i]!))

/** As a collection stores a vector. */
export const storedForm = (distance: Distance, vector: readonly number[]): number[] => {
  const rounded = vector.map(f32)
  const squared = dot(rounded, rounded)
  if (distance !== 'Cosine' || squared < 1.2e-7 || Math.abs(squared - 1) <= 1e-6) return rounded
  return rounded.map((x) => f32(x * (1 / Math.sqrt(squared))))
}

/** Score of a plain search. */
export const searchScore = (distance: Distance, a: readonly number[], b: readonly number[]): number => {
  const gaps = a.map((x, i) => x - b[i]!)
  if (isLargerBetter(distance)) return f32(dot(a, b))
  return f32(distance === 'Euclid' ? Math.sqrt(dot(gaps, gaps)) : total(gaps.map(Math.abs)))
}

/** What searches by examples compare with: larger is more alike. */
export const likeness = (distance: Distance, a: readonly number[], b: readonly number[]): number => {
  const gaps = a.map((x, i) => x - b[i]!)
  if (isLargerBetter(distance)) return f32(dot(a, b))
  return f32(-(distance === 'Euclid' ? dot(gaps, gaps) : total(gaps.map(Math.abs))))
}

export const average = (vectors: readonly (readonly number[])[]): number[] =>
  vectors[0]!.map((_, i) => f32(total(vectors.map((vector) => vector[i]!)) / vectors.length))
