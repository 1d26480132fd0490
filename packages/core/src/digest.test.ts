import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DIGEST_LEAVES, Digest, hashStamp, leafOf, recordHash } from './digest.js'
import { Hash64, hash32, mix32 } from './hash.js'
import type { ReplicaId } from './ids.js'
import { anyId, anyStamp, anyText } from './testing/arbitraries.js'
import { SeededRandom } from './testing/index.js'

const leaves = (digest: Digest): string[] => Array.from({ length: DIGEST_LEAVES }, (_, i) => digest.leaf(i))
const anyRecords = fc.array(fc.tuple(anyId, anyStamp), { maxLength: 30 })
const toggleAll = (digest: Digest, records: readonly (readonly [...Parameters<typeof recordHash>])[]): Digest => {
  for (const [id, stamp] of records) digest.toggle(leafOf(id), recordHash(id, stamp))
  return digest
}

describe('digest', () => {
  it('[DG1] does not depend on the order of arrival', () => {
    fc.assert(
      fc.property(anyRecords, fc.integer(), (records, seed) => {
        const shuffled = new SeededRandom(seed).shuffled(records)
        const [a, b] = [toggleAll(new Digest(), records), toggleAll(new Digest(), shuffled)]
        expect(a.root()).toBe(b.root())
        expect(leaves(a)).toEqual(leaves(b))
      }),
      { numRuns: 50 },
    )
  })

  it('[DG2] what is toggled twice leaves nothing behind', () => {
    fc.assert(
      fc.property(anyRecords, anyRecords, (kept, passing) => {
        const digest = toggleAll(toggleAll(toggleAll(new Digest(), passing), kept), passing)
        expect(digest.root()).toBe(toggleAll(new Digest(), kept).root())
      }),
      { numRuns: 50 },
    )
  })

  it('[DG3] one record more, or with another stamp, shows in the root and in its own leaf alone', () => {
    fc.assert(
      fc.property(anyRecords, anyId, anyStamp, (records, id, stamp) => {
        const digest = toggleAll(new Digest(), records)
        const [root, before] = [digest.root(), leaves(digest)]
        toggleAll(digest, [[id, stamp]])
        expect(digest.root()).not.toBe(root)
        expect(leaves(digest).flatMap((leaf, i) => (leaf === before[i] ? [] : [i]))).toEqual([leafOf(id)])
        const later = { ...stamp, counter: stamp.counter ^ 1 }
        expect(toggleAll(new Digest(), [[id, later]]).root()).not.toBe(toggleAll(new Digest(), [[id, stamp]]).root())
      }),
      { numRuns: 50 },
    )
  })

  it('[DG4] ids spread over all leaves', () => {
    const counts = new Array<number>(DIGEST_LEAVES).fill(0)
    for (let id = 0; id < DIGEST_LEAVES * 16; id++) counts[leafOf(id)]!++
    expect(Math.min(...counts)).toBeGreaterThan(0)
    expect(Math.max(...counts)).toBeLessThan(48)
  })

  it('[DG5] a hash holds every part of a stamp', () => {
    const stamp = { ms: 2 ** 40 + 5, counter: 6, writer: 7 as ReplicaId }
    const variants = [stamp, { ...stamp, ms: stamp.ms + 1 }, { ...stamp, ms: stamp.ms + 2 ** 33 }]
    variants.push({ ...stamp, counter: 7 }, { ...stamp, writer: 6 as ReplicaId })
    const roots = variants.map((variant) => {
      const { high, low } = hashStamp(new Hash64(), variant)
      return `${high}/${low}`
    })
    expect(new Set(roots).size).toBe(variants.length)
  })
})

describe('hash', () => {
  it('[DG6] the mixer is a bijection in which each input bit turns about half of the output', () => {
    const random = new SeededRandom(6)
    const inputs = new Set(Array.from({ length: 20_000 }, () => random.uint32()))
    expect(new Set([...inputs].map(mix32)).size).toBe(inputs.size)
    for (let bit = 0; bit < 32; bit++) {
      let turned = 0
      for (let i = 0; i < 500; i++) {
        const input = random.uint32()
        for (let rest = mix32(input) ^ mix32(input ^ (1 << bit)); rest !== 0; rest &= rest - 1) turned++
      }
      expect(Math.abs(turned / 500 - 16)).toBeLessThan(1.5)
    }
  })

  it('[DG7] texts are hashed whole: order, length and where one ends and the next begins count', () => {
    const of = (...texts: string[]): string => {
      const hash = new Hash64()
      for (const text of texts) hash.text(text)
      return `${hash.high}/${hash.low}`
    }
    const all = [
      of(),
      of(''),
      of('', ''),
      of('a'),
      of('a', ''),
      of('', 'a'),
      of('ab'),
      of('a', 'b'),
      of('ba'),
      of('a\0'),
    ]
    expect(new Set(all).size).toBe(all.length)
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(of(a) === of(b)).toBe(a === b)
        expect(hash32(a) >>> 0).toBe(hash32(a))
      }),
      { numRuns: 1000 },
    )
    const many = new Set<string>()
    for (let i = 0; i < 50_000; i++) many.add(of(`key ${i}`))
    expect(many.size).toBe(50_000)
  })
})
