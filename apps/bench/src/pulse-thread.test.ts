import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { requestBytes } from './http-line.js'
import { HttpLines } from './http-lines.js'
import { machineMs } from './machine-ms.js'
import { timesBetween } from './pulse.js'
import { PulseThread } from './pulse-thread.js'

const serve = async (listener: RequestListener): Promise<number> => {
  const server = createServer(listener).listen(0, '127.0.0.1')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
const answer = 'HTTP says so'

test('[BN30] a pulse in a thread asks in turn, counts the waiting, and tells when by the clock of all', async () => {
  const paths: (string | undefined)[] = []
  const port = await serve((request, response) => {
    paths.push(request.url)
    response.writeHead(200, { 'content-length': answer.length }).end(answer)
  })
  const fromMs = machineMs()
  const pulse = await PulseThread.open({
    port,
    everyMs: 2,
    requests: ['/a', '/b'].map((path) => requestBytes('POST', path, '{}')),
  })
  while (paths.length < 10) await new Promise(setImmediate)
  const beats = await pulse.stop()
  expect(beats.length).toBe(paths.length)
  // Over several lines they may overtake one another.
  const count = (path: string): number => paths.filter((each) => each === path).length
  expect(Math.abs(count('/a') - count('/b'))).toBeLessThanOrEqual(1)
  expect(timesBetween(beats, fromMs, machineMs())).toHaveLength(beats.length)
  expect(timesBetween(beats, machineMs(), Number.POSITIVE_INFINITY)).toEqual([])
})

test('[BN30] a request that is refused fails the pulse when it is stopped', async () => {
  let count = 0
  const port = await serve((_, response) => {
    count++
    response.writeHead(503, { 'content-length': 0 }).end()
  })
  const pulse = await PulseThread.open({ port, everyMs: 2, requests: [requestBytes('POST', '/', '{}')] })
  while (count === 0) await new Promise(setImmediate)
  await expect(pulse.stop()).rejects.toThrow('503')
})

test('[BN30] lines are as many as requests under way, are used again, and tell when to come again', async () => {
  const sockets = new Set<unknown>()
  const held: (() => void)[] = []
  const port = await serve((request, response) => {
    sockets.add(request.socket)
    response.writeHead(429, { 'content-length': 0, 'retry-after': '3' })
    held.push(() => void response.end())
  })
  using lines = new HttpLines(port)
  for (let round = 0; round < 2; round++) {
    const asked = [0, 1, 2].map(() => lines.ask(requestBytes('PUT', '/', '{}')))
    while (held.length < 3) await new Promise(setImmediate)
    for (const end of held.splice(0)) end()
    for (const each of await Promise.all(asked)) expect(each).toMatchObject({ status: 429, retryAfter: 3 })
  }
  expect(sockets.size).toBe(3)
})
