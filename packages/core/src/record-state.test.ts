import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from './entry.js'
import { compareStamps, type Stamp } from './hlc.js'
import type { ReplicaId } from './ids.js'
import { type JsonObject, setOwn } from './json.js'
import { EMPTY_STATE, merge, type RecordState, stateOf, type VisibleRecord, visible } from './record-state.js'
import { anyDelete, anyHistory, anyPatch, anyPut } from './testing/arbitraries.js'
import { SeededRandom } from './testing/index.js'
import type { VectorValue } from './vector-value.js'

const RUNS = { numRuns: 300 }
const mergeAll = (entries: readonly Entry[]): RecordState => entries.map(stateOf).reduce(merge, EMPTY_STATE)

/** Three states over writes that no two of them give the same stamp, though they may share writes. */
const threeStates = fc
  .tuple(anyHistory(8), fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 8, maxLength: 8 }))
  .map(([entries, masks]) =>
    ([1, 2, 4] as const).map((bit) => mergeAll(entries.filter((_, i) => masks[i]! & bit))),
  ) as fc.Arbitrary<[RecordState, RecordState, RecordState]>

/** The same meaning in its plainest form: every write in the order of its stamps, applied to one record. */
const replay = (entries: readonly Entry[]): VisibleRecord | undefined => {
  let record: { vectors: Map<string, VectorValue>; payload: JsonObject } | undefined
  for (const entry of [...entries].sort((a, b) => compareStamps(a.stamp, b.stamp))) {
    if (entry.kind === 'put') record = { vectors: new Map(entry.vectors), payload: { ...entry.payload } }
    else if (entry.kind === 'delete') record = undefined
    else if (record) {
      if (entry.clear) record.payload = {}
      for (const [key, value] of Object.entries(entry.set)) setOwn(record.payload, key, value)
      for (const key of entry.unset) delete record.payload[key]
      for (const [name, vector] of entry.vectors) record.vectors.set(name, vector)
      for (const name of entry.dropVectors) record.vectors.delete(name)
    }
  }
  return record
}

const checkInvariants = ({ presence, cleared, vectors, payload }: RecordState): void => {
  const isBelow = (stamp: Stamp, floor: Stamp | undefined): boolean => !!floor && compareStamps(stamp, floor) < 0
  const tooOld = [...vectors.values(), ...payload.values()].filter((cell) => isBelow(cell.stamp, presence?.stamp))
  expect(tooOld).toEqual([])
  if (cleared && presence) expect(compareStamps(cleared, presence.stamp)).toBeGreaterThan(0)
  expect([...payload.values()].filter((cell) => isBelow(cell.stamp, cleared))).toEqual([])
}

