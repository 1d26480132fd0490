import { FLOAT_TEXT_MAX, writeFloats } from './print-floats.js'

/** A vector in an answer: `printJson` prints each number as the shortest decimal of its float32. */
export class Floats {
  constructor(readonly values: Float32Array) {}

  /** `JSON.stringify` stumbles here, as it does over a `bigint`. Made once: a stack trace costs more than the vector. */
  toJSON(): never {
    throw SLOWLY
  }
}

const SLOWLY = new TypeError('printed by printJson alone')

/**
 * JSON text of an answer between two texts. A `bigint` prints as its digits (ids beyond 2^53 are numbers on the wire), `Floats`
 * as short decimals. Most answers have neither, so the fast printer goes first; the one that makes UTF-8 bytes only runs when
 * that stumbles.
 */
export const printJson = (value: unknown, before = '', after = ''): string | Buffer => {
  let text: string
  try {
    text = JSON.stringify(value) ?? 'null'
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const printer = new BytePrinter()
    printer.text(before)
    printer.print(value)
    printer.text(after)
    return printer.take()
  }
  return before + text + after
}

/** A name of an answer's own fields, printed as it is. */
const PLAIN_KEY = /^\w{1,16}$/

const keyText = (key: string): string => (PLAIN_KEY.test(key) ? `"${key}":` : `${JSON.stringify(key)}:`)

/** Printing is over before the next begins, so one buffer serves all; a larger one than this is not kept. */
const KEPT_MAX = 4 * 1024 * 1024
let scratch = Buffer.allocUnsafeSlow(64 * 1024)
const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** Vectors go straight to bytes; what stands between them is collected as text. */
class BytePrinter {
  #out = scratch
  #view = viewOf(scratch)
  #end = 0
  #text = ''

  text(text: string): void {
    this.#text += text
  }

  print(value: unknown): void {
    if (typeof value === 'number') this.#text += Number.isFinite(value) ? String(value) : 'null'
    else if (typeof value === 'bigint') this.#text += value.toString()
    else if (value === null || typeof value !== 'object') this.#text += JSON.stringify(value) ?? 'null'
    else if (value instanceof Floats) this.#floats(value.values)
    else if (Array.isArray(value)) this.#array(value)
    else if ('toJSON' in value && typeof value.toJSON === 'function') this.print(value.toJSON())
    else this.#object(value)
  }

  /** A copy of what was printed. */
  take(): Buffer {
    this.#flush()
    const bytes = Buffer.from(this.#out.subarray(0, this.#end))
    if (this.#out.length <= KEPT_MAX) scratch = this.#out
    return bytes
  }

  #array(items: readonly unknown[]): void {
    this.#text += '['
    for (let i = 0; i < items.length; i++) {
      if (i > 0) this.#text += ','
      this.print(items[i])
    }
    this.#text += ']'
  }

  #object(map: object): void {
    let separator = '{'
    for (const key of Object.keys(map)) {
      const member = (map as Record<string, unknown>)[key]
      if (member === undefined) continue
      this.#text += separator + keyText(key)
      separator = ','
      this.print(member)
    }
    this.#text += separator === '{' ? '{}' : '}'
  }

  #floats(values: Float32Array): void {
    this.#text += '['
    this.#flush()
    this.#reserve(values.length * FLOAT_TEXT_MAX)
    this.#end = writeFloats(this.#view, this.#end, values)
    this.#text = ']'
  }

  #flush(): void {
    // A UTF-16 unit takes three bytes at most.
    this.#reserve(this.#text.length * 3)
    this.#end += this.#out.write(this.#text, this.#end)
    this.#text = ''
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#out.length) return
    const wider = Buffer.allocUnsafeSlow(Math.max(this.#end + bytes, 2 * this.#out.length))
    this.#out.copy(wider, 0, 0, this.#end)
    this.#out = wider
    this.#view = viewOf(wider)
  }
}
