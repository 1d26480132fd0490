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

test('[HT26] of large bodies that are there at once, one is read in a turn of the event loop', async () => {
  const reader = new BodyReader({ bodyBytesMax: 1e6, jsonDepthMax: 8, requestTimeoutMs: 60_000 })
  let turn = 0
  let isOver = false
  const count = (): void => {
    turn++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const read = [1, 2, 3].map(async (number) => {
    const request = incoming()
    const body = reader.json(request)
    request.end(`${' '.repeat(70_000)}${number}`)
    expect(await body).toBe(number)
    return turn
  })
  const turns = await Promise.all(read)
  isOver = true
  expect(new Set(turns).size).toBe(3)
  const small = ['4', '5'].map((text) => {
    const request = incoming()
    const body = reader.json(request)
    request.end(text)
    return body
  })
  expect(await Promise.all(small)).toEqual([4, 5])
})

test('[HT15] a body that waits to be read counts', async () => {
  const reader = new BodyReader({ bodyBytesMax: 100_000, jsonDepthMax: 8, requestTimeoutMs: 60_000 }, 220_000)
  const send = (text: string): Promise<unknown> => {
    const request = incoming()
    const body = reader.json(request)
    request.end(text.padStart(70_000))
    return body
  }
  const [one, two, three] = [send('1'), send('2'), send('3')]
  expect(await one).toBe(1)
  const more = [send('4'), send('5')]
  await expect(more[1]).rejects.toMatchObject({ code: 'OVERLOADED' })
  expect(await Promise.all([two, three, more[0]])).toEqual([2, 3, 4])
  expect(await send('6')).toBe(6)
})
