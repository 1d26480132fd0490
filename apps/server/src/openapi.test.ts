import { expect, test } from 'vitest'
import { allRoutes } from './app.js'
import { documentPath, openApiDocument, operationOf } from './openapi/document.js'
import { withDocument } from './routes/openapi.js'
import { withRefusals } from './routes/refused.js'
import type { Region } from './region.js'

/** Routes look into their region only when they are called. */
const routes = withDocument(withRefusals(allRoutes({ config: {}, replica: {} } as unknown as Region)))
const document = openApiDocument(routes) as { paths: Record<string, Record<string, { operationId: string }>> }

test('[HT23] every registered route is in the document, and nothing else is', () => {
  const registered = routes.map(({ method, path }) => `${method} ${documentPath(path)}`)
  const published = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(published.sort()).toEqual(registered.sort())
  expect(new Set(registered).size).toBe(registered.length)
})

test('[HT23] every route is described: by a `doc` of its own or a row of openapi/operations.ts', () => {
  const unknown = routes.filter((route) => operationOf(route) === undefined)
  expect(unknown.map(({ method, path }) => `${method} ${path}`)).toEqual([])
})

test('[HT23] operations have names of their own', () => {
  const ids = Object.values(document.paths).flatMap((methods) => Object.values(methods).map((each) => each.operationId))
  expect(new Set(ids).size).toBe(ids.length)
})
