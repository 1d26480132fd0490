import { parseChanges } from '@meridian/catalog'
import type { Timers } from '@meridian/core'
import type { CatalogPlane } from './catalog-plane.js'
import { encodeMessage } from './message.js'
import type { Inbox } from './inbox.js'
import type { Sequencer } from './sequencer.js'
import type { Settings } from './settings.js'

/** Heartbeat intervals over which two catalogs must differ in the same way: what is under way arrives in less. */
const DIFFERS_BEATS = 3

export interface ExchangeContext {
  readonly catalog: CatalogPlane
  readonly inbox: Inbox
  readonly sequencer: Sequencer
  readonly settings: Settings
  readonly timers: Timers
}

/**
 * Anti-entropy of the catalog over one link. Changes travel in the log of their origin, and in every state transfer whole, so one
 * replica may know changes that the vectors say nothing of. When their origin is lost no log brings them to the others, and all
 * that was built on them would wait for ever. So both ends say what they know as a digest, and hand over everything
 * when the two stay different: `catalogPieceBytes` of it at a time, from where the last piece ended.
 */
export class CatalogExchange {
  #differs: { readonly pair: string; readonly sinceMs: number } | undefined
  #isTaking = false
  /** The change that the next piece begins with. */
  #at = 0

  constructor(
    readonly context: ExchangeContext,
    readonly send: (frame: Uint8Array) => void,
    readonly refuse: (reason: string) => void,
  ) {}

  /** What the peer knows, with its heartbeat; empty when it does not say. */
  heard(theirs: string): void {
    const { catalog, settings, timers } = this.context
    const { document } = catalog
    const nowMs = timers.elapsedMs()
    const ours = document.digest()
    const pair = `${ours}/${theirs}`
    if (ours === theirs || theirs === '') this.#differs = undefined
    else if (this.#differs?.pair !== pair) this.#differs = { pair, sinceMs: nowMs }
    else if (nowMs - this.#differs.sinceMs >= DIFFERS_BEATS * settings.heartbeatMs) {
      this.#differs = { pair, sinceMs: nowMs }
      this.send(encodeMessage({ type: 'changes', saved: this.#piece(document.changes()) }))
    }
  }

  /** Some of the changes, in the order in which they are built on one another; after the last the first again. */
  #piece(changes: readonly Uint8Array[]): Uint8Array {
    if (this.#at >= changes.length) this.#at = 0
    const from = this.#at
    for (let bytes = 0; this.#at < changes.length; this.#at++) {
      bytes += changes[this.#at]!.length
      if (bytes > this.context.settings.catalogPieceBytes && this.#at > from) break
    }
    return Buffer.concat(changes.slice(from, this.#at))
  }

  /** Some, or all, of what the peer knows. One at a time; it will be sent again if it still matters. */
  take(saved: Uint8Array): void {
    if (this.#isTaking) return
    this.#isTaking = true
    const { catalog, inbox, sequencer } = this.context
    sequencer.push({
      bytes: saved.length,
      isLast: true,
      stage: (stage) => {
        parseChanges(saved)
        catalog.stageState(stage, saved)
        stage.durable.push(() => {
          this.#isTaking = false
          inbox.retryParked()
        })
      },
      failed: (error) => {
        this.#isTaking = false
        if (error.code === 'DECODE_FAILED') this.refuse(error.message)
      },
    })
  }
}
