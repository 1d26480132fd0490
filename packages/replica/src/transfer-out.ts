import { type ReplicaId, StoreError, type Timers } from '@meridian/core'
import type { CatalogPlane } from './catalog-plane.js'
import type { DataPlane } from './data-plane.js'
import type { Leftovers } from './leftovers.js'
import { encodeMessage } from './message.js'
import { CATALOG_BYTES_MAX, CATALOG_PIECES_MAX, type DocCursor } from './messages/transfer-message.js'
import type { Settings } from './settings.js'
import type { ShardStore } from './shard-store.js'
import type { TransactionLog } from './transaction-log.js'

/**
 * State of one origin on its way to a peer that the log cannot serve. The receiver's clocks are the resume cursor.
 *
 *   offered ──want──► sending ──end durable there──► (gone)
 *      ▲                 │ want again: from the receiver's new cursor
 *      └──── offered anew with each heartbeat until wanted
 *
 *  1. Chunks go document by document, at most `transferWindow` of them are under way, and one is made in a turn: requests are
 *     answered between two.
 *  2. The catalog precedes every chunk of a collection that it names.
 *  3. When a pass finds nothing new, the delete sets, the catalog if a change has come to it since it was sent, and the end go in
 *     the same tick, and the log goes on from there: a yield between them would lose what was written in it.
 */
export class TransferOut {
  /** Drawn by the receiver; undefined while only offered. */
  #id: number | undefined
  #cursors = new Map<string, Map<number, number>>()
  /** Chunks that are sent and not yet durable there; bytes by number. */
  #under = new Map<number, number>()
  #number = 0
  #progressAt = 0
  #wantedAt = Number.NEGATIVE_INFINITY
  #catalogVersion = 0
  /** Of the catalog that was sent last in this attempt: changes that show nothing count too. */
  #catalogDigest: string | undefined
  /** Position in the documents of the pass under way: those before it had nothing new. */
  #at = 0
  #end: { readonly number: number; readonly seq: number } | undefined
  #leftover: number | undefined
  #isRefused = false
  #isLater = false
  #isOver = false

  constructor(
    readonly origin: ReplicaId,
    readonly data: DataPlane,
    readonly catalog: CatalogPlane,
    readonly log: TransactionLog,
    readonly settings: Settings,
    readonly timers: Timers,
    readonly send: (frame: Uint8Array) => void,
    /** The state up to `seq` was sent: the log goes on from there, in the same tick. */
    readonly ended: (seq: number) => void,
    readonly leftovers: Leftovers,
    /** It hands on what is here beyond the vector, to one whose vector is no lower: that vector says nothing of it. */
    readonly isHandOver: boolean,
  ) {}

  /** What of the origin was here beyond the vector when the end was sent (`Leftovers.version`). */
  get leftover(): number | undefined {
    return this.#leftover
  }

