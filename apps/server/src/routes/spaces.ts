import { promised, type WriteReceipt } from '@meridian/replica'
import type { Route } from '../http/router.js'
import { collectionOf, type Region } from '../region.js'
import { readAddedSpace } from '../schema/collection.js'
import { readTimeout, readWait } from '../schema/params.js'
import { readMap } from '../schema/read.js'

/** Vectors of a collection: those that are added to it after its creation, and those that are taken away with all their values. */
export const spaceRoutes = (region: Region): Route[] => [
  {
    method: 'PUT',
    path: '/collections/:collection/vectors/:vector',
    handle: async ({ params, query, body }) => {
      const wait = readWait(query)
      readTimeout(query)
      const { name, config } = collectionOf(region, params.collection!)
      const space = readAddedSpace(readMap(body, 'body'), config)
      return updated(
        wait,
        await promised<WriteReceipt>((done) => region.replica.addSpace(name, params.vector!, space, done)),
      )
    },
  },
  {
    method: 'DELETE',
    path: '/collections/:collection/vectors/:vector',
    handle: async ({ params, query }) => {
      const wait = readWait(query)
      readTimeout(query)
      const { name } = collectionOf(region, params.collection!)
      return updated(wait, await promised<WriteReceipt>((done) => region.replica.dropSpace(name, params.vector!, done)))
    },
  },
]

const updated = (wait: boolean, { seq }: WriteReceipt) => ({
  operation_id: seq,
  status: wait ? 'completed' : 'acknowledged',
})
