import type { ReplicaId } from '@meridian/core'
import type { CatalogPlane } from './catalog-plane.js'
import type { DataPlane } from './data-plane.js'
import { type DocCursor, encodeMessage } from './message.js'
import type { Settings } from './settings.js'
import type { TransactionLog } from './transaction-log.js'

/**
 * State of one origin on its way to a peer that the log cannot serve. The receiver's clocks are the resume cursor.
 *
 *   offered ──want──► sending ──every chunk got──► (gone)
 *      ▲                 │ want again: from the receiver's new cursor
 *      └──── offered anew with each heartbeat until wanted
 *
 * Chunks go document by document. The pass that finds nothing new sends every delete set and the end in the same tick, so
 * that the log continues exactly where the state stops: a yield between the two loses what was written in it.
 */
export class TransferOut {
  /** Drawn by the receiver; undefined while only offered. */
  #id: number | undefined
  #cursors = new Map<string, Map<number, number>>()
  /** Chunks that are sent and not yet durable there; bytes by number. */
  #under = new Map<number, number>()
  #number = 0
  #endNumber: number | undefined
  #endSeq = 0

  constructor(
    readonly origin: ReplicaId,
    readonly data: DataPlane,
    readonly catalog: CatalogPlane,
    readonly log: TransactionLog,
    readonly settings: Settings,
    readonly send: (frame: Uint8Array) => void,
    /** The state up to `seq` was sent: the log goes on from there, in the same tick. */
    readonly ended: (seq: number) => void,
  ) {
    this.offer()
  }

  offer(): void {
    if (this.#id === undefined) this.send(encodeMessage({ type: 'offer', origin: this.origin }))
  }

  want(id: number, cursors: readonly DocCursor[]): void {
    this.#id = id
    this.#number = 1
    this.#cursors = new Map(cursors.map(({ uid, shard, clocks }) => [`${uid}/${shard}`, new Map(clocks)]))
    this.#under.clear()
    this.#endNumber = undefined
    this.send(encodeMessage({ type: 'catalog', transfer: id, number: 1, saved: this.catalog.document.save() }))
    this.pump()
  }

  /** A chunk is durable there. Returns the seq that the peer now has, when it was the last. */
  got(id: number, number: number): number | undefined {
    if (id !== this.#id) return undefined
    for (const sent of this.#under.keys()) if (sent <= number) this.#under.delete(sent)
    if (this.#endNumber !== undefined && number >= this.#endNumber) return this.#endSeq
    this.pump()
    return undefined
  }

  pump(): void {
    if (this.#id === undefined || this.#endNumber !== undefined) return
    for (const store of this.data.stores()) {
      const name = `${store.uid}/${store.shard}`
      for (;;) {
        if (this.#under.size >= this.settings.transferWindow) return
        const from = this.#cursors.get(name) ?? new Map<number, number>()
        const before = [...from.values()].reduce((sum, clock) => sum + clock, 0)
        const chunk = store.doc.encodeState(this.origin, from, this.settings.transferChunkBytes)
        this.#cursors.set(name, new Map(chunk.next))
        const after = [...chunk.next.values()].reduce((sum, clock) => sum + clock, 0)
        if (after > before) this.#chunk(store.uid, store.shard, chunk.update)
        if (chunk.done) break
      }
    }
    this.#finish()
  }

  /** In one tick: whatever came last, the delete sets, the end. */
  #finish(): void {
    for (const store of this.data.stores()) {
      const cursor = this.#cursors.get(`${store.uid}/${store.shard}`) ?? new Map<number, number>()
      const chunk = store.doc.encodeState(this.origin, cursor, Number.MAX_SAFE_INTEGER)
      if (store.doc.clients(this.origin).length > 0) this.#chunk(store.uid, store.shard, chunk.update)
    }
    this.#endSeq = this.log.vector.get(this.origin)
    this.#endNumber = ++this.#number
    this.send(encodeMessage({ type: 'end', transfer: this.#id!, number: this.#endNumber, seq: this.#endSeq }))
    this.ended(this.#endSeq)
  }

  #chunk(uid: DocCursor['uid'], shard: number, update: Uint8Array): void {
    this.#number++
    this.#under.set(this.#number, update.length)
    this.send(encodeMessage({ type: 'chunk', transfer: this.#id!, number: this.#number, uid, shard, update }))
  }

  /** Sent and not yet durable there. */
  get inFlight(): { frames: number; bytes: number } {
    return { frames: this.#under.size, bytes: [...this.#under.values()].reduce((sum, bytes) => sum + bytes, 0) }
  }
}
