// biome-ignore lint/suspicious/noExplicitAny: payloads and request bodies are plain JSON.
type Any = any

export type Id = number | string

export interface Point {
  readonly id: Id
  /** As its form draws it; a point may have none. */
  readonly vector: Any
  readonly payload: Any
}

/** Integers first, then UUIDs. */
export const byId = (a: Id, b: Id): number =>
  typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === 'number' ? -1 : 1

/** The values of a top-level key; an array's elements one by one. */
export const valuesAt = (payload: Any, key: string): Any[] => {
  if (!(key in payload)) return []
  return Array.isArray(payload[key]) ? payload[key] : [payload[key]]
}
