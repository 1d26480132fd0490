import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HttpLine, postBytes, readAnswer } from './http-line.js'

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port

test('[BN29] one connection takes one request after the other, and answers come back whole', async () => {
  const sockets = new Set<Socket>()
  const server = createServer((incoming, response) => {
    sockets.add(incoming.socket)
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const body = Buffer.concat([Buffer.from(`${incoming.method} ${incoming.url} `), ...chunks])
      response.writeHead(incoming.url === '/gone' ? 404 : 200, { 'content-length': body.length }).end(body)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const line = await HttpLine.open(portOf(server))
  const large = JSON.stringify('ä'.repeat(300_000))
  for (const body of ['{}', large, '{"a":1}']) {
    const answer = await line.ask(postBytes('/search', body))
    expect(answer.status).toBe(200)
    expect(answer.body.toString()).toBe(`POST /search ${body}`)
  }
  expect((await line.ask(postBytes('/gone', ''))).status).toBe(404)
  expect(sockets.size).toBe(1)
  const left = line.ask(postBytes('/search', '{}'))
  await expect(line.ask(postBytes('/search', '{}'))).rejects.toThrow('has not been answered')
  await left
  line[Symbol.dispose]()
  server.close()
})

test.each([
  ['SSH-2.0-there\r\n\r\n', 'its first line is none'],
  ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', 'does not tell its length'],
  ['HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab', 'nobody asked for it'],
  ['', 'closed the connection'],
])('[BN29] an answer that is none ends the load: %j', async (text, why) => {
  const server = createTcp((socket) => socket.once('data', () => socket.end(text))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  using line = await HttpLine.open(portOf(server))
  await expect(line.ask(postBytes('/', '{}'))).rejects.toThrow(why)
  server.close()
})

test('[BN29] an answer is read alike however it is cut, and no bytes make a reader fail otherwise than by saying so', () => {
  const whole = Buffer.from('HTTP/1.1 200 OK\r\nx-a: content-length: 9\r\nContent-Length: 5\r\nx-b: c\r\n\r\nhello')
  for (let cut = 0; cut < whole.length; cut++) expect(readAnswer(whole.subarray(0, cut))).toBeUndefined()
  expect(readAnswer(whole)).toMatchObject({ answer: { status: 200, body: Buffer.from('hello') }, size: whole.length })
  const damaged = fc
    .tuple(fc.nat(whole.length - 1), fc.uint8Array({ maxLength: 30 }))
    .map(([at, bytes]) => Buffer.concat([whole.subarray(0, at), bytes, whole.subarray(at + bytes.length)]))
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 }).map(Buffer.from)), (bytes) => {
      try {
        const read = readAnswer(bytes as Buffer)
        expect(read?.size ?? 0).toBeLessThanOrEqual(bytes.length)
      } catch (error) {
        expect((error as Error).message).toContain('no answer over HTTP')
      }
    }),
    { numRuns: 2000 },
  )
})
