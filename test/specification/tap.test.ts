import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRegion, type DiskRegion } from '../http/kit/region.js'
import { deviationOf, DEVIATIONS } from './deviations.js'
import type { Exchange } from './exchange.js'
import { Judge } from './judge.js'
import { judgedCount, takeProblems } from './tap.js'
import { publishedDocument } from '@meridian/server'

const judge = new Judge(publishedDocument())
let region: DiskRegion
beforeAll(async () => {
  region = await openRegion()
})
afterAll(() => region[Symbol.asyncDispose]())

/** A region that answers what it is told to, as long as it is told. */
const faking = async <T>(status: number, body: unknown, ask: (url: string) => Promise<T>): Promise<T> => {
  const server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': crypto.randomUUID() })
    response.end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('[SP1] every exchange with a region of this process is heard, whoever asks', async () => {
  await takeProblems()
  const before = judgedCount()
  await region.send('PUT', '/collections/heard', { vectors: { size: 2, distance: 'Dot' } })
  await region.send('GET', '/collections/nowhere')
  expect(await takeProblems()).toEqual([])
  expect(judgedCount() - before).toBe(2)
})

test('[SP2] sabotage: a wrong field in an answer is told with operation, place and reason', async () => {
  const hit = { id: 1, version: 1, score: '0.5' }
  const answer = { result: { points: [hit] }, status: 'ok', time: 0.1 }
  await faking(200, answer, async (url) => {
    const body = JSON.stringify({ query: [1, 2] })
    const headers = { 'content-type': 'application/json' }
    await (await fetch(`${url}/collections/c/points/query`, { method: 'POST', body, headers })).text()
  })
  const place = 'POST /collections/{}/points/query: answer at /result/points/0/score: must be number'
  expect(await takeProblems()).toEqual([`${place} (by Qdrant's specification)`, `${place} (by the published document)`])
})

const OK = '{"result":true,"status":"ok","time":0.1}'
const sent = (method: string, url: string, request?: unknown, more: Partial<Exchange> = {}): Exchange => ({
  ...{ method, url, status: 200, contentType: 'application/json', answer: OK },
  request: request === undefined ? undefined : JSON.stringify(request),
  ...more,
})
const UPDATED = '{"result":{"operation_id":1,"status":"completed"},"status":"ok","time":0.1}'
const upserted = (point: unknown): Exchange =>
  sent('PUT', '/collections/c/points?wait=true', { points: [point] }, { answer: UPDATED })

test.each<[string, Exchange, string]>([
  [
    'a request that is not legal and was taken',
    sent('PUT', '/collections/c', { vectors: { size: 0, distance: 'Dot' } }),
    'PUT /collections/{}: request at /vectors',
  ],
  ['an unknown parameter', sent('DELETE', '/collections/c?wiat=true'), 'request at ?wiat: no such parameter'],
  [
    'a parameter of the wrong type',
    sent('DELETE', '/collections/c?timeout=soon'),
    'request at ?timeout: must be integer',
  ],
  ['a field without a value', upserted({ id: 1 }), "must have required property 'vector'"],
  ['an id that is none', upserted({ id: -1, vector: [1] }), '/points/0/id: must be >= 0'],
  ['success of what nobody has described', sent('GET', '/collections/c/secret'), 'not in the published document'],
  ['a status that is not in the document', sent('DELETE', '/collections/c', undefined, { status: 202 }), 'status 202'],
  ['an error without its envelope', sent('GET', '/nowhere', undefined, { status: 404 }), 'must be object'],
  ['an answer of another type', sent('GET', '/collections', undefined, { contentType: 'text/html' }), 'text/html'],
  ['a body that is no JSON', sent('DELETE', '/collections/c', undefined, { answer: '{' }), 'is not JSON'],
])('[SP2] sabotage: %s is noticed', (_, exchange, text) => {
  expect(judge.problems(exchange).join('\n')).toContain(text)
})

test('[SP3] ids of text are legal by our document alone, and only where ids stand', () => {
  expect(judge.problems(upserted({ id: 'a text', vector: [1] }))).toEqual([])
  expect(judge.problems(upserted({ id: 'a text', vector: 'a text' }))).not.toEqual([])
})

test('[SP4] each listed deviation is told in docs/compatibility.md, and lets nothing else pass', () => {
  const compatibility = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8').replaceAll(
    /\s+/g,
    ' ',
  )
  for (const { why } of DEVIATIONS) expect(compatibility).toContain(`- ${why}`)
  expect(new Set(DEVIATIONS.map(({ why }) => why)).size).toBe(DEVIATIONS.length)
  const other = { part: 'answer', operation: 'GET /collections', at: '/result', reason: 'must be object' } as const
  expect(deviationOf(other)).toBeUndefined()
  expect(deviationOf({ ...other, part: 'request' })).toBeUndefined()
})
