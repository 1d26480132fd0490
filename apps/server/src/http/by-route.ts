import type { Route } from './router.js'

/** `of`, asked once for each route: what follows from its method and path is the same for every request. */
export const byRoute = <T extends {}>(of: (route: Route) => T): ((route: Route) => T) => {
  const known = new WeakMap<Route, T>()
  return (route) => {
    const before = known.get(route)
    if (before !== undefined) return before
    const found = of(route)
    known.set(route, found)
    return found
  }
}
