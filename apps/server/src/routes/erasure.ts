import { type Erasure, promised } from '@meridian/replica'
import { shownErasure } from '../erasure/show.js'
import type { Route } from '../http/router.js'
import { collectionOf, type Region } from '../region.js'
import { readTimeout } from '../schema/params.js'
import { parsePointId } from '../schema/point-id.js'

const TIMEOUT_DEFAULT_MS = 10_000
const TIMEOUT_MAX_MS = 300_000

/** Where a point that was deleted still is. */
export const erasureRoutes = (region: Region): Route[] => [
  {
    method: 'GET',
    path: '/meridian/collections/:collection/points/:id/erasure',
    // It reads snapshot files, of this region and, by asking them, of all others, and names them.
    needs: 'manage',
    doc: {
      summary: 'In which regions log, blocks, graph and snapshots still hold a deleted point',
      tag: 'Meridian',
      result: 'Erasure',
      query: { timeout: 'Whole seconds to wait for the regions; one that is late is unknown. 10 by default' },
    },
    handle: async ({ params, query }) => {
      const { name } = collectionOf(region, params.collection!)
      const id = parsePointId(params.id!)
      const timeoutMs = Math.min(readTimeout(query) ?? TIMEOUT_DEFAULT_MS, TIMEOUT_MAX_MS)
      const found = await promised<Erasure>((done) => region.replica.erasure(name, id, timeoutMs, done))
      return shownErasure(name, id, found)
    },
  },
]
