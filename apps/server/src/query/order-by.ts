import { compareIds, type JsonObject, type JsonValue, type PointId } from '@meridian/core'
import { type Path, parseInstant } from '@meridian/index'
import type { Hit } from './hit.js'

/** An order by payload value. */
export interface OrderBy {
  readonly path: Path
  readonly direction: 'asc' | 'desc'
  /** Inclusive; a date in microseconds since 1970. */
  readonly startFrom: number | undefined
  /** Only the first place of each point counts; otherwise a point with several values in an array has several. */
  readonly isOnce?: true
}

/** A number, or the microseconds of a date since 1970; other values have no place in an order. */
export const orderValue = (value: JsonValue): number | undefined => {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return undefined
  const instant = parseInstant(value)
  return instant && instant.ms * 1000 + Math.floor(instant.ns / 1000)
}

/** The values that give a payload its places: one for each distinct value in an array. */
const placesOf = (payload: JsonObject, { path, direction, startFrom }: OrderBy): Set<number> => {
  const values = new Set<number>()
  const add = (value: JsonValue): void => {
    const place = orderValue(value)
    if (place === undefined) return
    if (startFrom === undefined || (direction === 'asc' ? place >= startFrom : place <= startFrom)) values.add(place)
  }
  path(payload, (value) => {
    if (Array.isArray(value)) value.forEach(add)
    else add(value)
    return false
  })
  return values
}

/** Collects points and gives the first `limit` in order; ties by ascending id. Points without a value are left out. */
export class Ordered {
  #rows: { readonly id: PointId; readonly place: number }[] = []

  constructor(
    readonly by: OrderBy,
    readonly limit: number,
  ) {}

  get #sign(): number {
    return this.by.direction === 'asc' ? 1 : -1
  }

  offer(id: PointId, payload: JsonObject): void {
    const places = [...placesOf(payload, this.by)]
    const counted = this.by.isOnce ? places.sort((a, b) => this.#sign * (a - b)).slice(0, 1) : places
    for (const place of counted) this.#rows.push({ id, place })
    if (this.#rows.length >= 2 * this.limit + 1024) this.#settle()
  }

  #settle(): void {
    this.#rows.sort((a, b) => this.#sign * (a.place - b.place) || compareIds(a.id, b.id))
    if (this.#rows.length > this.limit) this.#rows.length = this.limit
  }

  take(): Hit[] {
    this.#settle()
    return this.#rows.map(({ id, place }) => ({ id, score: 1, orderValue: place }))
  }
}
