import { checkBlock, type RegionId, type ReplicaId, StoreError, type Timers, type VersionVector } from '@meridian/core'
import { blockKey } from '@meridian/shard'
import type { DataPlane } from '../data-plane.js'
import type { Message, Sent } from '../message.js'
import type { Sequencer } from '../sequencer.js'
import type { ShardStore } from '../shard-store.js'
import type { TransactionLog } from '../transaction-log.js'
import type { DamagedBlock } from './damage.js'

type Fetch = Extract<Message, { type: 'fetch' }>
type FetchedBlock = Extract<Message, { type: 'block' }>

/** A peer that is linked. */
export interface RepairPeer {
  readonly replica: ReplicaId
  readonly region: RegionId
  send(message: Sent): void
}

export interface RepairParts {
  readonly data: DataPlane
  readonly log: TransactionLog
  readonly sequencer: Sequencer
  readonly timers: Timers
  peers(): readonly RepairPeer[]
  isDropped(uid: DamagedBlock['uid']): boolean
}

/** Blocks asked for and not answered, so that answers take bounded room. */
const ASKED_MAX = 8
/** Then another peer is asked. */
const PATIENCE_MS = 2000
/** At start so many of the newest transactions of each origin are compared with the documents. */
const TAIL_MAX = 2000

/**
 * Fetches what a damaged block row held from peers, one block a question. A lane's clocks name the same bytes everywhere, so
 * any peer that has the block can answer.
 *
 *   damaged ──fetch──► asked ──block, sound──► written back ──durable──► folded, index fed
 *      ▲                 │
 *      └── no answer, or the peer has none: the next peer, for ever; without an answer the block stays named as damaged
 *
 * An answer counts when every entry decodes and it is the same run: of the length, transaction and ids that were folded before,
 * or, for a block that was damaged at start, of a transaction between those of its neighbours in the lane.
 */
export class Repair {
  readonly #asked = new Map<string, { readonly atMs: number }>()
  readonly #attempts = new Map<string, number>()
  /** Blocks that a peer says were removed, and what it held when it said so: true here once that is here. */
  readonly #removed = new Map<string, VersionVector>()

  constructor(readonly parts: RepairParts) {}

  /** At start: blocks that the newest transactions wrote, and that no row is left of, are damaged ones. */
  checkTails(): void {
    const { log, data } = this.parts
    for (const [origin, last] of log.vector.entries())
      for (let seq = Math.max(1, last - TAIL_MAX + 1); seq <= last; seq++)
        for (const touched of log.entry(origin, seq)?.touched ?? [])
          if (touched.kind === 'shard')
            for (const range of touched.blocks) data.store(touched.uid, touched.shard)?.extendWithMissing(range)
  }

