import type { ConflictRule, PointId, RecordOp } from '@meridian/core'
import { formatCell } from '@meridian/core'
import { mutations, SeededRandom } from '@meridian/core/testing'
import { describe, expect, test } from 'vitest'
import { converge, del, must, patch, put, TestNode } from '../test-node.js'
import { TestTime } from '../test-time.js'
import { type ConflictNote, decodeConflict, encodeConflict, sidesOf } from './conflict-note.js'
import type { Decision } from './resolve.js'

const pair = (settings: ConstructorParameters<typeof TestNode>[3] = {}) => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1, settings)
  const us = new TestNode(time, 'us', 2, settings)
  eu.create()
  let link = eu.link(us)
  converge(time, eu, us)
  return {
    ...{ time, eu, us },
    /** Both regions write without knowing of each other; eu first. */
    apart(run: () => void): void {
      link.cut()
      run()
      link = eu.link(us)
      converge(time, eu, us)
      time.run(50)
    },
  }
}

const text = ({ id, point, cell, rule, winner, loser }: ConflictNote): string =>
  `${id} ${String(point)} ${formatCell(cell)} ${winner.head.stamp.writer} over ${loser.head.stamp.writer} ${rule satisfies ConflictRule}`
const open = (node: TestNode): string[] => [...node.replica.conflicts('c').list('open')].map(text)
const shown = (node: TestNode): string[] => open(node).map((line) => line.slice(17))
const settled = (node: TestNode): ConflictNote[] => [...node.replica.conflicts('c').list('settled')]
const first = (node: TestNode): string => [...node.replica.conflicts('c').list('open')][0]!.id
const resolve = (node: TestNode, id: string, decision: Decision) =>
  node.await((done) => node.replica.resolveConflict('c', id, decision, done))

