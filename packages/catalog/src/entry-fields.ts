import { isImmutableString } from '@automerge/automerge'
import type { JsonValue } from '@meridian/core'

/** What makes an entry of the document unreadable; never leaves `readState`. */
export class Unsound extends Error {}

/* Each reads one field that a peer may have filled with anything. @throws Unsound naming it. */

export const objectOf = (value: unknown, what: string): Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Unsound(`${what} is not a map`)
  return value as Readonly<Record<string, unknown>>
}

export const textOf = (value: unknown, what: string): string => {
  if (typeof value === 'string') return value
  if (isImmutableString(value)) return String(value)
  throw new Unsound(`${what} is not text`)
}

export const integerOf = (value: unknown, what: string, max: number): number => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) {
    throw new Unsound(`${what} is not an integer from 0 to ${max}`)
  }
  return value
}

export const parseJson = (text: string): JsonValue => {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    throw new Unsound('config is not JSON')
  }
}
