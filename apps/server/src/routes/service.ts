import { bare, plain } from '../http/envelope.js'
import { type Route, Whole } from '../http/router.js'
import type { Region } from '../region.js'
import { API_VERSION, COMMIT, VERSION } from '../version.js'

/** Who this is, how it does, and what monitoring reads. */
export const serviceRoutes = (region: Region): Route[] => [
  {
    method: 'GET',
    path: '/',
    isOpen: true,
    isProbe: true,
    handle: () =>
      new Whole(
        bare({
          title: 'Meridian - active-active vector store',
          version: API_VERSION,
          commit: COMMIT,
          ext: { name: 'meridian', version: VERSION, region: region.config.region },
        }),
      ),
  },
  {
    method: 'GET',
    path: '/healthz',
    isOpen: true,
    isProbe: true,
    handle: () => new Whole(plain('healthz check passed')),
  },
  { method: 'GET', path: '/livez', isOpen: true, isProbe: true, handle: () => new Whole(plain('livez check passed')) },
  {
    method: 'GET',
    path: '/readyz',
    isOpen: true,
    isProbe: true,
    handle: () => {
      const reason = region.unready()
      return new Whole(reason === undefined ? plain('all shards are ready') : plain(reason, 503))
    },
  },
  {
    method: 'GET',
    path: '/metrics',
    isProbe: true,
    handle: async () => new Whole(plain(await region.metrics.text(region), 200, region.metrics.contentType)),
  },
  { method: 'GET', path: '/telemetry', handle: () => telemetry(region) },
  { method: 'GET', path: '/cluster', handle: () => ({ status: 'disabled' }) },
  { method: 'GET', path: '/issues', handle: () => ({ issues: [] }) },
]

const telemetry = (region: Region) => ({
  id: region.instance,
  app: {
    name: 'meridian',
    version: API_VERSION,
    startup: region.startedAt.toISOString(),
    jwt_rbac: false,
    ext: { version: VERSION, region: region.config.region },
  },
  collections: { number_of_collections: region.replica.collections().length, max_collections: null },
  cluster: { enabled: false, resharding_enabled: false },
})
