import { randomBytes } from 'node:crypto'

/**
 * JSON with integers beyond 2^53 as `bigint`. Ids are unsigned 64-bit integers, and `JSON.parse` rounds them. The common
 * text has no such number, so a cheap scan decides, and only then the text is rewritten: wide integers become marked
 * strings, which a reviver (or, writing, a replacement) turns back. The mark is random for each process, so no data contains it.
 */
const MARK = `wide-${randomBytes(12).toString('hex')}:`

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs
const WIDE = /^-?\d{16,}$/
/** Sixteen digits of an integer part: long fractions, of which vectors are full, do not count. */
const HAS_WIDE = /(?<![\d.])\d{16}/

export const parseJson = (text: string): unknown => {
  if (!HAS_WIDE.test(text)) return JSON.parse(text)
  const marked = text.replace(TOKEN, (token) => (isWide(token) ? `"${MARK}${token}"` : token))
  if (marked.length === text.length) return JSON.parse(text)
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  )
}

const isWide = (token: string): boolean => WIDE.test(token) && !Number.isSafeInteger(Number(token))

export const stringifyJson = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof TypeError && /BigInt/.test(error.message))) throw error
  }
  const marked = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${MARK}${item}` : item))
  return marked.replaceAll(new RegExp(`"${MARK}(-?\\d+)"`, 'g'), '$1')
}