  /** Asks for what is damaged, as long as few questions are open. */
  step(): void {
    const { data, timers } = this.parts
    const peers = this.parts.peers()
    const now = timers.elapsedMs()
    this.#removeKnown()
    for (const [key, { atMs }] of this.#asked)
      if (now - atMs > PATIENCE_MS || !data.damage.has(key)) this.#asked.delete(key)
    for (const key of this.#attempts.keys()) if (!data.damage.has(key)) this.#attempts.delete(key)
    this.#removeDropped()
    if (peers.length === 0) return
    for (const block of data.damage.list()) {
      if (this.#asked.size >= ASKED_MAX) return
      const { uid, shard, client, clock } = block
      const key = blockKey(uid, shard, client, clock)
      if (this.#asked.has(key)) continue
      const attempt = this.#attempts.get(key) ?? 0
      this.#attempts.set(key, attempt + 1)
      this.#asked.set(key, { atMs: now })
      peers[attempt % peers.length]!.send({ type: 'fetch', uid, shard, client, clock })
    }
  }

  /** What this replica has of a block. */
  answer({ uid, shard, client, clock }: Fetch): Sent {
    const { data, log } = this.parts
    const answer = { type: 'block', uid, shard, client, clock, durable: log.vector } as const
    const store = data.store(uid, shard)
    const nothing = new Uint8Array(0)
    if (store === undefined || clock >= store.doc.nextClock(client)) return { ...answer, is: 'unknown', bytes: nothing }
    if (!store.doc.has(client, clock)) return { ...answer, is: 'removed', bytes: nothing }
    try {
      return { ...answer, is: 'here', bytes: store.read(client, clock) }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      return { ...answer, is: 'unknown', bytes: nothing }
    }
  }

  /** Takes a peer's answer; one that nobody asked for is passed over. */
  take(from: string, message: FetchedBlock): void {
    const { data } = this.parts
    const key = blockKey(message.uid, message.shard, message.client, message.clock)
    const block = data.damage.get(key)
    const store = data.store(message.uid, message.shard)
    if (!this.#asked.has(key) || block === undefined || store === undefined) return
    if (message.is === 'unknown') {
      // The next one is asked at once.
      this.#asked.delete(key)
      if ((this.#attempts.get(key) ?? 0) < this.parts.peers().length) this.step()
      return
    }
    if (message.is === 'removed') {
      // What removed it is here too, or will be, and only the note of it was lost.
      this.#removed.set(key, message.durable)
      this.#removeKnown()
      return
    }
    const problem = this.#problem(store, block, message.bytes, message.durable)
    if (problem === undefined) this.#write(from, store, block, message.bytes)
    else
      data.damage.log.warn(
        { peer: from, block: key },
        `the bytes of block ${key} from ${from} are not used: ${problem}`,
      )
  }

  #problem(
    { doc }: ShardStore,
    { uid, shard, client, clock, origin }: DamagedBlock,
    bytes: Uint8Array,
    durable: VersionVector,
  ): string | undefined {
    try {
      const { seq } = checkBlock(bytes)
      const isSame = this.parts.data.matches(uid, shard, client, clock, bytes)
      if (isSame !== undefined) return isSame ? undefined : 'they are not of the run that was here'
      if (seq > durable.get(origin) || seq > this.parts.log.vector.get(origin)) return `transaction ${seq} is not here`
      const before = doc.has(client, clock - 1) ? this.#seqOf(uid, shard, client, clock - 1) : undefined
      const after = doc.has(client, clock + 1) ? this.#seqOf(uid, shard, client, clock + 1) : undefined
      if (seq < (before ?? 0) || seq > (after ?? Number.POSITIVE_INFINITY))
        return `transaction ${seq} is not between ${before} and ${after}, as in the lane`
      return undefined
    } catch (error) {
      if (error instanceof StoreError) return error.message
      throw error
    }
  }

  #seqOf(...[uid, shard, client, clock]: [DamagedBlock['uid'], number, number, number]): number | undefined {
    return this.parts.data.seqOf(uid, shard, client, clock)
  }

  #write(from: string, store: ShardStore, { client, clock }: DamagedBlock, bytes: Uint8Array): void {
    const { data, sequencer } = this.parts
    const key = store.key(client, clock)
    sequencer.push({
      bytes: bytes.length,
      stage: (stage) => {
        // Removed, or repaired, since.
        if (!data.damage.has(key) || !stage.has(store, client, clock)) return
        data.changes.stageRepaired(stage, store, client, clock, bytes, from)
        // There is room for the next question.
        stage.durable.push(() => this.step())
      },
      failed: () => void this.#asked.delete(key),
    })
  }

  /** Nobody reads a dropped collection, and peers that have purged it can send nothing of it: its damaged blocks go. */
  #removeDropped(): void {
    const { data } = this.parts
    for (const block of data.damage.list()) {
      const store = this.parts.isDropped(block.uid) ? data.store(block.uid, block.shard) : undefined
      if (store !== undefined) this.#remove(store, block)
    }
  }

  #removeKnown(): void {
    const { data, log } = this.parts
    for (const [key, durable] of this.#removed) {
      const block = data.damage.get(key)
      if (block !== undefined && !log.vector.dominates(durable)) continue
      this.#removed.delete(key)
      const store = block === undefined ? undefined : data.store(block.uid, block.shard)
      if (block !== undefined && store !== undefined) this.#remove(store, block)
    }
  }

  #remove(store: ShardStore, { client, clock }: DamagedBlock): void {
    const { data, sequencer } = this.parts
    sequencer.push({
      bytes: 0,
      stage: (stage) => {
        if (!stage.has(store, client, clock)) return
        const change = { store, fresh: [], removed: [{ client, clock, length: 1 }] }
        data.changes.stage(stage, change)
        stage.durable.push(() => this.step())
      },
      failed() {},
    })
  }
}
