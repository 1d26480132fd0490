import { expect, test } from 'vitest'
import { type Route, Router } from './router.js'

const route = (method: Route['method'], path: string): Route => ({ method, path, handle: () => undefined })
const router = new Router([
  route('GET', '/'),
  route('GET', '/c/:name'),
  route('PUT', '/c/:name'),
  route('GET', '/c/:name/p/:id'),
  route('GET', '/c/:name/p/fixed'),
])

test('[HT3] parameters are decoded, literals win, trailing slashes do not matter, HEAD is GET', () => {
  expect(router.match('GET', '/c/a%20b/p/7/').params).toEqual({ name: 'a b', id: '7' })
  expect(router.match('GET', '/c/a/p/fixed').route.path).toBe('/c/:name/p/fixed')
  expect(router.match('HEAD', '/').route.path).toBe('/')
})

test('[HT3] an unknown path and an unknown method are told apart', () => {
  expect(() => router.match('GET', '/nowhere')).toThrow(expect.objectContaining({ code: 'UNKNOWN_ROUTE' }))
  expect(() => router.match('DELETE', '/c/a')).toThrow('DELETE /c/a: use GET, PUT')
  expect(() => router.match('GET', '/c/%zz')).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }))
})
