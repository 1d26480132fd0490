import { parsePath } from '@meridian/index'
import { formatError } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import { type OrderBy, orderValue } from '../query/order-by.js'
import { isMap, optional, readNumber, readText, wrongType } from './read.js'

/** `order_by`: a key, or `{key, direction, start_from}`. */
export const readOrderBy = (value: Json, path: string): OrderBy => {
  if (typeof value === 'string') return { path: parsePath(value), direction: 'asc', startFrom: undefined }
  if (!isMap(value)) throw wrongType(path, 'a payload key or {key, direction, start_from}', value)
  return {
    path: parsePath(readText(value.key, `${path}.key`)),
    direction: optional(value.direction, `${path}.direction`, 'asc' as const, (given, at) => {
      if (given !== 'asc' && given !== 'desc') throw formatError(`${at}: expected asc or desc`)
      return given
    }),
    startFrom: optional(value.start_from, `${path}.start_from`, undefined, (given, at) => {
      if (typeof given !== 'string') return readNumber(given, at)
      const date = orderValue(given)
      if (date === undefined)
        throw formatError(`${at}: ${JSON.stringify(given)} is neither a number nor an RFC 3339 date`)
      return date
    }),
  }
}
