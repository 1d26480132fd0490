import {
  ByteWriter,
  type Datatype,
  type Entry,
  isNoMark,
  type RecordOp,
  type ReplicaId,
  StoreError,
  shardOf,
  spaceNamed,
  spaceProblem,
  valueProblem,
  writeEntry,
} from '@meridian/core'
import type { Done, ResolveOps, WriteReceipt, WriteRequest } from './api.js'
import type { CollectionState } from './collection-state.js'
import type { DataPlane } from './data-plane.js'
import { estimateOpBytes } from './estimate-bytes.js'
import type { LocalClock } from './local-clock.js'
import type { Job, Sequencer } from './sequencer.js'
import type { Settings } from './settings.js'
import type { ShardStore } from './shard-store.js'
import type { SpaceKeys } from './space-keys.js'
import type { Stage } from './stage.js'
import { StagedCollection } from './staged-collection.js'
import { Staging } from './staging.js'
import type { LocalChange, Transactions } from './transactions.js'

interface Waiting {
  readonly collection: CollectionState
  /** Those that the operations were checked with. */
  readonly keys: SpaceKeys
  readonly ops: readonly RecordOp[] | ResolveOps
  /** Rough, on the heap. */
  readonly bytes: number
  readonly done: Done<WriteReceipt>
}

/**
 * A commit takes requests until they come to this; the rest waits for the next. Encoding them, and showing them afterwards, takes
 * some milliseconds each, in which nobody is answered.
 */
const REQUEST_BYTES_MAX = 2 << 20
const RESOLVER_BYTES = 1024

/**
 * The write path of requests. Everything that arrives while a commit is under way becomes one transaction (or a few, by
 * size), so that single writes share blocks and fsyncs.
 */
export class LocalWriter {
  readonly staging = new Staging()
  #waiting: Waiting[] = []
  #isQueued = false
  /** Of everything taken and not answered. */
  #bytes = 0

  constructor(
    readonly self: ReplicaId,
    readonly data: DataPlane,
    readonly clock: LocalClock,
    readonly sequencer: Sequencer,
    readonly transactions: Transactions,
    readonly settings: Settings,
    readonly wrote: (records: number) => void,
    /** Why nothing is written any more, whatever was taken before. */
    readonly silence: () => StoreError | undefined,
  ) {}