describe('conflicts', () => {
  test('[CO7] writes that did not know of each other are listed alike in every region, with both values', () => {
    const { eu, us, time, apart } = pair()
    eu.put('shared', { n: 0 })
    converge(time, eu, us)
    apart(() => {
      eu.put(1, { from: 'eu' }, [1, 0, 0, 0])
      eu.write([patch('shared', { x: 1 })])
      us.put(1, { from: 'us' }, [0, 1, 0, 0])
      us.write([patch('shared', { x: 2, y: 1 })])
    })
    expect(shown(eu)).toEqual(['shared payload/x 2 over 1 newest', '1 record 2 over 1 newest'])
    expect(open(us)).toEqual(open(eu))
    const { winner, loser } = us.replica.conflicts('c').detail([...us.replica.conflicts('c').list('open')][1]!.id)
    expect([winner, loser]).toMatchObject([{ payload: { from: 'us' } }, { payload: { from: 'eu' } }])
    expect(loser.kind === 'put' && loser.vectors.get('')).toEqual(Float32Array.of(1, 0, 0, 0))
  })

  test('[CO8] neither sequential overwrites nor equal values are listed', () => {
    const { eu, us, time, apart } = pair()
    for (let i = 0; i < 4; i++) {
      ;(i % 2 ? us : eu).put(1, { i })
      converge(time, eu, us)
    }
    apart(() => {
      for (const node of [eu, us]) node.put(2, { same: true })
    })
    expect([open(eu), open(us), settled(eu), settled(us)]).toEqual([[], [], [], []])
  })

  test('[CO9] keeping the winner settles a conflict everywhere and changes nothing', () => {
    const { eu, us, time, apart } = pair()
    apart(() => {
      eu.put(1, { from: 'eu' })
      us.put(1, { from: 'us' })
    })
    must(resolve(eu, first(eu), { keep: 'winner' }))
    converge(time, eu, us)
    expect([eu.read(1), us.read(1), open(eu), open(us)]).toEqual([{ from: 'us' }, { from: 'us' }, [], []])
    expect(settled(us).map(({ settledBy }) => settledBy?.writer)).toEqual([1])
    expect(settled(eu)[0]!.resolution?.kept).toBe('winner')
  })

  test('[CO9] keeping the loser puts it in place in every region, and undo takes it back', () => {
    const { eu, us, time, apart } = pair()
    eu.put(2, { a: 0, b: 0 })
    converge(time, eu, us)
    apart(() => {
      eu.write([put(1, { from: 'eu' }, [1, 0, 0, 0]), patch(2, { a: 'eu' })])
      us.write([put(1, { from: 'us' }, [0, 1, 0, 0]), patch(2, {}, { unset: ['a'] })])
    })
    us.write([patch(1, { later: 1 })])
    converge(time, eu, us)
    const ids = [...us.replica.conflicts('c').list('open')].map(({ id }) => id)
    expect(ids).toHaveLength(2)
    for (const id of ids) must(resolve(us, id, { keep: 'loser' }))
    converge(time, eu, us)
    expect([eu.read(1), eu.read(2)]).toEqual([{ from: 'eu' }, { a: 'eu', b: 0 }])
    expect([open(eu), open(us)]).toEqual([[], []])
    for (const id of ids) must(resolve(us, id, { undo: true }))
    converge(time, eu, us)
    for (const node of [eu, us]) expect([node.read(1), node.read(2)]).toEqual([{ from: 'us', later: 1 }, { b: 0 }])
    expect(resolve(us, ids[0]!, { undo: true }).error).toMatchObject({ code: 'VALIDATION' })
    expect(settled(us).map(({ resolution }) => resolution?.kept)).toEqual(['undone', 'undone'])
  })

  test('[CO9] keeping both writes the loser under a free id; undo takes the copy away', () => {
    const { eu, us, time, apart } = pair()
    apart(() => {
      eu.put(1, { from: 'eu' })
      us.put(1, { from: 'us' })
    })
    const id = first(eu)
    expect(resolve(eu, id, { keep: 'both', newId: 1 }).error).toMatchObject({ code: 'VALIDATION' })
    must(resolve(eu, id, { keep: 'both', newId: 'copy' }))
    converge(time, eu, us)
    for (const node of [eu, us]) expect([node.read(1), node.read('copy')]).toEqual([{ from: 'us' }, { from: 'eu' }])
    must(resolve(eu, id, { undo: true }))
    converge(time, eu, us)
    for (const node of [eu, us]) expect([node.read(1), node.read('copy')]).toEqual([{ from: 'us' }, undefined])
  })

  test('[CO9] a delete can be the loser, and hides patches; what makes no record is refused', () => {
    const { eu, us, time, apart } = pair()
    eu.write([put(1, { n: 1 }), put(2, { n: 2 })])
    converge(time, eu, us)
    apart(() => {
      eu.write([del(1), patch(2, { edit: 1 })])
      us.write([put(1, { back: 1 }), del(2)])
    })
    expect(shown(eu).sort()).toEqual(['1 record 2 over 1 newest', '2 payload/edit 2 over 1 delete'])
    const [edit, record] = ['payload/edit', 'record'].map(
      (cell) => [...eu.replica.conflicts('c').list('open')].find((note) => formatCell(note.cell) === cell)!.id,
    )
    expect(resolve(eu, edit!, { keep: 'loser' }).error).toMatchObject({ code: 'VALIDATION' })
    expect(resolve(eu, record!, { keep: 'both', newId: 9 }).error).toMatchObject({ code: 'VALIDATION' })
    must(resolve(eu, record!, { keep: 'loser' }))
    must(resolve(eu, edit!, { keep: 'winner' }))
    converge(time, eu, us)
    for (const node of [eu, us]) expect([node.read(1), node.read(2), open(node)]).toEqual([undefined, undefined, []])
  })

  test('[CO9] a conflict that is not listed is not found', () => {
    const { eu } = pair()
    expect(resolve(eu, '0123456789abcdef', { keep: 'winner' }).error).toMatchObject({ code: 'POINT_NOT_FOUND' })
  })

  test('[CO10] the list outlives a restart, and is found again from the blocks when its rows are gone', () => {
    const { eu, us, apart } = pair()
    apart(() => {
      for (const node of [eu, us]) for (let id = 0; id < 20; id++) node.put(id, { from: node.region })
    })
    const before = open(eu)
    expect(before).toHaveLength(20)
    must(resolve(us, first(us), { keep: 'winner' }))
    const kept = open(us)
    us.restart()
    expect([open(us), settled(us).map(({ resolution }) => resolution?.kept)]).toEqual([kept, ['winner']])
    const fresh = pair()
    fresh.apart(() => {
      for (const node of [fresh.eu, fresh.us]) for (let id = 0; id < 20; id++) node.put(id, { from: node.region })
    })
    const found = open(fresh.eu)
    fresh.eu.crash()
    expect([...fresh.eu.storage.keys('conflict/')]).toHaveLength(20)
    fresh.eu.contents.apply([{ type: 'deletePrefix', prefix: 'conflict/' }])
    fresh.eu.start()
    expect(open(fresh.eu)).toEqual(found)
  })

  test('[CO11] count and age are bounded: settled ones go first, then the oldest', () => {
    const { eu, us, time, apart } = pair({ settings: { conflictsMax: 5, conflictAgeMs: 60_000, maintenanceMs: 100 } })
    apart(() => {
      for (let id = 0; id < 12; id++) for (const node of [eu, us]) node.put(id, { from: node.region })
    })
    expect(shown(eu)).toEqual([11, 10, 9, 8, 7].map((id) => `${id} record 2 over 1 newest`))
    expect(open(us)).toEqual(open(eu))
    must(resolve(eu, first(eu), { keep: 'winner' }))
    apart(() => {
      for (const node of [eu, us]) node.put('next', { from: node.region })
    })
    expect(settled(eu)).toEqual([])
    expect(shown(eu)).toEqual(['next', 10, 9, 8, 7].map((id) => `${id} record 2 over 1 newest`))
    expect([...eu.storage.keys('conflict/')]).toHaveLength(5)
    time.run(70_000)
    expect([open(eu), [...eu.storage.keys('conflict/')]]).toEqual([[], []])
  })

  test('[CO7] three regions that write at random and hear of each other in any order list the same', () => {
    let listed = 0
    for (let seed = 1; seed <= 6; seed++) {
      const random = new SeededRandom(seed)
      const time = new TestTime()
      const nodes = ['eu', 'us', 'ap'].map((region, i) => new TestNode(time, region, i + 1))
      const [eu, us, ap] = nodes as [TestNode, TestNode, TestNode]
      eu.create()
      const pairs = [[eu, us] as const, [us, ap] as const, [ap, eu] as const]
      const links = pairs.map(([a, b]) => a.link(b))
      converge(time, ...nodes)
      for (let step = 0; step < 80; step++) {
        if (random.chance(0.1)) links[random.int(3)]!.cut()
        if (random.chance(0.1)) {
          const at = random.int(3)
          links[at]!.cut()
          links[at] = pairs[at]![0].link(pairs[at]![1])
        }
        random.pick(nodes).write([opOf(random, random.int(4))])
        time.run(random.int(40))
      }
      for (const [at, [a, b]] of pairs.entries()) {
        links[at]!.cut()
        links[at] = a.link(b)
      }
      converge(time, ...nodes)
      time.run(100)
      expect(open(us), `seed ${seed}`).toEqual(open(eu))
      expect(open(ap), `seed ${seed}`).toEqual(open(eu))
      listed += open(eu).length
    }
    expect(listed).toBeGreaterThan(10)
  })
})

