import { printFloats } from './float32.js'

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
 * JSON text of an answer. A `bigint` prints as its digits (ids beyond 2^53 are numbers on the wire), `Floats` as short decimals.
 * Most answers have neither, so the fast printer goes first and the slow one only runs when it stumbles over one.
 */
export const printJson = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? 'null'
  } catch (error) {
    if (error instanceof TypeError) return printSlowly(value)
    throw error
  }
}

const printSlowly = (value: unknown): string => {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (value instanceof Floats) return printFloats(value.values)
  if ('toJSON' in value && typeof value.toJSON === 'function') return printSlowly(value.toJSON())
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? printSlowly(item) : `,${printSlowly(item)}`
    return `[${text}]`
  }
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    if (text !== '') text += ','
    text += `${JSON.stringify(key)}:${printSlowly(member)}`
  }
  return `{${text}}`
}