  /** @throws StoreError before anything is staged; see `Replica.write`. */
  write({ collection: name, ops, resolverBytes = RESOLVER_BYTES }: WriteRequest, done: Done<WriteReceipt>): void {
    const collection = this.data.collection(name)
    const isResolved = typeof ops !== 'function'
    if (isResolved) for (const op of ops) checkOp(collection, op)
    if (this.#bytes > this.settings.waitingBytesMax)
      throw new StoreError('OVERLOADED', 'too many writes wait for the disk: retry in a second')
    const bytes = isResolved ? ops.reduce((sum, op) => sum + estimateOpBytes(op), 0) : resolverBytes
    this.#bytes += bytes
    const answered: Done<WriteReceipt> = (outcome) => {
      this.#bytes -= bytes
      done(outcome)
    }
    this.#waiting.push({ collection, keys: collection.keys, ops, bytes, done: answered })
    this.#queue()
  }

  #queue(): void {
    if (this.#isQueued) return
    this.#isQueued = true
    this.sequencer.push(new WriteJob(() => this.#take(), this))
  }

  #take(): Waiting[] {
    this.#isQueued = false
    let count = 0
    for (let bytes = 0; count < this.#waiting.length && bytes < REQUEST_BYTES_MAX; count++)
      bytes += this.#waiting[count]!.bytes
    const taken = this.#waiting.splice(0, count)
    if (this.#waiting.length > 0) this.#queue()
    return taken
  }
}

/** Every request that waits when the commit is built. */
class WriteJob implements Job {
  readonly bytes = 0
  #requests: (Waiting & { seq: number })[] = []
  #isStaged = false

  constructor(
    readonly take: () => Waiting[],
    readonly writer: LocalWriter,
  ) {}

  stage(stage: Stage): void {
    const { clock, transactions, settings, self } = this.writer
    const refusal = this.writer.silence()
    if (refusal !== undefined) throw refusal
    let open = new Map<ShardStore, Uint8Array[]>()
    let openBytes = 0
    let atMs = 0
    // Requests whose last entry is in the open transaction.
    let ending: (Waiting & { seq: number })[] = []
    const closeTransaction = (): void => {
      if (open.size > 0) {
        const changes: LocalChange[] = [...open].map(([store, entries]) => ({
          store,
          entries,
          moved: false,
          removed: [],
        }))
        transactions.stage(stage, atMs, changes)
      }
      for (const request of ending) request.seq = stage.vector.get(self)
      ending = []
      open = new Map()
      openBytes = 0
    }
    this.#isStaged = true
    this.writer.staging.begin(stage)
    let records = 0
    for (const waiting of this.take()) {
      const encoded = this.#encode(waiting)
      if (encoded === undefined) continue
      for (const { store, bytes, ms } of encoded) {
        if (openBytes > 0 && openBytes + bytes.length > settings.transactionBytes) closeTransaction()
        const entries = open.get(store) ?? []
        entries.push(bytes)
        open.set(store, entries)
        openBytes += bytes.length
        atMs = ms
      }
      const request = { ...waiting, seq: 0 }
      ending.push(request)
      this.#requests.push(request)
      records += encoded.length
    }
    closeTransaction()
    clock.stage(stage)
    const requests = this.#requests
    stage.durable.push(() => {
      this.writer.wrote(records)
      const merged = transactions.log.vector
      for (const { done, seq } of requests) done({ ok: true, value: { replica: self, seq, merged } })
    })
  }

  /**
   * `undefined` (and answered) when the collection went away, a record is too large, or the resolver refuses what it finds,
   * since the request was taken.
   */
  #encode(request: Waiting): { store: ShardStore; bytes: Uint8Array; ms: number }[] | undefined {
    const { clock, data, settings, staging } = this.writer
    try {
      const collection = data.collection(request.collection.name)
      if (collection.uid !== request.collection.uid && !collection.uids.includes(request.collection.uid))
        throw new StoreError(
          'COLLECTION_NOT_FOUND',
          `Collection \`${collection.name}\` was replaced while the write waited`,
        )
      const hole = typeof request.ops === 'function' ? data.hole(collection) : undefined
      if (hole !== undefined) throw hole
      const ops = resolved(request.ops, collection, staging).map((op) => collection.keys.rounded(op))
      if (collection.keys !== request.keys) for (const op of ops) checkOp(collection, op)
      const datatypeOf = (key: string): Datatype | undefined => collection.keys.datatype(key)
      // All in one piece of memory: one for each costs more than what is in it.
      const out = new ByteWriter(typeof request.ops === 'function' ? RESOLVER_BYTES : request.bytes)
      const encoded = ops.map((op) => {
        const content = staging.mark(collection, op)
        const stamp = content === undefined || isNoMark(content) ? clock.next() : { ...clock.next(), content }
        const from = out.length
        writeEntry(out, { ...collection.keys.stored(op), stamp } as Entry, datatypeOf)
        const length = out.length - from
        if (length > settings.entryBytesMax)
          throw new StoreError(
            'VALIDATION',
            `point ${op.id}: ${length} bytes is above the limit of ${settings.entryBytesMax} a point`,
          )
        const store = data.store(collection.uid, shardOf(op.id, collection.config.shards))!
        return { store, from, length, ms: stamp.ms }
      })
      staging.add(collection, ops)
      const written = out.peek()
      return encoded.map(({ store, from, length, ms }) => ({ store, bytes: written.subarray(from, from + length), ms }))
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      request.done({ ok: false, error })
      return undefined
    }
  }

  failed(error: StoreError): void {
    const lost = this.#isStaged ? this.#requests : this.take()
    this.#requests = []
    for (const { done } of lost) done({ ok: false, error })
  }
}

/** A resolver has a layer of its own to try things on: if it refuses in the end, nothing was staged. */
const resolved = (ops: Waiting['ops'], collection: CollectionState, staging: Staging): readonly RecordOp[] => {
  if (typeof ops !== 'function') return ops
  const found = ops(new StagedCollection(staging.view(collection)))
  for (const op of found) checkOp(collection, op)
  return found
}

const checkOp = (collection: CollectionState, op: RecordOp): void => {
  if (op.kind === 'delete') return
  for (const [name, vector] of op.vectors) {
    const params = spaceNamed(collection.config, name)
    if (params === undefined) throw new StoreError('WRONG_INPUT', `Not existing vector name error: ${name}`)
    const misfit = spaceProblem(params, vector)
    if (misfit !== undefined) throw new StoreError('WRONG_INPUT', misfit)
    const problem = valueProblem(vector)
    if (problem !== undefined)
      throw new StoreError('VALIDATION', `point ${op.id}: vector ${JSON.stringify(name)}: ${problem}`)
  }
}
