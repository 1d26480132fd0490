import { type JsonObject, type PointId, parseJson } from '@meridian/client'
import { lines } from './lines.js'
import { type Place, type Row, type RowVector, START } from './row.js'

/** Points, one JSON object a line: `{"id", "vector" | "vectors", "payload"?}`. `chunks` begin at `from`. */
export async function* ndjsonRows(chunks: AsyncIterable<Uint8Array>, from: Place = START): AsyncGenerator<Row> {
  let row = from.row
  for await (const line of lines(chunks)) {
    const place = { row: row++, endByte: from.byte + line.end }
    if (line.text === undefined) yield { ...place, kind: 'bad', reason: line.reason ?? 'unreadable' }
    else if (line.text.trim() === '') yield { ...place, kind: 'blank' }
    else yield { ...place, ...parsePoint(line.text) }
  }
}

type Parsed =
  | {
      readonly kind: 'point'
      readonly id: PointId
      readonly vector: RowVector
      readonly payload: JsonObject | undefined
    }
  | { readonly kind: 'bad'; readonly reason: string }

const bad = (reason: string): Parsed => ({ kind: 'bad', reason })

const parsePoint = (text: string): Parsed => {
  const value = parseObject(text)
  if (typeof value === 'string') return bad(value)
  const { id, payload } = value
  if (!isPointId(id)) return bad('"id" must be an unsigned integer or a string')
  const vector = value.vector ?? value.vectors
  const reason = vectorFault(vector)
  if (reason !== undefined) return bad(reason)
  if (payload !== undefined && payload !== null && !isObject(payload)) return bad('"payload" must be an object')
  return { kind: 'point', id, vector: vector as RowVector, payload: (payload ?? undefined) as JsonObject | undefined }
}

/** Payloads for rows that have only a vector: one JSON object a line, `{}` or `null` for none. */
export async function* payloadRows(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly payload: JsonObject } | { readonly reason: string }> {
  for await (const line of lines(chunks)) {
    if (line.text === undefined) yield { reason: line.reason ?? 'unreadable' }
    else if (line.text.trim() === 'null') yield { payload: {} }
    else {
      const payload = parseObject(line.text)
      yield typeof payload === 'string' ? { reason: payload } : { payload: payload as JsonObject }
    }
  }
}

/** The object, or what is wrong with the text. */
const parseObject = (text: string): Record<string, unknown> | string => {
  try {
    const value = parseJson(text)
    return isObject(value) ? value : 'line is not a JSON object'
  } catch (error) {
    return `line is not JSON: ${(error as Error).message}`
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const U64_MAX = 2n ** 64n - 1n

const isPointId = (id: unknown): id is PointId =>
  typeof id === 'bigint'
    ? id >= 0n && id <= U64_MAX
    : typeof id === 'number'
      ? Number.isSafeInteger(id) && id >= 0
      : typeof id === 'string' && id.length > 0

const vectorFault = (vector: unknown): string | undefined => {
  if (Array.isArray(vector)) return numbersFault('"vector"', vector)
  if (!isObject(vector)) return '"vector" must be a list of numbers, or an object of such lists by name'
  for (const [name, value] of Object.entries(vector)) {
    if (!Array.isArray(value)) return `vector ${JSON.stringify(name)} must be a list of numbers`
    const fault = numbersFault(`vector ${JSON.stringify(name)}`, value)
    if (fault !== undefined) return fault
  }
  return Object.keys(vector).length === 0 ? '"vector" names no vector' : undefined
}

const numbersFault = (what: string, list: unknown[]): string | undefined => {
  if (list.length === 0) return `${what} is empty`
  for (let i = 0; i < list.length; i++)
    if (typeof list[i] !== 'number' || !Number.isFinite(Math.fround(list[i] as number)))
      return `${what} has no finite 32-bit number at position ${i}`
  return undefined
}