const opOf = (random: SeededRandom, id: PointId): RecordOp => {
  const roll = random.int(10)
  if (roll < 4) return put(id, { n: random.int(1e6) }, [random.float(), 1, 0, 0])
  if (roll < 5) return del(id)
  return patch(id, { [random.pick(['a', 'b'])]: random.int(1e6) })
}

test('[CO12] a row reads back as it was written; damaged ones are refused or read, fast', () => {
  const { eu, us, apart } = pair()
  eu.write([put(1, { n: 1 })])
  apart(() => {
    for (const node of [eu, us]) node.write([put(1, { from: node.region }), patch(2, { from: node.region })])
  })
  must(resolve(eu, first(eu), { keep: 'both', newId: 'copy' }))
  const rows = [...eu.storage.scan('conflict/')].map(([, row]) => row)
  expect(rows.length).toBeGreaterThan(0)
  for (const row of rows) {
    const { note: _, ...sides } = decodeConflict(row)
    expect(sidesOf(row)).toEqual(sides)
    expect(Buffer.from(encodeConflict(decodeConflict(row)))).toEqual(Buffer.from(row))
  }
  for (const damaged of mutations(rows, 20_000, 1))
    for (const read of [decodeConflict, sidesOf])
      try {
        read(damaged)
      } catch (error) {
        expect(error).toMatchObject({ code: 'DECODE_FAILED' })
      }
})
