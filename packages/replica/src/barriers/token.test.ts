import { type ReplicaId, StoreError, VersionVector } from '@meridian/core'
import { describe, expect, test } from 'vitest'
import { formatToken, parseToken, type TokenContext } from './token.js'

const r = (number: number): ReplicaId => number as ReplicaId
const STORES = new Map([
  [r(1), 'store-one'],
  [r(2), 'store-two'],
  [r(3), 'store-three'],
])
const storeOf = (replica: ReplicaId): string | undefined => STORES.get(replica)
const HERE: TokenContext = { self: r(1), own: 100, storeOf, others: 2 }
const vector = (...seqs: number[]): VersionVector => VersionVector.of(seqs.map((seq, i) => [r(i + 1), seq] as const))

const refusal = (text: string, context = HERE): string => {
  try {
    parseToken(text, context)
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError)
    expect((error as StoreError).code).toBe('BAD_REQUEST')
    return (error as StoreError).message
  }
  return 'accepted'
}

describe('token', () => {
  test('[GU1] a token reads back as its vector and takes at most 60 characters for three regions', () => {
    for (const each of [VersionVector.ZERO, vector(100), vector(1, 2, 3), vector(99, 2 ** 34, 2 ** 34)]) {
      const text = formatToken(each, storeOf)
      expect(text).toMatch(/^[\w-]{8,60}$/)
      expect(parseToken(text, HERE).equals(each)).toBe(true)
    }
  })

  test('[GU2] one changed, missing or added character is noticed, wherever it is', () => {
    const text = formatToken(vector(7, 300, 70_000), storeOf)
    for (let at = 0; at < text.length; at++) {
      for (const put of ['', 'A', '_', 'AA', '=', 'é'])
        if (put !== text[at]) expect(refusal(text.slice(0, at) + put + text.slice(at + 1))).toMatch(/damaged/)
      expect(refusal(text.slice(0, at))).toMatch(/damaged/)
    }
    expect(refusal('x'.repeat(100_000))).toMatch(/damaged/)
  })

  test('[GU3] a token of another cluster is refused: by its data directories, or because none of its replicas is ours', () => {
    const elsewhere = (replica: ReplicaId): string => `other-${replica}`
    expect(refusal(formatToken(vector(1), elsewhere))).toMatch(/another cluster/)
    expect(refusal(formatToken(VersionVector.of([[r(9), 5]]), elsewhere))).toMatch(/another cluster/)
    expect(refusal(formatToken(VersionVector.of([[r(2), 5]]), elsewhere))).toMatch(/another cluster/)
  })

  test('[GU4] what this region has not written yet is of a future that cannot be; of others it may be on its way', () => {
    expect(refusal(formatToken(vector(101), storeOf))).toMatch(/names write 101 of this region, which has made 100/)
    expect(parseToken(formatToken(vector(100, 2 ** 40), storeOf), HERE).get(r(2))).toBe(2 ** 40)
    // One that has joined and is not in the catalog here yet.
    const joined = VersionVector.of([
      [r(2), 1],
      [r(9), 5],
    ])
    expect(
      parseToken(
        formatToken(joined, (each) => storeOf(each) ?? 'new'),
        HERE,
      ).get(r(9)),
    ).toBe(5)
  })
})
