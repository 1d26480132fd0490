import {
  type CollectionUid,
  type PointId,
  type ReplicaId,
  StoreError,
  shardOf,
  type Trace,
  type VersionVector,
} from '@meridian/core'
import type { ContentBlock } from '@meridian/shard'
import type { Collection } from '../api.js'
import type { CollectionState } from '../collection-state.js'
import type { DataPlane } from '../data-plane.js'
import type { TransactionLog } from '../transaction-log.js'
import { type Copies, REASONS_MAX, type TraceReport } from './trace-message.js'

/** Looks for what index and snapshots have of an id that is not live. Calls back once. */
export type FindCopies = (collection: Collection, id: PointId, done: (copies: Copies) => void) => void

export interface TracesParts {
  readonly data: DataPlane
  readonly log: TransactionLog
  /** `undefined` where nothing outside of the engine keeps any. */
  readonly copies: FindCopies | undefined
  /** All that what may be forgotten has to wait for, but ourselves. */
  members(): readonly { readonly replica: ReplicaId; readonly acked: VersionVector }[]
  nameOf(replica: ReplicaId): string
  /** The storage may be closed: nothing is read any more. */
  isClosed(): boolean
}

const NO_COPIES: Copies = { graph: 'clear', files: 'clear', snapshots: [], unread: 0 }

/** What the blocks and the book of conflicts say; the rest is asked of others. */
type Engine = Omit<TraceReport, keyof Copies>

/**
 * What this region still has of a point, and what has to happen before it is gone. Read from what is on the disk, not from what
 * forgetting should have done. Not looked at: caches of this process, and pages that the storage has freed and not used again.
 */
export class Traces {
  constructor(readonly parts: TracesParts) {}

