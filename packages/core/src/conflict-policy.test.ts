import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { asPolicy, type ConflictPolicy, isOrderFixed, markOver, orderOf, policyProblem } from './conflict-policy.js'
import type { ContentMark } from './content-mark.js'
import { encodeEntry, decodeEntry } from './entry-codec.js'
import type { Entry } from './entry.js'
import { compareStamps } from './hlc.js'
import type { ReplicaId } from './ids.js'
import { EMPTY_STATE, mergeUnder, type RecordState, stateOf, visible } from './record-state.js'
import { anyMark, anyMarkedHistory } from './testing/arbitraries.js'

const CONTENT: ConflictPolicy = { kind: 'content-model', models: { old: 1, new: 2 } }
const order = orderOf(CONTENT)
const RUNS = { numRuns: 300 }
const both = mergeUnder(order)
const all = (entries: readonly Entry[]): RecordState => entries.map(stateOf).reduce(both, EMPTY_STATE)
const put = (ms: number, writer: number, content?: ContentMark): Entry => ({
  ...{ kind: 'put', id: 1, vectors: new Map([['', Float32Array.of(ms)]]), payload: { ms } },
  stamp: { ms, counter: 0, writer: writer as ReplicaId, ...(content === undefined ? {} : { content }) },
})
const shows = (...entries: Entry[]): unknown => visible(all(entries))?.payload.ms
const of = (version: number, model = '', generation = 0): ContentMark => ({ generation, version, model })

/** Three states over writes that no two of them give the same stamp, though they may share writes. */
const threeStates = fc
  .tuple(anyMarkedHistory(8), fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 8, maxLength: 8 }))
  .map(([entries, masks]) =>
    ([1, 2, 4] as const).map((bit) => all(entries.filter((_, i) => masks[i]! & bit))),
  ) as fc.Arbitrary<[RecordState, RecordState, RecordState]>

describe('a conflict policy', () => {
  it('[CO30] orders writes totally: the merge stays commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(threeStates, ([a, b, c]) => {
        expect(both(a, b)).toEqual(both(b, a))
        expect(both(both(a, b), c)).toEqual(both(a, both(b, c)))
        expect(both(a, a)).toEqual(a)
      }),
      RUNS,
    )
    fc.assert(
      fc.property(anyMarkedHistory(3), ([a, b, c]) => {
        if (a === undefined || b === undefined || c === undefined) return
        expect(Math.sign(order(a.stamp, b.stamp))).toBe(-Math.sign(order(b.stamp, a.stamp)))
        if (order(a.stamp, b.stamp) > 0 && order(b.stamp, c.stamp) > 0)
          expect(order(a.stamp, c.stamp)).toBeGreaterThan(0)
      }),
      RUNS,
    )
  })

  it('[CO30] newest goes by the stamp alone; content-model by content version, then the rank of the model, then the stamp', () => {
    const [older, newer] = [put(1, 1, of(5, 'old')), put(2, 2, of(4, 'new'))]
    expect(orderOf({ kind: 'newest' })).toBe(compareStamps)
    expect(shows(older, newer)).toBe(1)
    expect(shows(put(1, 1, of(5, 'new')), put(2, 2, of(5, 'old')))).toBe(1)
    expect(shows(put(1, 1, of(5, 'new')), put(2, 2, of(5, 'new')))).toBe(2)
    expect(shows(put(1, 1, of(5, 'old')), put(2, 2, of(5, 'unheard of')))).toBe(1)
    expect(shows(put(1, 1, of(1)), put(2, 2))).toBe(1)
    expect(shows(put(1, 1, of(9, 'new')), put(2, 2, of(1, '', 1)))).toBe(2)
    expect(shows(put(1, 1, of(3, 'toString')), put(2, 2, of(3, '__proto__')))).toBe(2)
  })

  it('[CO31] what a writer saw never wins over what it wrote', () => {
    const marks = fc.tuple(
      anyMark,
      fc.option(fc.record({ version: fc.nat({ max: 3 }), model: fc.constantFrom('', 'old', 'new') })),
    )
    fc.assert(
      fc.property(marks, fc.boolean(), ([below, own], isContent) => {
        const policy: ConflictPolicy = isContent ? CONTENT : { kind: 'newest' }
        const mark = markOver(policy, below, own ?? undefined)
        const stamp = (ms: number, content: ContentMark | undefined) => put(ms, 1, content).stamp
        expect(orderOf(policy)(stamp(2, mark), stamp(1, below))).toBeGreaterThan(0)
        if (own === null) expect(mark).toEqual(below)
        else expect(mark).toMatchObject(own)
      }),
      RUNS,
    )
  })

  it('[CO32] marks are encoded beside the stamp, and one that says nothing is refused', () => {
    fc.assert(
      fc.property(anyMarkedHistory(4), (entries) => {
        for (const entry of entries) expect(decodeEntry(encodeEntry(entry))).toEqual(entry)
      }),
      RUNS,
    )
    expect(() => decodeEntry(encodeEntry(put(1, 1, of(0))))).toThrow('says nothing')
  })

  it('[CO33] is read from outside with a sentence for what is wrong with it', () => {
    for (const good of [
      'newest',
      { kind: 'newest' },
      { kind: 'content-model' },
      { kind: 'content-model', models: { a: 0 } },
    ])
      expect(policyProblem(good)).toBeUndefined()
    for (const bad of [
      ...[null, 1, 'oldest', [], {}, { kind: 'newest', models: {} }, { kind: 'content-model', models: [] }],
      ...[{ a: -1 }, { a: 1.5 }, { a: '1' }, { '': 1 }, { ['x'.repeat(256)]: 1 }].map((models) => ({
        kind: 'content-model',
        models,
      })),
      ...[{ kind: 'content-model', model: {} }],
    ]) {
      expect(policyProblem(bad as never), JSON.stringify(bad)).toMatch(/\w/)
      expect(asPolicy(bad as never)).toEqual({ kind: 'newest' })
    }
    expect(asPolicy({ kind: 'content-model', models: { a: 3 } })).toEqual({ kind: 'content-model', models: { a: 3 } })
    expect(asPolicy(undefined)).toEqual({ kind: 'newest' })
  })
})

it('[CO38] an order is fixed just when no two policies disagree', () => {
  const marked = fc.record({
    ms: fc.integer({ min: 1, max: 3 }),
    writer: fc.integer({ min: 1, max: 2 }),
    mark: anyMark,
  })
  fc.assert(
    fc.property(marked, marked, (a, b) => {
      const [x, y] = [put(a.ms, a.writer, a.mark).stamp, put(b.ms, b.writer, b.mark).stamp]
      fc.pre(compareStamps(x, y) !== 0)
      const table = (...models: string[]): ConflictPolicy => ({
        kind: 'content-model',
        models: Object.fromEntries(models.map((model, rank) => [model, rank])),
      })
      const [one, two] = [x.content?.model ?? '', y.content?.model ?? '']
      const policies: ConflictPolicy[] = [{ kind: 'newest' }, table(one, two), table(two, one)]
      const signs = new Set(policies.map((policy) => Math.sign(orderOf(policy)(x, y))))
      expect(isOrderFixed(x, y)).toBe(signs.size === 1)
      expect(isOrderFixed(y, x)).toBe(isOrderFixed(x, y))
    }),
    RUNS,
  )
})
