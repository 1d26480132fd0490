import { allows, forbidden, type Grant, type Need } from './auth.js'
import { byRoute } from './by-route.js'
import type { Route } from './router.js'

const READING = /\/points(?:\/(?:scroll|count|query|search|recommend|discover)(?:\/.*)?)?$|\/facet$/
const WRITING = /\/points(?:\/|$)|\/index(?:\/|$)/

/** What a route does, unless it says so itself. What fits nothing here is for administrators. */
export const needOf = byRoute(({ method, path, needs }: Route): Need => {
  if (needs !== undefined) return needs
  if (path.includes('/snapshots') || path.startsWith('/meridian/links')) return 'manage'
  if (method === 'GET') return 'read'
  if (method === 'POST' && READING.test(path)) return 'read'
  return WRITING.test(path) ? 'write' : 'manage'
})

/**
 * @param resolve the name of the collection that a name stands for, if there is one
 * @throws StoreError `FORBIDDEN`
 */
export const checkAccess = (
  grant: Grant,
  route: Route,
  collection: string | undefined,
  resolve: (name: string) => string | undefined,
): void => {
  const need = needOf(route)
  if (route.isForAnyKey && allows({ ...grant, collections: undefined }, need, undefined)) return
  // What a name stands for matters to keys of some collections only.
  const meant = grant.collections === undefined || collection === undefined ? collection : resolve(collection)
  if (!allows(grant, need, meant ?? collection)) throw forbidden(grant, need)
}

/**
 * A key that names a collection opens it under its aliases too. The collection that is meant decides, never the name that was sent:
 * an alias that has the name of a collection that was, or that is moved to another collection, opens nothing more.
 */
export const mayRead = (grant: Grant, name: string, resolve: (name: string) => string | undefined): boolean =>
  allows(grant, 'read', resolve(name) ?? name)
