import type { ConflictPolicy, JsonValue, RecordOp } from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { describe, expect, test } from 'vitest'
import { converge, del, must, patch, put, TestNode } from '../test-node.js'
import { TestTime } from '../test-time.js'
import { POLICY_PATH } from './policy-setting.js'

const CONTENT = { kind: 'content-model', models: { old: 1, new: 2 } } satisfies ConflictPolicy
const of = (op: RecordOp, version: number, model = ''): RecordOp => ({ ...op, content: { version, model } })

const set = (node: TestNode, value: JsonValue): void =>
  void must(node.await((done) => node.replica.changeSettings('c', () => [{ path: POLICY_PATH, value }], done)))

const pair = (policy?: JsonValue) => {
  const time = new TestTime()
  const eu = new TestNode(time, 'eu', 1)
  const us = new TestNode(time, 'us', 2)
  eu.create()
  let link = eu.link(us)
  if (policy !== undefined) set(eu, policy)
  converge(time, eu, us)
  return {
    ...{ time, eu, us },
    apart(run: () => void): void {
      link.cut()
      run()
      link = eu.link(us)
      converge(time, eu, us)
      time.run(50)
    },
  }
}
const open = (node: TestNode): string[] =>
  [...node.replica.conflicts('c').list('open')].map(
    ({ point, rule, winner, loser }) =>
      `${String(point)}: ${winner.head.stamp.writer} over ${loser.head.stamp.writer}, ${rule}`,
  )
