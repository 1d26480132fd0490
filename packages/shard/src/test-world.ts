import {
  type Block,
  decodeBlock,
  decodeEntry,
  EMPTY_STATE,
  type Entry,
  encodeBlock,
  encodeEntry,
  formatStamp,
  type JsonObject,
  merge,
  type PointId,
  type RecordState,
  stateOf,
  VersionVector,
  visible,
} from '@meridian/core'
import type { SeededRandom } from '@meridian/core/testing'
import { expect } from 'vitest'
import type { BlockRef } from './block-table.js'
import { MergedView } from './merged-view.js'
import { client, del, stamp } from './test-support.js'

export const key = ({ doc, client, clock }: BlockRef): string => `${doc}:${client}:${clock}`

/** The lanes of a few replicas, and what core's pure merge makes of every entry that was ever written. */
export class World {
  readonly log = new Map<string, { readonly ref: BlockRef; readonly bytes: Uint8Array }>()
  readonly twin = new Map<PointId, RecordState>()
  readonly seqs = new Map<number, number>()
  readonly #clocks = new Map<string, number>()
  #ms = 1_000

  read = (ref: BlockRef): Uint8Array => {
    const found = this.log.get(key(ref))
    if (found === undefined) throw new Error(`no block ${key(ref)}`)
    return found.bytes
  }

  view(): MergedView {
    return new MergedView(this.read)
  }

  /** Appends to a lane as the next transaction of its replica. */
  append(doc: number, of: number, entries: readonly Uint8Array[], moved = false): BlockRef {
    const lane = `${doc}:${of}`
    const ref = { doc, client: client(of), clock: this.#clocks.get(lane) ?? 0 }
    this.#clocks.set(lane, ref.clock + 1)
    const seq = (this.seqs.get(of) ?? 0) + 1
    this.seqs.set(of, seq)
    const content: Block = { seq, seen: VersionVector.ZERO, moved, entries }
    this.log.set(key(ref), { ref, bytes: encodeBlock(content) })
    return ref
  }

  write(doc: number, of: number, entries: readonly Entry[]): BlockRef {
    for (const entry of entries) this.twin.set(entry.id, merge(this.twin.get(entry.id) ?? EMPTY_STATE, stateOf(entry)))
    return this.append(doc, of, entries.map(encodeEntry))
  }

  /** A clock that stands still now and then, so that counters and writers decide too. */
  entry(random: SeededRandom, of: number, ids: number): Entry {
    this.#ms += random.int(2)
    const at = stamp(this.#ms + random.int(4), of, this.#counter++)
    const id = random.chance(0.5) ? random.int(ids) : `id-${random.int(ids)}`
    const roll = random.int(10)
    if (roll < 4) {
      const vectors = new Map(
        ['', 'title', 'body'].filter(() => random.chance(0.6)).map((name) => [name, vector(random)]),
      )
      return { kind: 'put', id, stamp: at, vectors, payload: cells(random) }
    }
    if (roll < 5) return del(id, at)
    return {
      kind: 'patch',
      id,
      stamp: at,
      clear: random.chance(0.3),
      set: cells(random),
      unset: KEYS.filter(() => random.chance(0.2)),
      vectors: new Map(['', 'title', 'new'].filter(() => random.chance(0.3)).map((name) => [name, vector(random)])),
      dropVectors: ['', 'body'].filter(() => random.chance(0.2)),
    }
  }
  #counter = 0
}

const KEYS = ['a', 'b', '__proto__', 'd']
const vector = (random: SeededRandom): Float32Array => Float32Array.from({ length: 3 }, () => random.int(1000) / 7)
const cells = (random: SeededRandom): JsonObject =>
  JSON.parse(
    `{${KEYS.filter(() => random.chance(0.5))
      .map((name) => `"${name}":${random.int(99)}`)
      .join()}}`,
  )

export const foldAll = (view: MergedView, world: World, random: SeededRandom): void => {
  for (const { ref, bytes } of random.shuffled([...world.log.values()])) view.fold(ref, bytes)
}

export const expectTwin = (view: MergedView, world: World): void => {
  let live = 0
  let tombstones = 0
  for (const [id, state] of world.twin) {
    const slot = view.find(id)
    const record = visible(state)
    if (slot === undefined) {
      expect(state).toEqual(EMPTY_STATE)
      continue
    }
    expect(view.id(slot)).toBe(id)
    expect(view.isLive(slot)).toBe(record !== undefined)
    expect(view.stamp(slot)).toEqual(state.presence?.stamp)
    if (record === undefined) {
      if (state.presence !== undefined) tombstones++
      expect([view.payload(slot), view.vectorNames(slot), view.vector(slot, '')]).toEqual([{}, [], undefined])
      continue
    }
    live++
    expect(Object.entries(view.payload(slot)).sort()).toEqual(Object.entries(record.payload).sort())
    expect(view.vectorNames(slot).sort()).toEqual([...record.vectors.keys()].sort())
    for (const name of ['', 'title', 'body', 'new', 'none']) {
      expect(view.vector(slot, name)).toEqual(record.vectors.get(name))
      const cell = record.vectors.has(name) ? state.vectors.get(name) : undefined
      expect(view.vectorVersion(slot, name)).toBe(cell && formatStamp(cell.stamp))
    }
  }
  expect([view.liveCount, view.tombstoneCount]).toEqual([live, tombstones])
  expect([...view.liveSlots()]).toHaveLength(live)
}

/** Bytes of the entries that the pure states refer to, each write counted once. */
export const liveBytesOf = (world: World): number => {
  const needed = new Map<string, number>()
  for (const { bytes } of world.log.values())
    for (const encoded of decodeBlock(bytes).entries) {
      const entry = decodeEntry(encoded)
      const { presence, cleared, vectors, payload } = world.twin.get(entry.id)!
      const stamps = [presence?.stamp, cleared, ...[...vectors.values(), ...payload.values()].map(({ stamp }) => stamp)]
      const text = formatStamp(entry.stamp)
      if (stamps.some((at) => at !== undefined && formatStamp(at) === text))
        needed.set(`${entry.id}|${text}`, encoded.length)
    }
  return [...needed.values()].reduce((sum, length) => sum + length, 0)
}

export const randomWorld = (random: SeededRandom, blocks: number): World => {
  const world = new World()
  for (let i = 0; i < blocks; i++) {
    const of = 1 + random.int(3)
    world.write(
      random.int(2),
      of,
      Array.from({ length: 1 + random.int(6) }, () => world.entry(random, of, 8)),
    )
  }
  return world
}
