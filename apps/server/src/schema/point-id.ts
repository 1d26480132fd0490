import { integerId, type PointId, uuidId } from '@meridian/core'
import { badRequest, formatError, invalid } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import { readArray, wrongType } from './read.js'

const WANTED = 'an unsigned 64-bit integer or a UUID'

/** @throws StoreError `MALFORMED_BODY`. A digit string is an id in a path only. */
export const readPointId = (value: Json | undefined, path: string): PointId => {
  const id =
    typeof value === 'number' || typeof value === 'bigint'
      ? integerId(value)
      : typeof value === 'string'
        ? uuidId(value)
        : undefined
  if (id !== undefined) return id
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    throw formatError(`${path}: value ${shown(value)} is not a valid point ID, valid values are either ${WANTED}`)
  throw wrongType(path, WANTED, value)
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
  const id = /^\d{1,20}$/.test(text) ? integerId(BigInt(text)) : uuidId(text)
  if (id === undefined) throw badRequest(`Can not recognize \`${shown(text)}\` as a point id: it must be ${WANTED}`)
  return id
}
