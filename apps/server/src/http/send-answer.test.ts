import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import Koa from 'koa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer } from './envelope.js'
import { sendAnswer } from './send-answer.js'

const TYPE = 'application/json'
const ANSWERS: Readonly<Record<string, Answer>> = {
  '/text': { status: 200, contentType: TYPE, body: '"é😀"' },
  '/bytes': { status: 422, contentType: TYPE, body: Buffer.from('[1]') },
  '/stream': { status: 200, contentType: TYPE, body: Readable.from(['12', '3']) },
  '/nothing': { status: 204, contentType: 'text/plain', body: '' },
  '/empty': { status: 200, contentType: 'text/plain', body: '' },
}
let server: Server
let url: string

beforeAll(async () => {
  const app = new Koa()
  app.use((ctx) => sendAnswer(ctx, ANSWERS[ctx.path]!, { 'x-one': '1', connection: 'close' }))
  server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => void server.close())

const ask = async (path: string, method = 'GET') => {
  const response = await fetch(url + path, { method })
  const { headers, status } = response
  const [length, type] = [headers.get('content-length'), headers.get('content-type')]
  expect([headers.get('x-one'), headers.get('connection')]).toEqual(['1', 'close'])
  return { status, length, type, text: await response.text() }
}

test('[HT28] an answer tells the bytes that it has, whatever it is made of', async () => {
  expect(await ask('/text')).toEqual({ status: 200, length: '8', type: TYPE, text: '"é😀"' })
  expect(await ask('/bytes')).toEqual({ status: 422, length: '3', type: TYPE, text: '[1]' })
  expect(await ask('/empty')).toMatchObject({ status: 200, length: '0', text: '' })
})

test('[HT28] HEAD tells the same and sends none; an answer without content has neither', async () => {
  expect(await ask('/text', 'HEAD')).toEqual({ status: 200, length: '8', type: TYPE, text: '' })
  expect(await ask('/nothing')).toMatchObject({ status: 204, length: null, text: '' })
})

test('[HT28] a stream is sent as it comes', async () => {
  expect(await ask('/stream')).toEqual({ status: 200, length: null, type: TYPE, text: '123' })
})
