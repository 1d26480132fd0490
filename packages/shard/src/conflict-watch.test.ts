import {
  compareStamps,
  conflictIdOf,
  conflictsAmong,
  decodeEntryHead,
  type Entry,
  encodeBlock,
  encodeEntry,
  type FoundConflict,
  formatStamp,
  orderOf,
  type PointId,
  type StampOrder,
  VersionVector,
} from '@meridian/core'
import { gossip, SeededRandom } from '@meridian/core/testing'
import { describe, expect, it } from 'vitest'
import { type ConflictSink, ConflictWatch, type WatchedWrite } from './conflict-watch.js'
import { MergedView } from './merged-view.js'
import { client, replica, stamp } from './test-support.js'
import { WriteWindow } from './write-window.js'

/** Keeps what is open by record, as a book does. */
class Kept implements ConflictSink {
  readonly open = new Map<PointId, readonly FoundConflict<WatchedWrite>[]>()

  parties(id: PointId): WatchedWrite[] {
    return (this.open.get(id) ?? []).flatMap(({ winner, loser }) =>
      [winner, loser].map((write) => ({ ...write, place: undefined })),
    )
  }

  found(id: PointId, open: readonly FoundConflict<WatchedWrite>[]): void {
    this.open.set(id, open)
  }

  ids(): string[] {
    return [...this.open].flatMap(([id, open]) => idsOf(id, open)).sort()
  }
}

const idsOf = (id: PointId, open: readonly FoundConflict[]): string[] =>
  open.map(({ cell, winner, loser }) => conflictIdOf(id, cell, winner.head.stamp, loser.head.stamp))

const writersOf = (...writes: readonly WatchedWrite[]): number[] => writes.map(({ head }) => head.stamp.writer)

const IDS = [1, 2, 'c']
const watched = (history: ReturnType<typeof gossip>, writesMax: number) => {
  const blocks = new Map<string, Uint8Array>()
  const kept = new Kept()
  const view = new MergedView(
    ({ client, clock }) => blocks.get(`${client}:${clock}`)!,
    new ConflictWatch(new WriteWindow(writesMax), kept),
  )
  return {
    kept,
    view,
    fold(each: (typeof history)[number], bytes = each.block, clock = each.known.dot.seq) {
      const ref = { doc: 0, client: client(each.known.dot.replica), clock }
      blocks.set(`${ref.client}:${ref.clock}`, bytes)
      view.fold(ref, bytes)
      return ref
    },
  }
}

