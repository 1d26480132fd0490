import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import {
  canonicalJson,
  type CollectionConfig,
  isSparseSpace,
  type PointId,
  type RecordOp,
  type SpaceParams,
  spaceNamed,
  spaceProblem,
  spacesOf,
  StoreError,
} from '@meridian/core'
import { DEFAULT_SETTINGS, promised, type Replica, type WriteReceipt } from '@meridian/replica'
import type { Intake } from '../intake/intake.js'
import { badRequest, wrongInput } from '../http/errors.js'
import { Pacer } from '../query/pacer.js'
import { encodePut } from './cut.js'
import { diskError } from './folder.js'
import {
  readEntry,
  type SnapshotCollection,
  SnapshotDecoder,
  type SnapshotDetails,
  type SnapshotSection,
} from './format.js'

/** What holds where a record is in the snapshot and in the collection. */
export type Priority = 'snapshot' | 'replica'

/** A file that was read whole and found sound, and what of it is to be restored. */
export interface CheckedSnapshot {
  readonly path: string
  /** Place in the file. */
  readonly number: number
  readonly collection: SnapshotCollection
  readonly details: SnapshotDetails
  /** By id: the entry, counted among the collection's changes, that stands for the ids that have several. */
  readonly last: ReadonlyMap<PointId, number>
}

/** What a restore is let in by. */
export type RestoreIntake = Pick<Intake, 'admitNext'>

/** Ids deleted in one write. */
const DELETE_BATCH = 1000
const READ_BYTES = 256 * 1024

/** Sections of a file, as they are read. @throws StoreError `BAD_REQUEST` for a damaged one. */
async function* sectionsOf(path: string, bytesSeen: (bytes: Uint8Array) => void): AsyncGenerator<SnapshotSection> {
  const decoder = new SnapshotDecoder()
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: READ_BYTES })) {
      bytesSeen(bytes as Uint8Array)
      yield* decoder.push(bytes as Uint8Array)
    }
    decoder.end()
  } catch (error) {
    throw refusal(diskError(error))
  }
}

const refusal = (error: unknown): unknown =>
  error instanceof StoreError && error.code === 'DECODE_FAILED'
    ? badRequest(`the snapshot cannot be used: ${error.message}`)
    : error

/**
 * Reads the whole file before anything of it is applied: every checksum, every record, and whether it fits `name`.
 * @param checksum SHA-256 in hex, compared when given
 * @throws StoreError `BAD_REQUEST`, `WRONG_INPUT`.
 */
export const checkSnapshot = async (
  replica: Replica,
  path: string,
  name: string,
  checksum: string | undefined,
  signal: AbortSignal,
): Promise<CheckedSnapshot> => {
  const hash = createHash('sha256')
  const pacer = new Pacer(signal)
  const last = new Map<PointId, number>()
  let change = 0
  let chosen: { number: number; collection: SnapshotCollection } | undefined
  let details: SnapshotDetails | undefined
  for await (const section of sectionsOf(path, (bytes) => hash.update(bytes))) {
    if (section.kind === 'header') {
      chosen = choose(section.header.collections, name)
      refuseMisfit(replica, name, chosen.collection.config)
    } else if (section.kind === 'end') details = section.end.collections[chosen!.number]!
    else
      for (const bytes of section.entries) {
        const id = checkEntry(section.kind, bytes, chosen!.collection.config, section.collection === chosen!.number)
        if (section.kind === 'changes' && section.collection === chosen!.number) last.set(id, change++)
        if (pacer.isDue) await pacer.pause()
      }
  }
  if (checksum !== undefined && hash.digest('hex') !== checksum.toLowerCase())
    throw badRequest('checksum: the SHA-256 of the snapshot is another one; nothing was restored')
  return { path, ...chosen!, details: details!, last }
}

const choose = (collections: readonly SnapshotCollection[], name: string) => {
  const named = collections.findIndex((each) => each.name === name)
  const number = named < 0 && collections.length === 1 ? 0 : named
  const collection = collections[number]
  if (collection === undefined)
    throw wrongInput(`the snapshot holds ${collections.length} collections, none of them named \`${name}\``)
  return { number, collection }
}

/** Vectors are only restored into spaces where they mean the same. */
const refuseMisfit = (replica: Replica, name: string, config: CollectionConfig): void => {
  const found = replica.collections().find((each) => each.name === name)
  if (found === undefined) return
  const meaning = (params: SpaceParams | undefined): string => {
    if (params === undefined) return 'none'
    if (isSparseSpace(params)) return 'sparse'
    return canonicalJson([params.size, params.metric, params.multi ?? null, params.datatype ?? null])
  }
  for (const [vector, params] of spacesOf(config))
    if (meaning(spaceNamed(found.config, vector)) !== meaning(params))
      throw wrongInput(
        `collection \`${name}\` has another configuration of vector ${JSON.stringify(vector)} than the snapshot; restore under another name`,
      )
}

