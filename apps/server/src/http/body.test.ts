import { PassThrough } from 'node:stream'
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { BodyReader } from './body.js'

const incoming = (headers: Record<string, string> = {}): PassThrough & IncomingMessage =>
  Object.assign(new PassThrough(), { headers }) as unknown as PassThrough & IncomingMessage

test('[HT15] bodies that together pass the bound are refused as overload, and later ones are read again', async () => {
  const reader = new BodyReader({ bodyBytesMax: 100, jsonDepthMax: 8, requestTimeoutMs: 60_000 }, 150)
  const [first, second] = [incoming(), incoming()]
  const [one, two] = [reader.json(first), reader.json(second)]
  first.write(' '.repeat(90))
  second.write(' '.repeat(90))
  await expect(two).rejects.toMatchObject({ code: 'OVERLOADED' })
  first.end('{}')
  expect(await one).toEqual({})
  const third = incoming()
  const three = reader.json(third)
  third.end(`${' '.repeat(90)}[1]`)
  expect(await three).toEqual([1])
})

test('[HT15] a client that hangs up leaves nothing counted', async () => {
  const reader = new BodyReader({ bodyBytesMax: 100, jsonDepthMax: 8, requestTimeoutMs: 60_000 }, 100)
  const lost = incoming()
  const reading = reader.json(lost)
  lost.write(' '.repeat(90))
  setImmediate(() => lost.destroy())
  await expect(reading).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  const next = incoming()
  const read = reader.json(next)
  next.end(`${' '.repeat(90)}1`)
  expect(await read).toBe(1)
})

test('[HT15] a body that does not end is refused when its time is over', async () => {
  const reader = new BodyReader({ bodyBytesMax: 100, jsonDepthMax: 8, requestTimeoutMs: 5 })
  const slow = incoming()
  slow.write('[1')
  await expect(reader.json(slow)).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('5 ms') })
})