describe('the watch over concurrent writes', () => {
  it('[CO5] finds what is open whatever order the writes come in, and passes over those that come twice', () => {
    let found = 0
    for (let seed = 1; seed <= 120; seed++) {
      const random = new SeededRandom(seed)
      const history = gossip(random, 3, 10 + random.int(40), IDS)
      const expected = IDS.flatMap((id) =>
        idsOf(id, conflictsAmong(history.filter(({ entry }) => entry.id === id).map(({ known }) => known))),
      ).sort()
      found += expected.length
      for (let order = 0; order < 3; order++) {
        const world = watched(history, 1000)
        for (const each of random.shuffled(history)) world.fold(each)
        for (const each of random.shuffled(history).slice(0, 5)) world.fold(each)
        expect(world.kept.ids(), `seed ${seed}`).toEqual(expected)
      }
    }
    expect(found).toBeGreaterThan(200)
  })

  it('[CO5] needs no window for two writes of which one shows, however much came in between', () => {
    const seen = VersionVector.ZERO
    const world = watched([], 1)
    const history = gossip(new SeededRandom(1), 3, 60, [7, 8, 9])
    const put = (writer: number, ms: number) => {
      const entry: Entry = {
        ...{ kind: 'put', id: 1, stamp: stamp(ms, writer), payload: { writer } },
        vectors: new Map<string, Float32Array>(),
      }
      const bytes = encodeEntry(entry)
      const known = { head: decodeEntryHead(bytes), dot: { replica: replica(writer), seq: 1000 }, seen }
      return { entry, known, block: encodeBlock({ seq: 1000, seen, moved: false, entries: [bytes] }) }
    }
    const [one, two] = [put(1, 1), put(2, 2)]
    world.fold(one)
    for (const each of history) world.fold(each)
    world.fold(two)
    expect(world.kept.open.get(1)).toHaveLength(1)
  })

  it('[CO38] what is gone from the lanes wins nothing under the next policy, and a later write settles it', () => {
    const CONTENT = orderOf({ kind: 'content-model', models: {} })
    const kept = new Kept()
    const entry = (id: PointId, ms: number, writer: number, version: number): Uint8Array =>
      encodeEntry({
        ...{ kind: 'put', id, payload: { writer }, vectors: new Map<string, Float32Array>() },
        stamp: { ...stamp(ms, writer), content: { generation: 0, version, model: '' } },
      })
    const blocks = [
      { writer: 1, seen: VersionVector.ZERO, bytes: entry(1, 1, 1, 5) },
      { writer: 2, seen: VersionVector.ZERO, bytes: entry(1, 2, 2, 4) },
      { writer: 3, seen: VersionVector.ZERO, bytes: entry(2, 3, 3, 1) },
    ]
    const viewOf = (order: StampOrder) => {
      const watch = new ConflictWatch(new WriteWindow(100), kept, order)
      const view = new MergedView(({ clock }) => encoded[clock]!, watch, order)
      return { view, fold: (n: number) => view.fold({ doc: 0, client: client(n + 1), clock: n }, encoded[n]!) }
    }
    const encoded = blocks.map(({ seen, bytes }) => encodeBlock({ seq: 1, seen, moved: false, entries: [bytes] }))
    const before = viewOf(compareStamps)
    for (const n of [0, 1, 2]) before.fold(n)
    const listed = () => kept.open.get(1)!.map(({ winner, loser, rule }) => [...writersOf(winner, loser), rule])
    expect(listed()).toEqual([[2, 1, 'newest']])
    const { view, fold } = viewOf(CONTENT)
    for (const n of [1, 2]) fold(n)
    // As far as is known by then, the other may be among what is to come.
    expect(listed()).toEqual([[1, 2, 'content-version']])
    view.opened([1])
    expect(listed()).toEqual([[2, 1, 'newest']])
    const seen = VersionVector.of([[replica(1), 1]])
    encoded.push(encodeBlock({ seq: 2, seen, moved: false, entries: [entry(1, 4, 2, 4)] }))
    view.fold({ doc: 0, client: client(2), clock: 3 }, encoded[3]!)
    expect(listed()).toEqual([])
  })

  it('[CO6] says nothing of survivors that were appended again: they do not tell what their writer knew', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const history = gossip(new SeededRandom(seed), 3, 20, [1])
      const world = watched(history, 1000)
      for (const [i, each] of history.entries())
        if (i % 2 === 0) world.fold(each)
        else {
          const { dot, seen } = each.known
          const entries = [encodeEntry(each.entry)]
          world.fold(each, encodeBlock({ seq: dot.seq + 100, seen: seen!, moved: true, entries }), 100 + i)
        }
      const moved = new Set(history.filter((_, i) => i % 2 === 1).map(({ known }) => formatStamp(known.head.stamp)))
      for (const { winner, loser } of [...world.kept.open.values()].flat())
        for (const { head } of [winner, loser]) expect(moved).not.toContain(formatStamp(head.stamp))
    }
  })

  it('[CO5] the check fails when a write is taken to have been seen by nobody', () => {
    const broken = (seed: number): boolean => {
      const history = gossip(new SeededRandom(seed), 3, 30, [1])
      const world = watched(history, 1000)
      for (const each of history) world.fold(each)
      const blind = history.map(({ known }) => ({ ...known, seen: VersionVector.ZERO }))
      return idsOf(1, conflictsAmong(blind)).sort().join() !== world.kept.ids().join()
    }
    expect([1, 2, 3, 4, 5].some(broken)).toBe(true)
  })
})
