import { describe, expect, it } from 'vitest'
import { areConcurrent, conflictIdOf, conflictsAmong, formatCell, type KnownWrite, parseCell } from './conflict.js'
import { cellValue, cosineOf, isSameValue } from './conflict-value.js'
import type { Entry } from './entry.js'
import { decodeEntryHead, encodeEntry } from './entry-codec.js'
import { formatStamp } from './hlc.js'
import type { ReplicaId } from './ids.js'
import { EMPTY_STATE, merge, stateOf } from './record-state.js'
import { gossip, SeededRandom } from './testing/index.js'
import { VersionVector } from './version-vector.js'

const replica = (value: number): ReplicaId => value as ReplicaId
const stamp = (ms: number, writer: number) => ({ ms, counter: 0, writer: replica(writer) })
const none = { vectors: new Map<string, Float32Array>(), dropVectors: [] }

const put = (ms: number, writer: number, payload = {}): Entry => ({
  ...{ kind: 'put', id: 1, stamp: stamp(ms, writer), payload },
  vectors: new Map([['', Float32Array.of(ms, writer)]]),
})
const del = (ms: number, writer: number): Entry => ({ kind: 'delete', id: 1, stamp: stamp(ms, writer) })
const patch = (ms: number, writer: number, set: Record<string, number>, clear = false): Entry => ({
  ...{ kind: 'patch', id: 1, stamp: stamp(ms, writer), clear, set, unset: [] },
  ...none,
})

const known = (entry: Entry, seq: number, seen: readonly [number, number][]): KnownWrite => ({
  head: decodeEntryHead(encodeEntry(entry)),
  dot: { replica: entry.stamp.writer, seq },
  seen: VersionVector.of(seen.map(([of, to]) => [replica(of), to])),
})
const shown = (writes: readonly KnownWrite[]): string[] =>
  conflictsAmong(writes)
    .map(
      ({ cell, winner, loser, rule }) =>
        `${formatCell(cell)}: ${winner.head.stamp.ms}@${winner.head.stamp.writer} over ${loser.head.stamp.ms}@${loser.head.stamp.writer}, ${rule}`,
    )
    .sort()