const effect = (node: TestNode, policy: ConflictPolicy) => {
  const steps = node.replica.policyEffect('c', policy)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

describe('content-model', () => {
  test('[CO34] the higher content version wins, then the better model, whichever was written last', () => {
    const { eu, us, apart } = pair(CONTENT)
    apart(() => {
      eu.write([of(put(1, { from: 'eu' }), 5), of(put(2, { from: 'eu' }), 5, 'new'), put(3, { from: 'eu' })])
      us.write([of(put(1, { from: 'us' }), 4), of(put(2, { from: 'us' }), 5, 'old'), put(3, { from: 'us' })])
    })
    for (const node of [eu, us]) {
      expect([1, 2, 3].map((id) => node.read(id))).toEqual([{ from: 'eu' }, { from: 'eu' }, { from: 'us' }])
      expect(open(node).sort()).toEqual(['1: 1 over 2, content-version', '2: 1 over 2, model', '3: 2 over 1, newest'])
    }
    expect(us.digests()).toEqual(eu.digests())
    eu.restart()
    expect([eu.read(1), open(eu)]).toEqual([{ from: 'eu' }, open(us)])
  })

  test('[CO31] a sequential write always shows, also one that goes back, and an edit belongs to what it edits', () => {
    const { eu, us, time, apart } = pair(CONTENT)
    eu.write([of(put(1, { v: 9 }), 9, 'new')])
    converge(time, eu, us)
    us.write([of(put(1, { v: 3 }), 3, 'old')])
    expect(us.read(1)).toEqual({ v: 3 })
    us.write([patch(1, { edit: true })])
    converge(time, eu, us)
    for (const node of [eu, us]) expect(node.read(1)).toEqual({ v: 3, edit: true })
    us.write([del(1)])
    us.write([of(put(1, { v: 1 }), 1), patch(1, { edit: 1 })])
    converge(time, eu, us)
    for (const node of [eu, us]) expect(node.read(1)).toEqual({ v: 1, edit: 1 })
    // Edits of the older content go with it: they were not made on what shows.
    apart(() => {
      eu.write([of(put(1, { v: 8 }), 8)])
      us.write([patch(1, { edit: 2 })])
    })
    for (const node of [eu, us]) expect(node.read(1)).toEqual({ v: 8 })
    expect(open(eu)).toEqual(['1: 1 over 2, content-version'])
  })

  test('[CO31] several writes of one record in one request follow each other', () => {
    const { eu } = pair(CONTENT)
    eu.write([of(put(1, { v: 5 }), 5), of(put(1, { v: 2 }), 2), patch(1, { x: 1 }), of(put(2, { v: 1 }), 7), del(2)])
    expect([eu.read(1), eu.read(2)]).toEqual([{ v: 2, x: 1 }, undefined])
  })

  test('[CO9] keeping the loser shows it though its content is older, in every region', () => {
    const { eu, us, time, apart } = pair(CONTENT)
    apart(() => {
      eu.write([of(put(1, { from: 'eu' }), 5)])
      us.write([of(put(1, { from: 'us' }), 4)])
    })
    const { id } = [...us.replica.conflicts('c').list('open')][0]!
    must(us.await((done) => us.replica.resolveConflict('c', id, { keep: 'loser' }, done)))
    converge(time, eu, us)
    for (const node of [eu, us]) expect([node.read(1), open(node)]).toEqual([{ from: 'us' }, []])
    must(us.await((done) => us.replica.resolveConflict('c', id, { undo: true }, done)))
    converge(time, eu, us)
    for (const node of [eu, us]) expect(node.read(1)).toEqual({ from: 'eu' })
  })

  test('[CO35] a dry run says how many winners would change; the change then does just that, everywhere and back', () => {
    const { eu, us, time, apart } = pair()
    apart(() => {
      for (let id = 0; id < 10; id++) eu.write([of(put(id, { from: 'eu' }, [1, 0, 0, 0]), id < 6 ? 5 : 1)])
      for (let id = 0; id < 10; id++) us.write([of(put(id, { from: 'us' }, [0, 1, 0, 0]), 4)])
    })
    const from = (node: TestNode) => [...Array(10).keys()].map((id) => node.read(id)?.from)
    expect(from(eu)).toEqual(Array(10).fill('us'))
    expect(effect(us, CONTENT)).toEqual({ records: 10, changed: 6, appear: 0, vanish: 0 })
    expect(effect(us, { kind: 'newest' })).toMatchObject({ changed: 0 })
    set(us, CONTENT)
    converge(time, eu, us)
    time.run(50)
    for (const node of [eu, us]) {
      expect(from(node)).toEqual([...Array(6).fill('eu'), ...Array(4).fill('us')])
      expect(open(node)).toHaveLength(10)
      expect(open(node).filter((line) => line.endsWith('content-version'))).toHaveLength(10)
      expect(node.searched()).toHaveLength(10)
    }
    expect(us.digests()).toEqual(eu.digests())
    set(eu, 'newest')
    converge(time, eu, us)
    time.run(50)
    for (const node of [eu, us])
      expect([from(node), open(node)[0]]).toEqual([Array(10).fill('us'), '9: 2 over 1, newest'])
  })

  test('[CO38] what another policy would show outlasts cleaning: it comes back with the policy, and nothing vanishes', () => {
    const { eu, us, time, apart } = pair()
    const ids = [...Array(200).keys()]
    const from = (node: TestNode) => new Set(ids.map((id) => node.read(id)?.from))
    apart(() => {
      for (const id of ids) eu.write([of(put(id, { from: 'eu' }), 5)])
      us.write(ids.map((id) => of(put(id, { from: 'us' }), 4)))
    })
    for (const [policy, writer, region, rule] of [
      [CONTENT, us, 'eu', 'content-version'],
      ['newest', eu, 'us', 'newest'],
    ] as const) {
      const { blocksCleaned } = eu.replica.status().counters
      time.run(100_000)
      // Small blocks are merged at least.
      if (policy === CONTENT) expect(eu.replica.status().counters.blocksCleaned).toBeGreaterThan(blocksCleaned)
      set(writer, policy)
      converge(time, eu, us)
      time.run(100_000)
      for (const node of [eu, us]) {
        expect(from(node)).toEqual(new Set([region]))
        expect(new Set([...node.replica.conflicts('c').list('open')].map((each) => each.rule))).toEqual(new Set([rule]))
        expect(open(node)).toHaveLength(ids.length)
      }
      expect(us.digests()).toEqual(eu.digests())
    }
  })

  test('[CO38] a policy that changes in one region while another cleans under the former loses nothing', () => {
    const { eu, us, time, apart } = pair()
    const ids = [...Array(200).keys()]
    apart(() => {
      for (const id of ids) eu.write([of(put(id, { from: 'eu' }), 5)])
      us.write(ids.map((id) => of(put(id, { from: 'us' }), 4)))
      eu.write(ids.slice(0, 50).map((id) => of(put(id, { from: 'eu again' }), 6)))
    })
    time.until(() => eu.replica.status().counters.blocksCleaned > 0, 'eu cleans', 200_000)
    apart(() => {
      time.run(100_000)
      set(us, CONTENT)
      time.run(100_000)
    })
    time.run(200_000)
    for (const node of [eu, us]) {
      expect(ids.map((id) => node.read(id)?.from)).toEqual(ids.map((id) => (id < 50 ? 'eu again' : 'eu')))
      node.restart()
    }
    expect(us.digests()).toEqual(eu.digests())
  })

  test('[CO34] two regions that write at random converge, whatever they say their writes were made from', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = new SeededRandom(seed)
      const { eu, us, apart } = pair(CONTENT)
      const some = (): RecordOp => {
        const id = random.int(4)
        const roll = random.int(10)
        const op = roll < 5 ? put(id, { n: random.int(1e6) }) : roll < 6 ? del(id) : patch(id, { k: random.int(1e6) })
        return random.chance(0.6) ? of(op, random.int(4), random.pick(['', 'old', 'new'])) : op
      }
      for (let round = 0; round < 4; round++)
        apart(() => {
          for (let i = 0; i < 10; i++) random.pick([eu, us]).write([some()])
        })
      for (let id = 0; id < 4; id++) expect(us.read(id), `seed ${seed}`).toEqual(eu.read(id))
      expect(us.digests()).toEqual(eu.digests())
      expect(open(us).sort()).toEqual(open(eu).sort())
    }
  })
})
