import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { vectorOf } from './http.js'
import { load, percentiles } from './http-load.js'

test('[BN5] percentiles are by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect(percentiles(hundred)).toEqual({ p50Ms: 50, p99Ms: 99 })
  expect(percentiles([7])).toEqual({ p50Ms: 7, p99Ms: 7 })
})

test('[BN5] a load counts what was answered, over its connections, and stops at a refusal', async () => {
  let requests = 0
  let status = 200
  const sockets = new Set<unknown>()
  const server = createServer((incoming, response) => {
    requests++
    sockets.add(incoming.socket)
    incoming.resume().on('end', () => response.writeHead(status).end('answer'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const next = () => ({ method: 'POST', path: '/', body: '{}' })
  const figures = await load(port, 3, 0.1, next)
  expect(figures.answerBytes).toBe(6)
  expect(figures.perSecond).toBeGreaterThan(0)
  expect(figures.p99Ms).toBeGreaterThanOrEqual(figures.p50Ms)
  expect(requests).toBeGreaterThan(20)
  expect(sockets.size).toBe(3)
  status = 503
  await expect(load(port, 1, 0.1, next)).rejects.toThrow('POST /: 503')
  server.close()
})

test('[BN5] vectors are the same for the same seed, and of float32', () => {
  expect(vectorOf(3, 16)).toEqual(vectorOf(3, 16))
  expect(vectorOf(3, 16)).not.toEqual(vectorOf(4, 16))
  for (const each of vectorOf(5, 64)) expect(Math.fround(each)).toBe(each)
})