describe('merge', () => {
  it('[MG1] is commutative', () => {
    fc.assert(
      fc.property(threeStates, ([a, b]) => {
        expect(merge(a, b)).toEqual(merge(b, a))
      }),
      RUNS,
    )
  })

  it('[MG2] is associative', () => {
    fc.assert(
      fc.property(threeStates, ([a, b, c]) => {
        expect(merge(merge(a, b), c)).toEqual(merge(a, merge(b, c)))
      }),
      RUNS,
    )
  })

  it('[MG3] is idempotent, and nothing is its neutral element', () => {
    fc.assert(
      fc.property(threeStates, ([a, b]) => {
        expect(merge(a, a)).toEqual(a)
        expect(merge(merge(a, b), b)).toEqual(merge(a, b))
        expect(merge(a, EMPTY_STATE)).toEqual(a)
        expect(merge(EMPTY_STATE, a)).toEqual(a)
      }),
      RUNS,
    )
  })

  it('[MG4] every order of arrival, repeats included, ends in the same state', () => {
    fc.assert(
      fc.property(anyHistory(5), fc.integer(), (entries, seed) => {
        const expected = mergeAll(entries)
        for (const order of permutations(entries)) expect(mergeAll(order)).toEqual(expected)
        const random = new SeededRandom(seed)
        expect(mergeAll(random.shuffled([...entries, ...entries, ...entries]))).toEqual(expected)
      }),
      { numRuns: 100 },
    )
  })

  it('[MG5] the outcome is that of the writes applied one by one in the order of their stamps', () => {
    fc.assert(
      fc.property(anyHistory(10), (entries) => {
        expect(visible(mergeAll(entries))).toEqual(replay(entries))
      }),
      { numRuns: 1000 },
    )
  })

  it('[MG6] no cell is older than the put or delete, and no payload cell older than the clearing', () => {
    fc.assert(
      fc.property(anyHistory(10), (entries) => {
        for (const entry of entries) checkInvariants(stateOf(entry))
        for (let count = 0; count <= entries.length; count++) checkInvariants(mergeAll(entries.slice(0, count)))
      }),
      RUNS,
    )
  })

  const at = (ms: number, writer = 1): Stamp => ({ ms, counter: 0, writer: writer as ReplicaId })
  const oldHistory = anyHistory(6) // stamps below 5 ms
  const idOne = fc.constant(1)

  it('[MG7] a put replaces the record whole: nothing older than it is seen', () => {
    fc.assert(
      fc.property(oldHistory, anyPut(idOne, fc.constant(at(10))), (entries, put) => {
        const seen = visible(mergeAll([put, ...entries]))
        expect(seen).toEqual({ vectors: put.vectors, payload: put.payload })
      }),
      RUNS,
    )
  })

  it('[MG8] of two concurrent puts one wins whole', () => {
    fc.assert(
      fc.property(anyPut(idOne, fc.constant(at(10, 1))), anyPut(idOne, fc.constant(at(10, 2))), (a, b) => {
        expect(visible(mergeAll([b, a]))).toEqual({ vectors: b.vectors, payload: b.payload })
      }),
      RUNS,
    )
  })

  it('[MG9] a delete hides the record and all that is older, and what came before it is forgotten', () => {
    fc.assert(
      fc.property(oldHistory, anyDelete(idOne, fc.constant(at(10))), (entries, deleted) => {
        expect(mergeAll([deleted, ...entries])).toEqual(stateOf(deleted))
        expect(visible(mergeAll([...entries, deleted]))).toBeUndefined()
      }),
      RUNS,
    )
  })

  it('[MG10] a patch never creates or resurrects: only a put newer than the delete does', () => {
    const patches = fc.array(anyPatch(idOne, fc.constant(at(0))), { maxLength: 4 })
    fc.assert(
      fc.property(oldHistory, patches, anyPut(idOne, fc.constant(at(30))), (entries, drafts, put) => {
        const late = drafts.map((patch, i) => ({ ...patch, stamp: at(20 + i) }))
        const deleted: Entry = { kind: 'delete', id: 1, stamp: at(10) }
        expect(visible(mergeAll([...entries, deleted, ...late]))).toBeUndefined()
        expect(visible(mergeAll(late))).toBeUndefined()
        expect(visible(mergeAll([...late, deleted, put]))).toEqual({ vectors: put.vectors, payload: put.payload })
      }),
      RUNS,
    )
  })

  it('[MG11] within one patch clearing comes first and removal last', () => {
    const put: Entry = { kind: 'put', id: 1, stamp: at(1), vectors: new Map(), payload: { old: 1, key: 1 } }
    const patch: Entry = {
      ...{ kind: 'patch', id: 1, stamp: at(2), clear: true, set: { key: 2, new: 2 }, unset: ['key'] },
      ...{ vectors: new Map([['v', Float32Array.of(1)]]), dropVectors: ['v'] },
    }
    expect(visible(mergeAll([patch, put]))).toEqual({ vectors: new Map(), payload: { new: 2 } })
  })

  it('[MG12] keys named like parts of Object.prototype are keys like others', () => {
    const payload = JSON.parse('{"__proto__": {"x": 1}, "toString": 2}') as JsonObject
    const seen = visible(stateOf({ kind: 'put', id: 1, stamp: at(1), vectors: new Map(), payload }))
    expect(JSON.stringify(seen?.payload)).toBe('{"__proto__":{"x":1},"toString":2}')
    expect(Object.getPrototypeOf(seen?.payload)).toBe(Object.prototype)
  })
})

function* permutations<T>(items: readonly T[]): Generator<T[]> {
  if (items.length === 0) yield []
  for (let i = 0; i < items.length; i++)
    for (const rest of permutations([...items.slice(0, i), ...items.slice(i + 1)])) yield [items[i] as T, ...rest]
}
