import { isAscii } from 'node:buffer'
import { type Json, KEYS_MAX, parseJson } from './json-parse.js'
import { NumberRuns } from './number-run.js'

const OPEN_MAP = 0x7b
const CLOSE_MAP = 0x7d
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const COMMA = 0x2c
const COLON = 0x3a
const QUOTE = 0x22
const ESCAPE = 0x5c
const ZERO = 0x30

/** Characters of a text that is plain enough to be read here, keys among them. */
const TEXT_MAX = 256

/** What walking on its own goes down: operations, operation, points, point, vectors, vector. */
const DEPTH_MIN = 10

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** What was met is none of the usual: whoever reads every body has to. */
const UNUSUAL = new Error('unusual')

/** Reads the value that begins at `at`, itself at a depth from which `depthLeft` more may follow. */
type Read = (at: number, depthLeft: number) => Json

/**
 * As `parseJson`, for bodies that bring points or search: a dense vector where a point or a search has one is a `Float32Array`.
 * Most of such a body is numbers, and making a JavaScript value of each takes several times as long as all the rest of a write.
 *
 *   {"points": [{"vector": [...] | {name: [...]}, ...}], "batch": {"vectors": [[...]] | {name: [[...]]}}, ...}
 *   {"operations": [{kind: one of the above}]}
 *   {"query": [...] | {"nearest": [...]}, ...} | {"vector": [...] | {"vector": [...], ...}, ...} | {"searches": [one of these]}
 *
 * `undefined` for a body of another form, or unsound in any way: `parseJson` reads it, or says what is wrong with it.
 */
export const parsePoints = (bytes: Buffer, depthMax: number): Json | undefined => {
  let end = bytes.length
  while (end > 0 && isSpace(bytes[end - 1])) end--
  if (depthMax < DEPTH_MIN || bytes[end - 1] !== CLOSE_MAP) return undefined
  try {
    return new PointsParser(bytes.subarray(0, end), depthMax).value()
  } catch (error) {
    if (error === UNUSUAL) return undefined
    throw error
  }
}

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

class PointsParser {
  readonly #runs: NumberRuns
  /** Behind what was read last. */
  #at = 0

  /** The last byte is a closing brace, so that what looks for another byte ends there. */
  constructor(
    readonly bytes: Buffer,
    readonly depthMax: number,
  ) {
    this.#runs = new NumberRuns(bytes)
  }

  value(): Json {
    const value = this.#body(this.#space(0), this.depthMax)
    if (this.#at !== this.bytes.length) throw UNUSUAL
    return value
  }

  readonly #any: Read = (at, depthLeft) => {
    const simple = this.#integer(at) ?? this.#text(at)
    if (simple !== undefined) return simple
    const end = this.#endOf(at)
    const part = this.bytes.subarray(at, end)
    let value: Json
    try {
      value = parseJson(isAscii(part) ? part.toString('latin1') : strictUtf8.decode(part), depthLeft)
    } catch {
      throw UNUSUAL
    }
    this.#at = end
    return value
  }

