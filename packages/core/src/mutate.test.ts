import { describe, expect, it } from 'vitest'
import { malformed } from './bytes.js'
import { fuzzDecoder, mutations } from './testing/index.js'

const samples = [Uint8Array.from({ length: 40 }, (_, i) => i), Uint8Array.from([7, 7, 7])]
const list = (count: number, seed: number): string[] =>
  [...mutations(samples, count, seed)].map((bytes) => Buffer.from(bytes).toString('hex'))

describe('mutations', () => {
  it('[FZ1] the same seed damages alike, another seed differently, and no copy equals a sample', () => {
    expect(list(500, 3)).toEqual(list(500, 3))
    expect(list(500, 3)).not.toEqual(list(500, 4))
    const originals = new Set(samples.map((sample) => Buffer.from(sample).toString('hex')))
    expect(list(5000, 5).filter((hex) => originals.has(hex))).toEqual([])
  })

  it('[FZ1] damage is of many kinds: copies get shorter, longer and stay as long, and samples are left alone', () => {
    const lengths = new Set([...mutations(samples, 5000, 6)].map((bytes) => Math.sign(bytes.length - 40)))
    expect([...lengths].sort()).toEqual([-1, 0, 1])
    expect(new Set(list(5000, 7)).size).toBeGreaterThan(2500)
    expect(samples[1]).toEqual(Uint8Array.from([7, 7, 7]))
  })
})

describe('the fuzzer notices', () => {
  const fuzz = (decode: (bytes: Uint8Array) => unknown, slowMsMax = 50) =>
    fuzzDecoder({ name: 'sabotage', samples, decode, count: 500, slowMsMax })
  const isSample = (bytes: Uint8Array): boolean => bytes[0] === 0 || bytes[0] === 7

  it('[FZ2] counts what was refused and what was accepted', () => {
    const counts = fuzz((bytes) => {
      if (!isSample(bytes)) throw malformed('first byte')
    })
    expect(counts.refused + counts.accepted).toBe(500)
    expect(counts.refused).toBeGreaterThan(0)
    expect(counts.accepted).toBeGreaterThan(0)
  })

  it('[FZ2] sabotage: a decoder that throws anything but DECODE_FAILED', () => {
    const sabotaged = (bytes: Uint8Array): void => {
      if (!isSample(bytes)) throw new RangeError('offset is out of bounds')
    }
    expect(() => fuzz(sabotaged)).toThrow('offset is out of bounds')
  })

  it('[FZ2] sabotage: a decoder that is slow on some bytes', () => {
    const spin = (bytes: Uint8Array): void => {
      if (bytes.length > 41) for (const startedMs = performance.now(); performance.now() - startedMs < 5; );
    }
    expect(() => fuzz(spin, 2)).toThrow('ms: ')
  })

  it('[FZ2] sabotage: a decoder that writes into its input, or refuses a sample', () => {
    expect(() => fuzz((bytes) => bytes.fill(0))).toThrow('altered its input')
    expect(() =>
      fuzz(() => {
        throw malformed('everything')
      }),
    ).toThrow('refuses its own sample')
  })
})
