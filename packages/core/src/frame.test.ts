import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openFrame } from './frame.js'
import { frameOf } from './testing/frame-of.js'

const refused = expect.objectContaining({ code: 'DECODE_FAILED' })
const anyBody = fc.uint8Array({ minLength: 1, maxLength: 200 })

describe('frame', () => {
  it('[FR1] a sealed body opens, out of the middle of a larger buffer too', () => {
    fc.assert(
      fc.property(anyBody, (body) => {
        const frame = frameOf(body)
        const within = Buffer.concat([Buffer.from('abc'), frame, Buffer.from('xyz')])
        expect([...openFrame(frame)]).toEqual([...body])
        expect([...openFrame(within.subarray(3, 3 + frame.length))]).toEqual([...body])
      }),
    )
  })

  it('[FR2] one flipped bit anywhere, up to 32 in a row, or a missing end is refused', () => {
    fc.assert(
      fc.property(anyBody, fc.integer({ min: 1, max: 0xffffffff }), fc.nat(), (body, burst, at) => {
        const frame = frameOf(body)
        for (let bit = 0; bit < frame.length * 8; bit++) {
          const damaged = frame.slice()
          damaged[bit >> 3]! ^= 1 << (bit & 7)
          expect(() => openFrame(damaged)).toThrow(refused)
        }
        const start = at % (frame.length - 3)
        const damaged = frame.slice()
        for (let i = 0; i < 4; i++) damaged[start + i]! ^= (burst >>> (i * 8)) & 0xff
        expect(() => openFrame(damaged)).toThrow(refused)
        expect(() => openFrame(frame.subarray(0, -1))).toThrow(refused)
      }),
      { numRuns: 30 },
    )
  })

  it('[FR3] a frame holds at least a type and a checksum', () => {
    for (let length = 0; length < 5; length++) expect(() => openFrame(new Uint8Array(length))).toThrow(refused)
  })
})
