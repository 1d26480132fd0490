import { StoreError } from '@meridian/core'
import type { Cluster } from './cluster.js'
import type { Sequencer } from './sequencer.js'

/** Whether this replica takes writes now: asked before anything is staged for a caller. */
export class WriteGate {
  #isShut = false

  constructor(
    readonly sequencer: Sequencer,
    readonly cluster: Cluster,
  ) {}

  /** The store is shutting down. */
  shut(): void {
    this.#isShut = true
  }

  /** Why writes are refused; `undefined` when they are taken. */
  get reason(): StoreError | undefined {
    if (this.#isShut) return new StoreError('SHUTTING_DOWN', 'the store is shutting down')
    if (this.sequencer.failure !== undefined) return this.sequencer.failure
    const { fence, membership, clockGuard } = this.cluster
    if (fence.reason !== undefined) return new StoreError('IDENTITY_CONFLICT', fence.reason)
    const { unready, leaving } = membership
    if (unready !== undefined) return unready
    if (leaving !== undefined) return new StoreError('NOT_READY', leaving)
    const { fault } = clockGuard
    return fault === undefined ? undefined : new StoreError('CLOCK_SKEW', fault)
  }

  /** @throws StoreError the reason, if there is one. */
  check(): void {
    const { reason } = this
    if (reason !== undefined) throw reason
  }
}
