import { encodeEntry, type PointId, type Stamp, StoreError } from '@meridian/core'
import type { Collection, Replica } from '@meridian/replica'
import { Pacer } from '../query/pacer.js'
import { SECTION_BYTES, SnapshotEncoder } from './format.js'

/** Records encoded between two looks at the clock. */
const CLOCK_EVERY = 8
/** Changes that the last tick may take in; doubled each round, so that a busy store comes to an end too. */
const LAST_TICK_RECORDS = 32

interface Part {
  readonly collection: Collection
  readonly number: number
  /** Changed since they were last encoded. */
  changed: Set<PointId>
}

/**
 * The bytes of a snapshot of the collections `names`, or of all, in pieces, made as they are asked for.
 *
 * 1. Records are encoded slice by slice while writes go on; the ids that change meanwhile are noted.
 * 2. Those are encoded again, round after round, until few are left.
 * 3. The last few and the version vector are taken in one tick: what the file says is what the replica had merged then.
 *
 * Memory: one section, and the ids that change during one round.
 * @throws StoreError `COLLECTION_NOT_FOUND`; `OVERLOADED` when a collection was dropped or made meanwhile: try again.
 */
export async function* takeCut(
  replica: Replica,
  names: readonly string[] | 'all',
  nowMs: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stamp: Stamp = { ms: nowMs, counter: 0, writer: replica.identity.replica }
  const encoder = new SnapshotEncoder()
  const chosen = names === 'all' ? replica.collections() : names.map((name) => replica.collection(name))
  const parts: Part[] = chosen.map((collection, number) => ({ collection, number, changed: new Set() }))
  const watches = parts.map((part) => part.collection.watch((id) => part.changed.add(id)))
  try {
    const described = parts.map(({ collection: { name, uid, config } }) => ({ name, uid, config }))
    yield encoder.header({ region: replica.region, startedMs: nowMs, collections: described })
    const pacer = new Pacer(signal)
    for (const { collection, number } of parts)
      yield* paced(pacer, all(collection, stamp), (entries) => encoder.records('records', number, entries))
    for (let few = LAST_TICK_RECORDS; waiting(parts) > few; few *= 2)
      for (const part of parts) {
        const { changed, collection, number } = part
        part.changed = new Set()
        yield* paced(pacer, again(collection, changed, stamp), (entries) => encoder.records('changes', number, entries))
      }
    const last = parts.flatMap(({ collection, number, changed }) => {
      const entries = [...again(collection, changed, stamp)]
      return entries.length === 0 ? [] : [encoder.records('changes', number, entries)]
    })
    const now = replica.collections()
    if (!chosen.every((each) => now.includes(each)) || (names === 'all' && now.length !== chosen.length))
      throw new StoreError('OVERLOADED', 'collections were made or dropped while the snapshot was taken; try again')
    // Vectors in spaces that were added meanwhile are in no header.
    if (chosen.some((each, i) => each.config !== described[i]!.config))
      throw new StoreError('OVERLOADED', 'vectors were added or dropped while the snapshot was taken; try again')
    const details = parts.map(({ collection }) => ({
      live: collection.liveCount,
      settings: collection.settings,
      indexes: Object.fromEntries(collection.indexes),
      aliases: collection.aliases,
    }))
    last.push(encoder.end({ collections: details, vector: replica.status().vectors.merged }))
    yield* last
  } finally {
    for (const watch of watches) watch[Symbol.dispose]()
  }
}

const waiting = (parts: readonly Part[]): number => parts.reduce((sum, { changed }) => sum + changed.size, 0)

function* all(collection: Collection, stamp: Stamp): Iterable<Uint8Array> {
  for (const ordinal of collection.ordinals()) yield encodePut(collection, ordinal, stamp)
}

function* again(collection: Collection, ids: ReadonlySet<PointId>, stamp: Stamp): Iterable<Uint8Array> {
  for (const id of ids) {
    const ordinal = collection.find(id)
    yield ordinal === undefined ? encodeEntry({ kind: 'delete', id, stamp }) : encodePut(collection, ordinal, stamp)
  }
}

/** A record as the put that would make it. */
export const encodePut = (collection: Collection, ordinal: number, stamp: Stamp): Uint8Array => {
  const vectors = new Map(collection.vectorNames(ordinal).map((name) => [name, collection.vector(ordinal, name)!]))
  return encodeEntry({
    kind: 'put',
    id: collection.id(ordinal),
    stamp,
    vectors,
    payload: collection.payload(ordinal),
  })
}

/** Sections of about `SECTION_BYTES`, with pauses in between. */
async function* paced(
  pacer: Pacer,
  entries: Iterable<Uint8Array>,
  section: (entries: readonly Uint8Array[]) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  let open: Uint8Array[] = []
  let bytes = 0
  let count = 0
  for (const entry of entries) {
    open.push(entry)
    bytes += entry.length
    if (bytes >= SECTION_BYTES) {
      yield section(open)
      open = []
      bytes = 0
    }
    if (++count % CLOCK_EVERY === 0 && pacer.isDue) await pacer.pause()
  }
  if (open.length > 0) yield section(open)
}