  /** Once a heartbeat interval. A peer that wanted it and then fell silent is offered it again: it may have given up. */
  offer(): void {
    const silentMs = this.timers.elapsedMs() - this.#progressAt
    if (this.#id !== undefined && silentMs > 2 * this.settings.transferStallMs) {
      this.#id = undefined
      this.#end = undefined
      this.#under.clear()
    }
    if (this.#id === undefined) this.send(encodeMessage({ type: 'offer', origin: this.origin }))
  }

  /**
   * A repetition is passed over: to number the frames of one attempt anew would let the receiver skip some unawares. So is an attempt
   * that follows another closer than any stall does: each costs a catalog and a window of chunks.
   */
  want(id: number, cursors: readonly DocCursor[]): void {
    const now = this.timers.elapsedMs()
    if (id === this.#id || now - this.#wantedAt < this.settings.transferStallMs / 2) return
    this.#id = id
    this.#wantedAt = now
    this.#progressAt = now
    this.#number = 0
    this.#cursors = new Map(cursors.map(({ uid, shard, clocks }) => [`${uid}/${shard}`, new Map(clocks)]))
    this.#under.clear()
    this.#end = undefined
    this.#at = 0
    if (this.#catalog()) this.pump()
  }

  /** A frame is durable there. Returns whether it was the end. */
  got(id: number, number: number): boolean {
    if (id !== this.#id) return false
    this.#progressAt = this.timers.elapsedMs()
    for (const sent of this.#under.keys()) if (sent <= number) this.#under.delete(sent)
    if (this.#end !== undefined && number >= this.#end.number) return true
    // Several come in one turn, and a chunk takes some tens of milliseconds: requests are answered between two.
    this.#later()
    return false
  }

  /** Whether a peer that holds the origin up to `seq` has taken the end: its `got` may have been lost. */
  isCoveredBy(seq: number): boolean {
    return !this.isHandOver && this.#end !== undefined && seq >= this.#end.seq
  }

  /** What cannot be read is tried again when the receiver asks again: by then it may have been repaired. */
  pump(): void {
    try {
      this.#pump()
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'STORAGE_CORRUPT') throw error
    }
  }

  #pump(): void {
    if (this.#isOver || this.#id === undefined || this.#end !== undefined) return
    for (;;) {
      const isWhole = this.#at === 0
      for (const stores = this.data.stores(); this.#at < stores.length; this.#at++) {
        if (this.#under.size >= this.settings.transferWindow) return
        if (this.#step(stores[this.#at]!) === 'last') continue
        this.#later()
        return
      }
      this.#at = 0
      if (isWhole) break
    }
    this.#finish()
  }

  #later(): void {
    if (this.#isLater) return
    this.#isLater = true
    this.timers.after(0, () => {
      this.#isLater = false
      this.pump()
    })
  }

  #step(store: ShardStore): 'sent' | 'last' {
    const name = `${store.uid}/${store.shard}`
    const from = this.#cursors.get(name) ?? new Map<number, number>()
    const chunk = store.doc.encodeState(this.origin, from, this.settings.transferChunkBytes)
    this.#cursors.set(name, chunk.next)
    const isNew = [...chunk.next].some(([client, clock]) => clock > (from.get(client) ?? 0))
    if (!isNew) return 'last'
    if (this.catalog.document.version !== this.#catalogVersion && !this.#catalog()) return 'sent'
    this.#chunk(store, chunk.update)
    return 'sent'
  }

  /** In one tick: the delete sets, the catalog if it is another by now, the end. */
  #finish(): void {
    for (const store of this.data.stores()) {
      if (store.doc.clients(this.origin).length === 0) continue
      const cursor = this.#cursors.get(`${store.uid}/${store.shard}`) ?? new Map<number, number>()
      this.#chunk(store, store.doc.encodeState(this.origin, cursor, Number.MAX_SAFE_INTEGER).update)
    }
    // What the origin did to the catalog meanwhile has seqs below the end: the log will not bring it.
    if (this.catalog.document.digest() !== this.#catalogDigest && !this.#catalog()) return
    this.#end = { number: ++this.#number, seq: this.log.vector.get(this.origin) }
    this.#leftover = this.leftovers.version(this.origin)
    this.send(encodeMessage({ type: 'end', transfer: this.#id!, ...this.#end }))
    this.ended(this.#end.seq)
  }

  /** In pieces that fit a frame. `false`: it is too large for any peer to take, and the attempt is over. */
  #catalog(): boolean {
    const { document, logger } = this.catalog
    this.#catalogVersion = document.version
    this.#catalogDigest = document.digest()
    const saved = document.save()
    if (saved.length > CATALOG_BYTES_MAX) {
      if (!this.#isRefused)
        logger.error(
          { bytes: saved.length },
          `the catalog has grown to ${saved.length} bytes, and more than ${CATALOG_BYTES_MAX} cannot be handed over: a region that is behind the log cannot catch up`,
        )
      this.#isRefused = true
      this.#id = undefined
      return false
    }
    const pieceBytes = Math.max(this.settings.catalogPieceBytes, Math.ceil(saved.length / CATALOG_PIECES_MAX))
    for (let at = 0; ; at += pieceBytes) {
      const isLast = saved.length - at <= pieceBytes
      const piece = saved.subarray(at, at + pieceBytes)
      this.send(encodeMessage({ type: 'catalog', transfer: this.#id!, number: ++this.#number, saved: piece, isLast }))
      if (isLast) return true
    }
  }

  #chunk({ uid, shard }: ShardStore, update: Uint8Array): void {
    this.#under.set(++this.#number, update.length)
    this.send(encodeMessage({ type: 'chunk', transfer: this.#id!, number: this.#number, uid, shard, update }))
  }

  /** The link is gone. */
  close(): void {
    this.#isOver = true
  }

  /** Sent and not yet durable there. */
  get inFlight(): { frames: number; bytes: number } {
    return { frames: this.#under.size, bytes: [...this.#under.values()].reduce((sum, bytes) => sum + bytes, 0) }
  }
}
