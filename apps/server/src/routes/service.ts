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
  probe('/healthz', () => region.broken(), 'healthz check passed'),
  probe('/livez', () => region.broken(), 'livez check passed'),
  probe('/readyz', () => region.unready(), 'all shards are ready'),
  {
    method: 'GET',
    path: '/metrics',
    isProbe: true,
    handle: async () => new Whole(plain(await region.metrics.text(region), 200, region.metrics.contentType)),
  },
  { method: 'GET', path: '/telemetry', handle: () => telemetry(region) },
  { method: 'GET', path: '/cluster', handle: () => ({ status: 'disabled' }) },
  { method: 'GET', path: '/issues', handle: () => ({ issues: [] }) },
  { method: 'DELETE', path: '/issues', handle: () => true },
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

/** Plain text, for machines that look at the status and people who look at the reason. */
const probe = (path: string, failure: () => string | undefined, passed: string): Route => ({
  method: 'GET',
  path,
  isOpen: true,
  isProbe: true,
  handle: () => {
    const reason = failure()
    return new Whole(reason === undefined ? plain(passed) : plain(reason, 503))
  },
})
