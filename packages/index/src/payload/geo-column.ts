import type { JsonValue } from '@meridian/core'
import type { Test } from '../filter/field.js'
import { geoPointOf } from '../filter/geo.js'
import type { Bits } from './bits.js'
import type { Column } from './column.js'
import { widened } from './number-column.js'
import { OddValues } from './odd-values.js'

/** Places: sixteen bytes a record. What an object holds beside its place, no test of a value asks. */
export class GeoColumn implements Column {
  #lons = new Float64Array(0)
  #lats = new Float64Array(0)
  readonly #odd = new OddValues()

  get bytes(): number {
    return this.#lons.byteLength + this.#lats.byteLength + this.#odd.bytes
  }

  set(ordinal: number, values: readonly JsonValue[]): void {
    const place = values.length === 1 ? geoPointOf(values[0]!) : undefined
    this.#odd.set(ordinal, values.length > 0 && place === undefined ? values : undefined)
    if (ordinal >= this.#lons.length && place === undefined) return
    this.#lons = widened(this.#lons, ordinal)
    this.#lats = widened(this.#lats, ordinal)
    this.#lons[ordinal] = place?.lon ?? Number.NaN
    this.#lats[ordinal] = place?.lat ?? Number.NaN
  }

  fill(bits: Bits, test: Test): void {
    const place = { lon: 0, lat: 0 }
    const end = Math.min(bits.length, this.#lons.length)
    for (let ordinal = 0; ordinal < end; ordinal++) {
      place.lon = this.#lons[ordinal]!
      place.lat = this.#lats[ordinal]!
      if (!Number.isNaN(place.lon) && test(place)) bits.add(ordinal)
    }
    this.#odd.fill(bits, test)
  }
}
