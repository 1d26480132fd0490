import { formatError, invalid } from '../http/errors.js'
import type { Route } from '../http/router.js'
import { type PayloadChange, removeAt, setAt, topChange } from '../payload-edit.js'
import { selected } from '../query/matching.js'
import type { Region } from '../region.js'
import { readSelector } from '../schema/filter.js'
import { readDeletedPath, readKeyPath } from '../schema/key-path.js'
import { readPayload } from '../schema/payload.js'
import { optional, readText, readTexts } from '../schema/read.js'
import { later, patch, type ReadPlan } from '../write-plan.js'
import { writeRoute } from './points-write.js'

/**
 * Changes of payloads, by ids or by filter. An id that is not there refuses the whole request. An edit below a top-level key
 * is made of what is there when its turn comes, and written as the whole value of that key: of two regions that edit below
 * one key at once, the newer has it.
 */
export const payloadRoutes = (region: Region): Route[] => [
  writeRoute(region, 'POST', '/points/payload', setPayload),
  writeRoute(region, 'PUT', '/points/payload', overwritePayload),
  writeRoute(region, 'POST', '/points/payload/delete', deletePayload),
  writeRoute(region, 'POST', '/points/payload/clear', clearPayload),
]

const payloadWriter =
  (isOverwrite: boolean): ReadPlan =>
  (body, _collection, { config }) => {
    if (body.payload === undefined) throw formatError('missing field `payload`; send an object')
    const source = readPayload(body.payload, 'payload')
    const path = optional(body.key, 'key', undefined, (value, at) => readKeyPath(readText(value, at), at))
    const selector = readSelector(body, config.batchPointsMax)
    const change: PayloadChange = isOverwrite ? { set: source, unset: [] } : topChange(source)
    return later((now) =>
      selected(now, selector, 'refuse').map((id) =>
        path === undefined
          ? patch(id, { clear: isOverwrite, ...change })
          : patch(id, setAt(now.payload(now.find(id)!), path, source, isOverwrite)),
      ),
    )
  }

/** Merges; with a `key`, into the object there. */
export const setPayload = payloadWriter(false)
/** Replaces; with a `key`, only what is there. */
export const overwritePayload = payloadWriter(true)

export const deletePayload: ReadPlan = (body, _collection, { config }) => {
  if (body.keys === undefined) throw formatError('missing field `keys`; send the names of the keys to delete')
  const keys = [...new Set(readTexts(body.keys, 'keys'))]
  if (keys.length === 0) throw invalid('keys', 'no keys, send at least one')
  const paths = keys.map((key, i) => readDeletedPath(key, `keys[${i}]`))
  const selector = readSelector(body, config.batchPointsMax)
  return later((now) =>
    selected(now, selector, 'refuse').flatMap((id) => {
      const change = removeAt(now.payload(now.find(id)!), paths)
      return change.unset.length === 0 && Object.keys(change.set).length === 0 ? [] : [patch(id, change)]
    }),
  )
}

export const clearPayload: ReadPlan = (body, _collection, { config }) => {
  const selector = readSelector(body, config.batchPointsMax)
  return later((now) => selected(now, selector, 'refuse').map((id) => patch(id, { clear: true })))
}
