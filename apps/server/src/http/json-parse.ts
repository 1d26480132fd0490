import { StoreError } from '@meridian/core'
import { formatError } from './errors.js'

/**
 * A parsed body. Integers that a double would round are `bigint`, everything else is what `JSON.parse` gives; numbers are
 * finite, text is well-formed, no key is `__proto__`, and nesting is bounded. Where a point or a search has its dense vector,
 * `parsePoints` gives a `Float32Array` of at least one finite number for an array of them.
 */
export type Json = null | boolean | number | bigint | string | Json[] | Float32Array | { readonly [key: string]: Json }
export type JsonMap = { readonly [key: string]: Json }

/**
 * An integer token of 16 or more digits: the sign that `JSON.parse` may round something. Anchored on what can stand before a
 * number, which makes it three times as fast as looking behind at every digit; a hit inside a string only costs time.
 */
const WIDE_INTEGER = /(?:^|[:,[\s-])\d{16,}(?![\d.eE])/
/** The least integer of 16 digits. */
const LARGE = 1e15
/** Members of one object, and UTF-16 units of a key: each top-level key of a payload is a cell with a stamp of its own. */
export const KEYS_MAX = 10_000
const KEY_LENGTH_MAX = 4096
const SURROGATE = /\p{Surrogate}/u

/** @throws StoreError `MALFORMED_BODY`. */
export const parseJson = (text: string, depthMax: number): Json => {
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    throw formatError(`${(error as Error).message}: send one JSON value`)
  }
  const checker = new Checker(text.includes('\\u'))
  checker.check(value, depthMax, '')
  // Only a body that holds a number so large can hold such an integer: most are spared the search.
  return checker.hasLarge && WIDE_INTEGER.test(text) ? new WideParser(text).value() : value
}

class Checker {
  /** Whether a number was met that 16 digits may have made. */
  hasLarge = false

  constructor(readonly hasEscapes: boolean) {}

  check(value: Json, depthLeft: number, path: string): void {
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) throw formatError(`${path || 'body'}: number out of range`)
      if (value >= LARGE || value <= -LARGE) this.hasLarge = true
    } else if (typeof value === 'string') {
      if (this.hasEscapes && SURROGATE.test(value))
        throw formatError(`${path || 'body'}: text holds a lone surrogate; send well-formed Unicode`)
    } else if (Array.isArray(value)) {
      if (depthLeft === 0) throw tooDeep(path)
      for (let i = 0; i < value.length; i++) {
        const item = value[i]!
        // Vectors are most of every body: spare them the path.
        if (typeof item === 'number' && item < LARGE && item > -LARGE) continue
        this.check(item, depthLeft - 1, `${path}[${i}]`)
      }
    } else if (value !== null && typeof value === 'object' && !(value instanceof Float32Array)) {
      if (depthLeft === 0) throw tooDeep(path)
      const keys = Object.keys(value)
      if (keys.length > KEYS_MAX)
        throw formatError(`${shortened(path)}: ${keys.length} keys in one object, send at most ${KEYS_MAX}`)
      for (const key of keys) {
        if (key.length > KEY_LENGTH_MAX)
          throw formatError(`${shortened(path)}: a key of ${key.length} characters, send at most ${KEY_LENGTH_MAX}`)
        if (key === '__proto__') throw formatError(`${path || 'body'}: the key __proto__ is not allowed; rename it`)
        if (this.hasEscapes && SURROGATE.test(key))
          throw formatError(`${path || 'body'}: a key holds a lone surrogate; send well-formed Unicode`)
        this.check(value[key]!, depthLeft - 1, path === '' ? key : `${path}.${key}`)
      }
    }
  }
}

const tooDeep = (path: string): StoreError =>
  new StoreError('MALFORMED_BODY', `${shortened(path)}: nested too deep; flatten the value`)

const shortened = (path: string): string => (path.length > 80 ? `${path.slice(0, 80)}...` : path || 'body')

/** Reads text that was parsed and checked once, so it may trust the grammar and the depth; only integers are read differently. */
class WideParser {
  #at = 0
  constructor(private readonly text: string) {}

  value(): Json {
    this.#space()
    const char = this.text[this.#at]!
    const value =
      char === '{' ? this.#object() : char === '[' ? this.#array() : char === '"' ? this.#string() : this.#scalar()
    this.#space()
    return value
  }

  #space(): void {
    while (' \n\r\t'.includes(this.text[this.#at] ?? '.')) this.#at++
  }

  #object(): Json {
    const members: Record<string, Json> = Object.create(null)
    this.#at++
    this.#space()
    while (this.text[this.#at] !== '}') {
      this.#space()
      const key = this.#string()
      this.#space()
      this.#at++
      members[key] = this.value()
      if (this.text[this.#at] === ',') this.#at++
    }
    this.#at++
    return members
  }

  #array(): Json {
    const items: Json[] = []
    this.#at++
    this.#space()
    while (this.text[this.#at] !== ']') {
      items.push(this.value())
      if (this.text[this.#at] === ',') this.#at++
    }
    this.#at++
    return items
  }

  #string(): string {
    const start = this.#at++
    while (this.text[this.#at] !== '"') this.#at += this.text[this.#at] === '\\' ? 2 : 1
    return JSON.parse(this.text.slice(start, ++this.#at)) as string
  }

  #scalar(): Json {
    const start = this.#at
    while (/[^\s,\]}]/.test(this.text[this.#at] ?? ' ')) this.#at++
    const token = this.text.slice(start, this.#at)
    if (/^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token))) return BigInt(token)
    return JSON.parse(token) as Json
  }
}
