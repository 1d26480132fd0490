import type { Log, RegionId, VersionVector } from '@meridian/core'
import { type Identity, stageFence } from './identity.js'
import type { Sequencer } from './sequencer.js'
import type { TransactionLog } from './transaction-log.js'

/** Why this replica must not write: somebody else has its identity, it has lost history, or it was retired. */
export class Fence {
  #reason: string | undefined
  /** Own transactions that were durable when this process began. */
  readonly #ownAtStart: number

  constructor(
    readonly identity: Identity,
    readonly log: TransactionLog,
    readonly sequencer: Sequencer,
    readonly logger: Log,
    /** Of an earlier run. */
    stored: string | undefined,
  ) {
    this.#reason = stored
    this.#ownAtStart = log.vector.get(identity.replica)
  }

  /** `undefined`: it may write. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** For good: over restarts too. The first reason stays. */
  raise(reason: string): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.logger.error({ error_code: 'IDENTITY_CONFLICT' }, reason)
    this.sequencer.push({ bytes: 0, stage: (stage) => stageFence(stage, reason), failed() {} })
  }

  /** Whether a peer's vector is one that our own history can explain. If not, this replica never writes again. */
  checkHistory(region: RegionId, durable: VersionVector): boolean {
    const own = this.identity.replica
    if (durable.get(own) <= this.log.vector.get(own)) return true
    this.raise(
      `region ${region} has newer transactions of ours than this data directory: it was restored from an old copy; retire it, then start with an empty directory, --join and a fresh --replica-number`,
    )
    return false
  }

  /**
   * A peer is linked with another process of our identity. Until a restart nothing is written here; and what was written since the
   * start may carry the numbers of what the other writes, so then the directory must not be used again.
   */
  foundTwin(reason: string): void {
    if (this.log.vector.get(this.identity.replica) > this.#ownAtStart)
      this.raise(`${reason}; what was written here meanwhile is numbered as the other's, so this directory is given up`)
    else this.#reason ??= reason
  }
}
