import type { JsonObject, JsonValue } from '@meridian/core'
import { isFull, isNull } from '../filter/compile.js'
import { fieldTest, type Test } from '../filter/field.js'
import type { Condition, Filter } from '../filter/filter.js'
import { parsePath, type Path } from '../filter/path.js'
import { Bits } from './bits.js'
import { type Column, columnOf } from './column.js'

/** Records that may match, found without a look at any payload. */
export interface Matching {
  readonly bits: Bits
  /** Whether all of them do; otherwise each is to be asked. */
  readonly isExact: boolean
}

interface Indexed {
  readonly path: Path
  readonly column: Column
}

/** Highest `min_count` of `min_should` that is answered from columns. */
const LEVELS_MAX = 16

/**
 * The indexed payload keys of a collection: a column a key. Invariants:
 *  1. A record that matches a filter is among what `find` gives for it; of what is exact, nothing else is.
 *  2. Columns hold exactly the records that were set and not removed.
 * Past `bytesMax` it holds nothing and finds nothing any more: filters look at payloads again.
 */
export class PayloadIndex {
  readonly #indexed = new Map<string, Indexed>()
  #records = new Bits(0)
  #end = 0
  #isFull = false

  /** `types` by payload key, as declared; keys of unknown types, or that are no path, are left out. */
  constructor(
    types: ReadonlyMap<string, string>,
    readonly bytesMax: number,
  ) {
    for (const [key, type] of types) {
      const column = columnOf(type)
      const path = column && pathOf(key)
      if (column && path) this.#indexed.set(key, { path, column })
    }
  }

  /** Bytes of all columns, about. */
  get bytes(): number {
    let bytes = this.#records.words.byteLength
    for (const { column } of this.#indexed.values()) bytes += column.bytes
    return bytes
  }

  /** Whether it outgrew `bytesMax` and gave up. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** A record's payload as it is now. Keeps parts of it: it must not change. */
  set(ordinal: number, payload: JsonObject): void {
    if (this.#isFull) return
    this.#reserve(ordinal)
    this.#records.add(ordinal)
    for (const { path, column } of this.#indexed.values()) {
      const values: JsonValue[] = []
      path(payload, (value) => {
        values.push(value)
        return false
      })
      column.set(ordinal, values)
    }
    if (this.bytes <= this.bytesMax) return
    this.#isFull = true
    this.clear()
  }

  /** Holds and finds nothing any more. */
  clear(): void {
    this.#indexed.clear()
    this.#records = new Bits(0)
    this.#end = 0
  }

  remove(ordinal: number): void {
    if (!this.#records.has(ordinal)) return
    this.#records.words[ordinal >>> 5]! &= ~(1 << (ordinal & 31))
    for (const { column } of this.#indexed.values()) column.set(ordinal, [])
  }

  /** `undefined` when no index says anything about the filter. */
  find(filter: Filter): Matching | undefined {
    if (this.#indexed.size === 0) return undefined
    const parts: (Matching | undefined)[] = (filter.must ?? []).map((condition) => this.#condition(condition))
    for (const condition of filter.must_not ?? []) {
      const found = this.#condition(condition)
      parts.push(found?.isExact ? { bits: this.#not(found.bits), isExact: true } : undefined)
    }
    if (filter.should?.length) parts.push(this.#either(filter.should))
    const least = filter.min_should
    if (least?.conditions.length) parts.push(this.#atLeast(least.min_count, least.conditions))
    let isExact = true
    let bits: Bits | undefined
    for (const part of parts) {
      isExact &&= part?.isExact === true
      if (part === undefined) continue
      if (bits === undefined) bits = part.bits
      else bits.and(part.bits)
    }
    if (bits !== undefined) return { bits, isExact }
    return parts.length === 0 ? { bits: this.#trimmed(), isExact: true } : undefined
  }

  #condition(condition: Condition): Matching | undefined {
    if ('key' in condition) return this.#passing(condition.key, fieldTest(condition))
    if ('is_null' in condition) return this.#passing(condition.is_null.key, isNull)
    if ('is_empty' in condition) {
      const full = this.#passing(condition.is_empty.key, isFull)
      return full && { bits: this.#not(full.bits), isExact: true }
    }
    if ('has_id' in condition || 'has_vector' in condition || 'nested' in condition) return undefined
    return this.find(condition)
  }

  #passing(key: string, test: Test): Matching | undefined {
    const indexed = this.#indexed.get(key)
    if (indexed === undefined) return undefined
    const bits = new Bits(this.#end)
    indexed.column.fill(bits, test)
    return { bits, isExact: true }
  }

  #either(conditions: readonly Condition[]): Matching | undefined {
    const bits = new Bits(this.#end)
    let isExact = true
    for (const condition of conditions) {
      const found = this.#condition(condition)
      if (found === undefined) return undefined
      bits.or(found.bits)
      isExact &&= found.isExact
    }
    return { bits, isExact }
  }

  /** Level by level: `levels[n]` are those that passed more than n of the conditions so far. */
  #atLeast(count: number, conditions: readonly Condition[]): Matching | undefined {
    if (count <= 0) return { bits: this.#trimmed(), isExact: true }
    if (count > conditions.length) return { bits: new Bits(this.#end), isExact: true }
    // Each level costs a pass over all records a condition: past some it is dearer than looking at the records.
    if (count > LEVELS_MAX) return undefined
    const levels = Array.from({ length: count }, () => new Bits(this.#end))
    let isExact = true
    for (const condition of conditions) {
      const found = this.#condition(condition)
      if (found === undefined) return undefined
      isExact &&= found.isExact
      for (let level = count - 1; level > 0; level--) {
        const both = levels[level - 1]!.copy()
        both.and(found.bits)
        levels[level]!.or(both)
      }
      levels[0]!.or(found.bits)
    }
    return { bits: levels[count - 1]!, isExact }
  }

  #not(bits: Bits): Bits {
    const rest = this.#trimmed()
    rest.without(bits)
    return rest
  }

  /** All records, as long as the others. */
  #trimmed(): Bits {
    const all = new Bits(this.#end)
    all.words.set(this.#records.words.subarray(0, all.words.length))
    return all
  }

  #reserve(ordinal: number): void {
    this.#end = Math.max(this.#end, ordinal + 1)
    if (ordinal < this.#records.length) return
    const wider = new Bits(Math.max(1024, Math.ceil((ordinal + 1) * 1.5)))
    wider.words.set(this.#records.words)
    this.#records = wider
  }
}

const pathOf = (key: string): Path | undefined => {
  try {
    return parsePath(key)
  } catch {
    return undefined
  }
}