  /** Calls back once, whatever becomes of the collection, or of this process, while index and snapshots are looked through. */
  report(uid: CollectionUid, id: PointId, done: (report: TraceReport) => void): void {
    const state = this.#stateOf(uid)
    if (state === undefined) {
      done(this.parts.data.store(uid, 0) === undefined ? NOT_HERE : NOT_SHOWN)
      return
    }
    let isTold = false
    const tell = (report: TraceReport): void => {
      if (isTold) return
      isTold = true
      done(report)
    }
    const find: FindCopies = this.parts.copies ?? ((_, __, found) => found(NO_COPIES))
    try {
      find(state, id, (found) => tell(this.#afterwards(state, uid, id, found)))
    } catch (error) {
      if (isTold) throw error
      tell(this.#failed(error))
    }
  }

  #stateOf(uid: CollectionUid): CollectionState | undefined {
    return this.parts.data.collections.find(({ uids }) => uids.includes(uid))
  }

  /** What the engine has is read last, so that nothing that was moved meanwhile is missed. */
  #afterwards(searched: CollectionState, uid: CollectionUid, id: PointId, found: Copies): TraceReport {
    if (this.parts.isClosed()) return unknownBecause('the region to be started again: it is being stopped')
    try {
      const state = this.#stateOf(uid)
      if (state === undefined) return NOT_SHOWN
      // Its numbers are others, and what was searched were the vectors of the former one.
      if (state !== searched)
        return unknownBecause('the collection, which was loaded anew meanwhile, to be searched again')
      const engine = this.#engine(state, id)
      // Of a live point they all have something, and nobody need look for it.
      const graph = engine.state === 'live' ? 'holds' : found.graph
      const waitingFor = [...engine.waitingFor, ...(engine.state === 'live' ? [] : reasonsOf(found))]
      return { ...engine, ...found, graph, waitingFor: waitingFor.slice(0, REASONS_MAX) }
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** Who asks waits for an answer, and a peer's question must not end this process. */
  #failed(error: unknown): TraceReport {
    const message = error instanceof Error ? error.message : String(error)
    this.parts.data.log.error(
      { error_code: 'ERASURE_FAILED' },
      `could not look for a point that was deleted: ${message}`,
    )
    return unknownBecause('the search to succeed: the log of the region says what failed')
  }

  #engine(state: CollectionState, id: PointId): Engine {
    const { data } = this.parts
    const conflicts: Trace = state.conflicts.names(id) ? 'holds' : 'clear'
    const kept =
      conflicts === 'holds' ? ['its listed conflicts to be forgotten, as --conflict-age-ms and its bounds have it'] : []
    if (data.hole(state) !== undefined)
      return { ...UNKNOWN, conflicts, waitingFor: ['damaged blocks to be fetched from peers', ...kept] }
    const shard = shardOf(id, state.config.shards)
    const view = state.views[shard]!
    const slot = view.find(id)
    // A block that is held is not named by lanes any more, and so may be of an id that the view has let go of.
    const isHeld = state.uids.some((uid) => data.isHolding(data.store(uid, shard)!))
    const held = isHeld ? ['the time of a write that is stamped in the future'] : []
    if (slot === undefined)
      return {
        ...{ state: 'absent', deletedAtMs: undefined, log: 'clear', blocks: isHeld ? 'unknown' : 'clear' },
        conflicts,
        waitingFor: [...held, ...kept],
      }
    const isLive = view.isLive(slot)
    const deletedAtMs = view.history(slot).find(({ what }) => what === 'delete')?.stamp.ms
    const shown = {
      state: isLive ? 'live' : deletedAtMs === undefined ? 'absent' : 'deleted',
      deletedAtMs,
      conflicts,
    } as const
    let found: ContentBlock[]
    try {
      found = [...view.contentOf(slot)]
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      return {
        ...UNKNOWN,
        ...shown,
        waitingFor: [`a damaged block to be fetched from a peer: ${error.message}`, ...kept],
      }
    }
    const log = found.some((block) => this.#isLogged(state.uids[block.ref.doc]!, shard, block))
    const waitingFor = isLive ? ['a delete: the point is live'] : [...this.#reasons(state, id, slot, found), ...held]
    return {
      ...shown,
      log: log ? 'holds' : 'clear',
      blocks: found.length > 0 || isLive ? 'holds' : isHeld ? 'unknown' : 'clear',
      waitingFor: [...waitingFor, ...kept],
    }
  }

  /** Whether the log still names the block, so that the transaction would be sent with it. */
  #isLogged(uid: CollectionUid, shard: number, { ref, origin, seq }: ContentBlock): boolean {
    return (
      this.parts.log
        .entry(origin, seq)
        ?.touched.some(
          (each) =>
            each.kind === 'shard' &&
            each.uid === uid &&
            each.shard === shard &&
            each.blocks.some(
              ({ client, clock, length }) => client === ref.client && clock <= ref.clock && ref.clock < clock + length,
            ),
        ) ?? false
    )
  }

  #reasons(state: CollectionState, id: PointId, slot: number, found: readonly ContentBlock[]): string[] {
    if (found.length === 0) return []
    const view = state.views[shardOf(id, state.config.shards)]!
    if (view.isDeferred(id)) return ['the time of a write that is stamped in the future']
    const writes = [...view.history(slot), ...found]
    const late = this.parts
      .members()
      .filter(({ acked }) => !writes.every(({ origin, seq }) => acked.covers({ replica: origin, seq })))
    if (late.length > 0)
      return late.map(
        ({ replica }) => `${this.parts.nameOf(replica)} to have the delete, and what it deleted, on its disk`,
      )
    return [...new Set(found.map(({ origin }) => origin))].map(
      (origin) =>
        `${this.parts.nameOf(origin)} to clean its blocks: one without anything live goes within seconds, one that has other records is written anew when half of what the region has in the shard is dead`,
    )
  }
}

const reasonsOf = ({ graph, files, snapshots, unread }: Copies): string[] => [
  ...(graph === 'holds'
    ? ['the graph to be built anew: when more than a quarter of its vectors, and more than 1,000, are dead']
    : []),
  ...(graph === 'unknown'
    ? ['the index to be loaded, or built anew: it does not know whose its dead vectors are']
    : []),
  ...(files === 'holds' || files === 'unknown'
    ? ['the next snapshot of the index after that: after many changes, or when the region is stopped']
    : []),
  ...(snapshots.length > 0 ? ['the snapshots that hold it to be deleted'] : []),
  ...(unread > 0 ? [`${unread} snapshots to be readable, or deleted`] : []),
]

const UNKNOWN = { state: 'absent', deletedAtMs: undefined, log: 'unknown', blocks: 'unknown' } as const

const NOT_HERE: TraceReport = {
  ...{ state: 'absent', deletedAtMs: undefined, log: 'clear', blocks: 'clear', conflicts: 'clear', ...NO_COPIES },
  waitingFor: ['the collection, of which nothing has come here yet'],
}

const unknownBecause = (reason: string): TraceReport => ({
  ...{ ...UNKNOWN, conflicts: 'unknown', ...NO_COPIES, graph: 'unknown', files: 'unknown' },
  waitingFor: [reason],
})

const NOT_SHOWN = unknownBecause('the regions to agree on whether the collection exists')
