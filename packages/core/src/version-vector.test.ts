import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.js'
import type { ReplicaId } from './ids.js'
import { anyReplica, anyVersionVector } from './testing/arbitraries.js'
import { VersionVector } from './version-vector.js'

const r = (value: number): ReplicaId => value as ReplicaId
const encoded = (vector: VersionVector): Uint8Array => {
  const out = new ByteWriter()
  vector.write(out)
  return out.finish()
}
const readAll = (bytes: Iterable<number>): VersionVector => {
  const input = new ByteReader(Uint8Array.from(bytes))
  const vector = VersionVector.read(input)
  input.end()
  return vector
}
const three = fc.tuple(anyVersionVector, anyVersionVector, anyVersionVector)
const check = (law: (a: VersionVector, b: VersionVector, c: VersionVector) => void): void =>
  fc.assert(fc.property(three, ([a, b, c]) => law(a, b, c)))
const expectEqual = (a: VersionVector, b: VersionVector): void => expect(a.toJSON()).toEqual(b.toJSON())

describe('version vector', () => {
  it('[VV1] join is the least vector that dominates both: commutative, associative, idempotent, with zero neutral', () => {
    check((a, b, c) => {
      const join = a.join(b)
      expectEqual(join, b.join(a))
      expectEqual(join.join(c), a.join(b.join(c)))
      expectEqual(a.join(a), a)
      expectEqual(a.join(VersionVector.ZERO), a)
      expect(join.dominates(a) && join.dominates(b)).toBe(true)
      if (c.dominates(a) && c.dominates(b)) expect(c.dominates(join)).toBe(true)
      expect(a.join(b).join(c).dominates(join)).toBe(true)
    })
  })

  it('[VV2] meet is the greatest vector that both dominate; each absorbs the other', () => {
    check((a, b, c) => {
      const meet = a.meet(b)
      expectEqual(meet, b.meet(a))
      expectEqual(meet.meet(c), a.meet(b.meet(c)))
      expect(a.dominates(meet) && b.dominates(meet)).toBe(true)
      expectEqual(a.join(meet), a)
      expectEqual(a.meet(a.join(b)), a)
      expectEqual(a.meet(VersionVector.ZERO), VersionVector.ZERO)
    })
  })

  it('[VV3] dominates is a partial order, and equals is both ways', () => {
    check((a, b, c) => {
      expect(a.dominates(a) && a.dominates(VersionVector.ZERO)).toBe(true)
      if (a.dominates(b) && b.dominates(c)) expect(a.dominates(c)).toBe(true)
      expect(a.equals(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
    })
    const [left, right] = [VersionVector.of([[r(1), 2]]), VersionVector.of([[r(2), 2]])]
    expect(left.dominates(right) || right.dominates(left) || left.equals(right)).toBe(false)
  })

  it('[VV4] covers a dot when it holds that origin up to it; dominating is covering all the other covers', () => {
    check((a, b) => {
      const dots = b.entries().map(([replica, seq]) => ({ replica, seq }))
      expect(a.dominates(b)).toBe(dots.every((dot) => a.covers(dot)))
      for (const { replica, seq } of dots)
        expect([b.covers({ replica, seq }), b.covers({ replica, seq: seq + 1 })]).toEqual([true, false])
    })
    expect(VersionVector.ZERO.covers({ replica: r(1), seq: 1 })).toBe(false)
  })

  it('[VV5] advance never goes back and changes nothing else, not even what it was called on', () => {
    fc.assert(
      fc.property(anyVersionVector, anyReplica, fc.nat({ max: 10 }), (vector, replica, seq) => {
        const before = vector.toJSON()
        const after = vector.advance(replica, seq)
        expect(after.get(replica)).toBe(Math.max(seq, vector.get(replica)))
        expect(vector.toJSON()).toEqual(before)
        for (const [other, held] of vector.entries()) if (other !== replica) expect(after.get(other)).toBe(held)
        expect(vector.dominates(after)).toBe(after === vector)
      }),
    )
  })

  it('[VV6] has one encoding, which reads back; entries ascend and zeros are absent', () => {
    fc.assert(
      fc.property(anyVersionVector, (vector) => {
        const bytes = encoded(vector)
        expectEqual(readAll(bytes), vector)
        expect(encoded(VersionVector.of([...vector.entries()].reverse()))).toEqual(bytes)
        expect(vector.entries().map(([replica]) => replica)).toEqual(Object.keys(vector.toJSON()).map(Number))
      }),
    )
    expectEqual(VersionVector.of([[r(3), 0]]), VersionVector.ZERO)
    expect([...encoded(VersionVector.ZERO)]).toEqual([0])
  })

  it('[VV7] other encodings are refused: descending or doubled origins, origin 0, seq 0, missing or extra bytes', () => {
    expect(readAll([2, 1, 5, 2, 6]).toJSON()).toEqual({ 1: 5, 2: 6 })
    const bad = [[2, 2, 6, 1, 5], [2, 1, 5, 1, 6], [1, 0, 5], [1, 1, 0], [2, 1, 5], [1, 1, 5, 9], [], [1, 1, 0x85, 0]]
    for (const bytes of bad) expect(() => readAll(bytes)).toThrow(expect.objectContaining({ code: 'DECODE_FAILED' }))
  })
})