describe('conflicts', () => {
  it('[CO1] two puts that did not know of each other are one conflict of the whole record; a sequential overwrite is none', () => {
    const first = known(put(1, 1), 1, [])
    expect(shown([first, known(put(2, 2), 1, [])])).toEqual(['record: 2@2 over 1@1, newest'])
    expect(shown([first, known(put(1, 2), 1, [])])).toEqual(['record: 1@2 over 1@1, writer'])
    expect(shown([first, known(put(2, 2), 1, [[1, 1]])])).toEqual([])
    expect(shown([first, known(put(2, 1), 2, [])])).toEqual([])
  })

  it('[CO1] a patch disputes only its own cells, with another patch and with the put it did not know', () => {
    const base = known(put(1, 1), 1, [])
    const a = known(patch(2, 1, { x: 1, y: 1 }), 2, [])
    const b = known(patch(3, 2, { x: 2, z: 2 }), 1, [[1, 1]])
    expect(shown([base, a, b])).toEqual(['payload/x: 3@2 over 2@1, newest'])
    const blind = known(patch(3, 2, { x: 2 }), 1, [])
    expect(shown([base, blind])).toEqual(['payload/x: 3@2 over 1@1, newest'])
    const cleared = known(patch(4, 2, {}, true), 1, [[1, 1]])
    expect(shown([base, a, cleared])).toEqual(['payload/x: 4@2 over 2@1, newest', 'payload/y: 4@2 over 2@1, newest'])
  })

  it('[CO1] a delete wins over every patch that it did not know, and loses to a newer put', () => {
    const base = known(put(1, 1), 1, [])
    const gone = known(del(2, 2), 1, [[1, 1]])
    expect(shown([base, gone, known(patch(3, 1, { x: 1 }), 2, [])])).toEqual(['payload/x: 2@2 over 3@1, delete'])
    expect(shown([base, gone, known(put(3, 1), 2, [])])).toEqual(['record: 3@1 over 2@2, newest'])
  })

  it('[CO2] what somebody replaced with knowledge of it is no conflict any more', () => {
    const [a, b] = [known(put(1, 1), 1, []), known(put(2, 2), 1, [])]
    const after = [[1, 1] as [number, number], [2, 1] as [number, number]]
    expect(shown([a, b, known(put(3, 3), 1, after)])).toEqual([])
    expect(shown([a, b, known(put(3, 3), 1, after.slice(1))])).toEqual(['record: 3@3 over 1@1, newest'])
    // The third write knew the loser, the fourth knew only the third: the loser is replaced all the same.
    const [c, d] = [known(put(3, 3), 1, after.slice(0, 1)), known(put(4, 2), 2, [[3, 1]])]
    expect(shown([a, c, d])).toEqual([])
  })

  it('[CO3] what is open is a function of the set, its winners are what the record shows, and its pairs are concurrent', () => {
    let found = 0
    for (let seed = 1; seed <= 150; seed++) {
      const random = new SeededRandom(seed)
      const history = gossip(random, 3, 4 + random.int(20), [1])
      const writes = history.map(({ known }) => known)
      const state = history.reduce((all, { entry }) => merge(all, stateOf(entry)), EMPTY_STATE)
      const expected = shown(writes)
      expect(shown(random.shuffled([...writes]))).toEqual(expected)
      found += expected.length
      for (const { cell, winner, loser } of conflictsAmong(writes)) {
        expect(areConcurrent(winner, loser)).toBe(true)
        const shows =
          cell.kind === 'record' || !state.presence?.alive
            ? state.presence?.stamp
            : cell.kind === 'vectors'
              ? undefined
              : cell.key === undefined
                ? (state.cleared ?? state.presence?.stamp)
                : state.payload.get(cell.key)?.stamp
        if (shows !== undefined && winner.head.kind === 'patch' && !winner.head.clear)
          expect(formatStamp(winner.head.stamp)).toBe(formatStamp(shows))
        if (cell.kind === 'record') expect(formatStamp(winner.head.stamp)).toBe(formatStamp(shows!))
      }
    }
    expect(found).toBeGreaterThan(100)
  })

  it('[CO3] a conflict has the same id everywhere, and each pair its own', () => {
    const ids = ['record', 'vectors', 'payload', 'payload/', 'payload/a', 'payload/record'].map((text) => {
      const cell = parseCell(text)!
      expect(formatCell(cell)).toBe(text)
      return conflictIdOf(1, cell, stamp(2, 2), stamp(1, 1))
    })
    expect(new Set([...ids, conflictIdOf('1', { kind: 'record' }, stamp(2, 2), stamp(1, 1))]).size).toBe(7)
    expect(ids[0]).toMatch(/^[0-9a-f]{16}$/)
    expect(parseCell('other')).toBeUndefined()
  })

  it('[CO4] the same value twice is no conflict; vectors are told apart by their cosine', () => {
    const value = (entry: Entry) => cellValue(entry, { kind: 'record' })
    const same = (a: Entry, b: Entry) => isSameValue(value(a), value(b))
    const one = { ...put(1, 1, { x: 1, y: [2] }), vectors: new Map([['', Float32Array.of(1, 0)]]) } as Entry
    expect(same(one, { ...one, stamp: stamp(9, 2) } as Entry)).toBe(true)
    expect(same(one, { ...one, payload: { y: [2], x: 1 } } as Entry)).toBe(true)
    expect(same(one, { ...one, payload: { x: 1, y: [3] } } as Entry)).toBe(false)
    expect(same(one, { ...one, vectors: new Map([['', Float32Array.of(1, 0.5)]]) } as Entry)).toBe(false)
    expect(same(one, { ...one, vectors: new Map() } as Entry)).toBe(false)
    expect(same(del(1, 1), del(2, 2))).toBe(true)
    expect(cosineOf(Float32Array.of(1, 0), Float32Array.of(0, 2))).toBe(0)
    expect(cosineOf(Float32Array.of(1, 1), Float32Array.of(-2, -2))).toBeCloseTo(-1)
    expect(cosineOf(Float32Array.of(0, 0), Float32Array.of(1, 1))).toBeUndefined()
    expect(cosineOf(Float32Array.of(1), Float32Array.of(1, 1))).toBeUndefined()
    const sparse = (indices: number[], values: number[]) => ({
      ...{ indices: Uint32Array.from(indices), values: Float32Array.from(values) },
    })
    expect(cosineOf(sparse([1, 5], [1, 1]), sparse([5, 9], [1, 1]))).toBeCloseTo(0.5)
  })
})
