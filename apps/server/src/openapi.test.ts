import { expect, test } from 'vitest'
import { documentPath, operationOf } from './openapi/document.js'
import { describedRoutes, publishedDocument } from './openapi/published.js'

const routes = describedRoutes()
const document = publishedDocument() as { paths: Record<string, Record<string, { operationId: string }>> }

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
