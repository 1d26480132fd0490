import { formatError, invalid, unsupported } from '../http/errors.js'
import type { JsonMap } from '../http/json-parse.js'
import type { Route } from '../http/router.js'
import { selected } from '../query/matching.js'
import type { Region } from '../region.js'
import { readSelector } from '../schema/filter.js'
import { readPayload } from '../schema/payload.js'
import { readTexts } from '../schema/read.js'
import { patch, type ReadOps, writeRoute } from './points-write.js'

/** Changes of payloads, by ids or by filter. An id that is not there refuses the whole request. */
export const payloadRoutes = (region: Region): Route[] => [
  writeRoute(region, 'POST', '/points/payload', setPayload(false)),
  writeRoute(region, 'PUT', '/points/payload', setPayload(true)),
  writeRoute(region, 'POST', '/points/payload/delete', deleteKeys),
  writeRoute(region, 'POST', '/points/payload/clear', clear),
]

const setPayload =
  (isOverwrite: boolean): ReadOps =>
  (body, collection, { config }) => {
    refuseKey(body)
    if (body.payload === undefined) throw formatError('missing field `payload`; send an object')
    const set = readPayload(body.payload, 'payload')
    const ids = selected(collection, readSelector(body, config.batchPointsMax), 'refuse')
    return ids.map((id) => patch(id, { clear: isOverwrite, set }))
  }

const deleteKeys: ReadOps = (body, collection, { config }) => {
  if (body.keys === undefined) throw formatError('missing field `keys`; send the names of the keys to delete')
  const keys = [...new Set(readTexts(body.keys, 'keys'))]
  if (keys.length === 0) throw invalid('keys', 'no keys, send at least one')
  for (const key of keys)
    if (/[.[\]"]/.test(key))
      throw unsupported(
        `keys: ${JSON.stringify(key)} is a nested path, which is not supported yet; overwrite its top-level key`,
      )
  const ids = selected(collection, readSelector(body, config.batchPointsMax), 'refuse')
  return ids.map((id) => patch(id, { unset: keys }))
}

const clear: ReadOps = (body, collection, { config }) =>
  selected(collection, readSelector(body, config.batchPointsMax), 'refuse').map((id) => patch(id, { clear: true }))

const refuseKey = (body: JsonMap): void => {
  if (body.key !== undefined && body.key !== null)
    throw unsupported('key: setting a nested path is not supported yet; send the whole top-level value')
}
