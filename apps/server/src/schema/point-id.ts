import { ID_TEXT_BYTES_MAX, integerId, type PointId, uuidId } from '@meridian/core'
import { badRequest, formatError, invalid } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import { readArray, wrongType } from './read.js'
import { readLimits } from './read-limits.js'

const wanted = (): string =>
  readLimits().areTextIdsTaken
    ? `an unsigned 64-bit integer, a UUID or a string of 1 to ${ID_TEXT_BYTES_MAX} bytes without control characters that is not only digits`
    : 'an unsigned 64-bit integer or a UUID'

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/**
 * The id in a string: a UUID in any of its forms, or, where they are taken, any other text. Digits alone are none: in a path they
 * are an integer, and one text must not be two ids.
 */
export const textId = (text: string): PointId | undefined => {
  const uuid = uuidId(text)
  if (uuid !== undefined || !readLimits().areTextIdsTaken) return uuid
  if (text.length === 0 || text.length > ID_TEXT_BYTES_MAX || Buffer.byteLength(text) > ID_TEXT_BYTES_MAX)
    return undefined
  return CONTROL.test(text) || /^\d+$/.test(text) ? undefined : text
}

/** @throws StoreError `MALFORMED_BODY`. A digit string is an id in a path only. */
export const readPointId = (value: Json | undefined, path: string): PointId => {
  const id =
    typeof value === 'number' || typeof value === 'bigint'
      ? integerId(value)
      : typeof value === 'string'
        ? textId(value)
        : undefined
  if (id !== undefined) return id
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    throw formatError(`${path}: value ${shown(value)} is not a valid point ID, valid values are either ${wanted()}`)
  throw wrongType(path, wanted(), value)
}

const shown = (value: string | number | bigint): string => {
  const text = String(value)
  return text.length > 64 ? `${text.slice(0, 64)}...` : text
}

/** At most `max` ids. */
export const readPointIds = (value: Json | undefined, path: string, max: number): PointId[] => {
  const items = readArray(value, path)
  if (items.length > max) throw invalid(path, `${items.length} ids, send at most ${max} in one request`)
  return items.map((item, i) => readPointId(item, `${path}[${i}]`))
}

/** An id in a path. @throws StoreError `BAD_REQUEST`. */
export const parsePointId = (text: string): PointId => {
  const id = /^\d{1,20}$/.test(text) ? integerId(BigInt(text)) : textId(text)
  if (id === undefined) throw badRequest(`Can not recognize \`${shown(text)}\` as a point id: it must be ${wanted()}`)
  return id
}