const checkEntry = (
  kind: 'records' | 'changes',
  bytes: Uint8Array,
  config: CollectionConfig,
  isChosen: boolean,
): PointId => {
  try {
    const entry = readEntry(kind, bytes)
    if (entry.kind === 'delete' || !isChosen) return entry.id
    if (bytes.length > DEFAULT_SETTINGS.entryBytesMax)
      throw badRequest(`point ${entry.id} is larger than a point may be`)
    for (const [vector, value] of entry.vectors) {
      const params = spaceNamed(config, vector)
      const problem = params === undefined ? 'no such vector in the configuration' : spaceProblem(params, value)
      if (problem !== undefined) throw badRequest(`the snapshot cannot be used: point ${entry.id}: ${problem}`)
    }
    return entry.id
  } catch (error) {
    throw refusal(error)
  }
}

/**
 * Writes what the snapshot holds, as ordinary new writes of this region: they are stamped now, and replicate as any other.
 * Records that are as in the snapshot already are not written again, so a restore that was interrupted is simply done again.
 * With priority `snapshot`, records that were there at the start and are not in the snapshot are deleted in the end; with
 * `replica`, records that are there stay as they are. Records that others write meanwhile are merged as always.
 * Before each batch it waits until the index has come near.
 * @throws StoreError `MEMORY_FULL`, what was written stays; why a write was refused.
 */
export const restore = async (
  replica: Replica,
  intake: RestoreIntake,
  name: string,
  snapshot: CheckedSnapshot,
  priority: Priority,
  signal: AbortSignal,
): Promise<void> => {
  await prepare(replica, name, snapshot)
  const pacer = new Pacer(signal)
  const extra = new Set<PointId>()
  if (priority === 'snapshot') {
    const collection = replica.collection(name)
    for (const ordinal of collection.ordinals()) {
      extra.add(collection.id(ordinal))
      if (pacer.isDue) await pacer.pause()
    }
  }
  let change = 0
  for await (const section of sectionsOf(snapshot.path, () => undefined)) {
    if (section.kind === 'header' || section.kind === 'end' || section.collection !== snapshot.number) continue
    const puts = new Map<PointId, Uint8Array>()
    for (const bytes of section.entries) {
      const { id, kind } = readEntry(section.kind, bytes)
      const latest = snapshot.last.get(id)
      const isLatest = section.kind === 'records' ? latest === undefined : latest === change++
      if (!isLatest || kind === 'delete') continue
      puts.set(id, bytes)
      extra.delete(id)
      if (pacer.isDue) await pacer.pause()
    }
    if (puts.size > 0) await intake.admitNext(name, signal)
    await writePuts(replica, name, puts, priority)
    signal.throwIfAborted()
  }
  const gone = [...extra]
  for (let at = 0; at < gone.length; at += DELETE_BATCH) {
    const ops = gone.slice(at, at + DELETE_BATCH).map((id): RecordOp => ({ kind: 'delete', id }))
    await promised<WriteReceipt>((done) => replica.write({ collection: name, ops }, done))
    signal.throwIfAborted()
  }
}

/** The collection, with the indexes of the snapshot; its settings only if it is made here. */
const prepare = async (replica: Replica, name: string, { collection, details }: CheckedSnapshot): Promise<void> => {
  if (!replica.collections().some((each) => each.name === name))
    await promised<WriteReceipt>((done) => replica.createCollection(name, collection.config, done, details.settings))
  for (const [field, schema] of Object.entries(details.indexes))
    if (!replica.collection(name).indexes.has(field))
      await promised<WriteReceipt>((done) => replica.changeIndex(name, field, schema, done))
}

const writePuts = async (
  replica: Replica,
  name: string,
  puts: ReadonlyMap<PointId, Uint8Array>,
  priority: Priority,
): Promise<void> => {
  if (puts.size === 0) return
  let resolverBytes = 0
  for (const bytes of puts.values()) resolverBytes += bytes.length
  await promised<WriteReceipt>((done) =>
    replica.write(
      {
        collection: name,
        resolverBytes,
        ops: (now) => {
          const ops: RecordOp[] = []
          for (const [id, bytes] of puts) {
            const ordinal = now.find(id)
            if (ordinal !== undefined && priority === 'replica') continue
            const entry = readEntry('records', bytes)
            if (ordinal === undefined || !isSame(encodePut(now, ordinal, entry.stamp), bytes)) ops.push(opOf(entry))
          }
          return ops
        },
      },
      done,
    ),
  )
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

const opOf = (entry: ReturnType<typeof readEntry>): RecordOp => {
  const { stamp: _, ...op } = entry
  return op
}
