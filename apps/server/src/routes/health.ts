import type { Route } from '../http/router.js'
import type { Region } from '../region.js'

/** How this region does, in words. Always 200: `/readyz` and `/livez` are for those that act on a status. */
export const healthRoutes = (region: Region): Route[] =>
  ['/health', '/meridian/health'].map((path) => ({
    method: 'GET',
    path,
    isProbe: true,
    handle: () => shown(region),
  }))

const shown = (region: Region) => {
  const unready = region.unready()
  const degradations = region.health.degradations()
  return {
    region: region.config.region,
    status: unready !== undefined ? 'unready' : degradations.length > 0 ? 'degraded' : 'ok',
    unready: unready ?? null,
    degradations: degradations.map(({ code, peer, about, message, forSeconds }) => ({
      code,
      peer: peer ?? null,
      about: about ?? null,
      message,
      for_seconds: forSeconds,
    })),
  }
}
