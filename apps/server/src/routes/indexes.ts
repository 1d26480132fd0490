import { promised, type WriteReceipt } from '@meridian/replica'
import { formatError } from '../http/errors.js'
import type { Route } from '../http/router.js'
import { collectionOf, type Region } from '../region.js'
import { readIndexSchema } from '../schema/index-schema.js'
import { readKeyPath } from '../schema/key-path.js'
import { readWait } from '../schema/params.js'
import { readMap, readText } from '../schema/read.js'

/** Payload indexes: declared, shown in `payload_schema`, and without any influence on what is found. */
export const indexRoutes = (region: Region): Route[] => [
  {
    method: 'PUT',
    path: '/collections/:collection/index',
    handle: async ({ params, query, body }) => {
      const wait = readWait(query)
      const { name } = collectionOf(region, params.collection!)
      const map = readMap(body, 'body')
      if (map.field_name === undefined) throw formatError('missing field `field_name`; send a payload key')
      const field = readText(map.field_name, 'field_name')
      readKeyPath(field, 'field_name')
      const schema = readIndexSchema(map.field_schema ?? map.field_type)
      return updated(
        wait,
        await promised<WriteReceipt>((done) => region.replica.changeIndex(name, field, schema, done)),
      )
    },
  },
  {
    method: 'DELETE',
    path: '/collections/:collection/index/:field',
    handle: async ({ params, query }) => {
      const wait = readWait(query)
      const { name } = collectionOf(region, params.collection!)
      return updated(
        wait,
        await promised<WriteReceipt>((done) => region.replica.changeIndex(name, params.field!, undefined, done)),
      )
    },
  },
]

const updated = (wait: boolean, { seq }: WriteReceipt) => ({
  operation_id: seq,
  status: wait ? 'completed' : 'acknowledged',
})