  readonly #body: Read = (at, depthLeft) =>
    this.#map(at, depthLeft, (key) =>
      key === 'points'
        ? this.#points
        : key === 'batch'
          ? this.#batch
          : key === 'operations'
            ? this.#operations
            : key === 'query' || key === 'vector'
              ? this.#asked
              : key === 'searches'
                ? this.#searches
                : this.#any,
    )

  readonly #searches: Read = (at, depthLeft) => this.#list(at, depthLeft, this.#body)
  readonly #asked: Read = (at, depthLeft) =>
    this.bytes[at] === OPEN_MAP
      ? this.#map(at, depthLeft, (key) => (key === 'nearest' || key === 'vector' ? this.#vector : this.#any))
      : this.#vector(at, depthLeft)

  readonly #operations: Read = (at, depthLeft) => this.#list(at, depthLeft, this.#operation)
  readonly #operation: Read = (at, depthLeft) => this.#map(at, depthLeft, () => this.#body)
  readonly #points: Read = (at, depthLeft) => this.#list(at, depthLeft, this.#point)
  readonly #point: Read = (at, depthLeft) =>
    this.#map(at, depthLeft, (key) => (key === 'vector' || key === 'vectors' ? this.#vectors : this.#any))
  readonly #vectors: Read = (at, depthLeft) =>
    this.bytes[at] === OPEN_MAP ? this.#map(at, depthLeft, () => this.#vector) : this.#vector(at, depthLeft)
  readonly #batch: Read = (at, depthLeft) =>
    this.#map(at, depthLeft, (key) => (key === 'vectors' ? this.#columns : this.#any))
  readonly #columns: Read = (at, depthLeft) =>
    this.bytes[at] === OPEN_MAP ? this.#map(at, depthLeft, () => this.#column) : this.#column(at, depthLeft)
  readonly #column: Read = (at, depthLeft) => this.#list(at, depthLeft, this.#vector)

  readonly #vector: Read = (at, depthLeft) => {
    const run = this.bytes[at] === OPEN_LIST ? this.#runs.read(at) : undefined
    if (run === undefined) return this.#any(at, depthLeft)
    this.#at = this.#runs.end
    return run
  }

  #list(start: number, depthLeft: number, read: Read): Json {
    if (this.bytes[start] !== OPEN_LIST) return this.#any(start, depthLeft)
    const items: Json[] = []
    let at = this.#space(start + 1)
    if (this.bytes[at] !== CLOSE_LIST)
      for (;;) {
        items.push(read(at, depthLeft - 1))
        at = this.#space(this.#at)
        if (this.bytes[at] === CLOSE_LIST) break
        if (this.bytes[at] !== COMMA) throw UNUSUAL
        at = this.#space(at + 1)
      }
    this.#at = at + 1
    return items
  }

  #map(start: number, depthLeft: number, readOf: (key: string) => Read): Json {
    if (this.bytes[start] !== OPEN_MAP) return this.#any(start, depthLeft)
    const members: Record<string, Json> = {}
    let at = this.#space(start + 1)
    let count = 0
    if (this.bytes[at] !== CLOSE_MAP)
      for (;;) {
        const key = this.#key(at)
        if (++count > KEYS_MAX) throw UNUSUAL
        at = this.#space(this.#at)
        if (this.bytes[at] !== COLON) throw UNUSUAL
        members[key] = readOf(key)(this.#space(at + 1), depthLeft - 1)
        at = this.#space(this.#at)
        if (this.bytes[at] === CLOSE_MAP) break
        if (this.bytes[at] !== COMMA) throw UNUSUAL
        at = this.#space(at + 1)
      }
    this.#at = at + 1
    return members
  }

  #key(start: number): string {
    const key = this.#text(start)
    if (key === undefined || key === '__proto__') throw UNUSUAL
    return key
  }

  /** ASCII without escapes. */
  #text(start: number): string | undefined {
    const { bytes } = this
    if (bytes[start] !== QUOTE) return undefined
    let at = start + 1
    for (let byte = bytes[at]; byte !== QUOTE; byte = bytes[++at])
      if (byte === undefined || byte < 0x20 || byte > 0x7e || byte === ESCAPE || at - start > TEXT_MAX) return undefined
    this.#at = at + 1
    return bytes.toString('latin1', start + 1, at)
  }

  /** From 1 to 15 digits, as most ids have. */
  #integer(start: number): number | undefined {
    const { bytes } = this
    let value = bytes[start]! - ZERO
    if (!(value >= 1 && value <= 9)) return undefined
    let at = start + 1
    for (; isDigit(bytes[at]!); at++) value = value * 10 + (bytes[at]! - ZERO)
    if (at - start > 15 || isScalar(bytes[at])) return undefined
    this.#at = at
    return value
  }

  #space(from: number): number {
    let at = from
    while (isSpace(this.bytes[at])) at++
    return at
  }

  /** Where the value ends, if it is one. */
  #endOf(start: number): number {
    const { bytes } = this
    const first = bytes[start]
    if (first === QUOTE) return this.#endOfText(start)
    let at = start
    if (first !== OPEN_MAP && first !== OPEN_LIST) {
      for (let byte = first; isScalar(byte); byte = bytes[++at]);
      if (at === start) throw UNUSUAL
      return at
    }
    for (let depth = 0; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === QUOTE) at = this.#endOfText(at) - 1
      else if (byte === OPEN_MAP || byte === OPEN_LIST) depth++
      else if ((byte === CLOSE_MAP || byte === CLOSE_LIST) && --depth === 0) return at + 1
    }
    throw UNUSUAL
  }

  #endOfText(start: number): number {
    const { bytes } = this
    for (let at = start + 1; at < bytes.length; at++) {
      if (bytes[at] === QUOTE) return at + 1
      if (bytes[at] === ESCAPE) at++
    }
    throw UNUSUAL
  }
}

/** Of numbers and names: `-`, `+`, `.`, digits, letters. */
const isScalar = (byte: number | undefined): boolean =>
  byte !== undefined && (byte === 0x2b || byte === 0x2d || byte === 0x2e || isDigit(byte) || isLetter(byte))
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a
