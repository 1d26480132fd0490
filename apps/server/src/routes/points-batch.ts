import type { Collection } from '@meridian/replica'
import { formatError, invalid } from '../http/errors.js'
import type { Json } from '../http/json-parse.js'
import type { Route } from '../http/router.js'
import type { Region } from '../region.js'
import { NO_SHARD_KEYS, readArray, readMap, refuseFields } from '../schema/read.js'
import { inOrder, type Plan, type ReadPlan } from '../write-plan.js'
import { clearPayload, deletePayload, overwritePayload, setPayload } from './payload.js'
import { deleteVectors, remove, updateVectors, upsert, write } from './points-write.js'

/** Operations of one batch; they are held in memory, read, until their turn comes. */
const OPERATIONS_MAX = 1000

const OPERATIONS: Readonly<Record<string, ReadPlan>> = {
  upsert,
  delete: remove,
  set_payload: setPayload,
  overwrite_payload: overwritePayload,
  delete_payload: deletePayload,
  clear_payload: clearPayload,
  update_vectors: updateVectors,
  delete_vectors: deleteVectors,
}
const KINDS = Object.keys(OPERATIONS).join(', ')

/** Operations of any kind, in order and as one write: each finds what those before it left, and all are written or none. */
export const batchRoutes = (region: Region): Route[] => [
  {
    method: 'POST',
    path: '/collections/:collection/points/batch',
    hasVectors: true,
    handle: (call) => {
      let count = 0
      const readPlan: ReadPlan = (body, collection) => {
        const operations = readArray(body.operations, 'operations')
        count = operations.length
        if (count > OPERATIONS_MAX)
          throw invalid('operations', `${count} operations, send at most ${OPERATIONS_MAX} in one request`)
        return inOrder(operations.map((item, i) => readOperation(item, `operations[${i}]`, collection, region)))
      }
      return write(region, call, readPlan, (result) => Array.from({ length: count }, () => result))
    },
  },
]

const readOperation = (value: Json | undefined, path: string, collection: Collection, region: Region): Plan => {
  const operation = readMap(value, path)
  const [kind, ...others] = Object.keys(operation)
  if (kind === undefined || others.length > 0 || !Object.hasOwn(OPERATIONS, kind))
    throw formatError(`${path}: send exactly one of ${KINDS}`)
  const body = readMap(operation[kind], `${path}.${kind}`)
  refuseFields(body, `${path}.${kind}`, { shard_key: NO_SHARD_KEYS })
  return OPERATIONS[kind]!(body, collection, region)
}
