import type { Log } from '@meridian/core'
import type { CatalogPlane } from '../catalog-plane.js'
import type { Identity } from '../identity.js'
import type { LocalClock } from '../local-clock.js'

/** Enters the membership on the first start of a data directory. */
export class Entry {
  #isUnderWay = false

  constructor(
    readonly identity: Identity,
    readonly catalog: CatalogPlane,
    readonly clock: LocalClock,
    readonly logger: Log,
    /** As of `ReplicaOptions`. */
    readonly joins: boolean,
  ) {}

  /** Called again until it is in, since a disk may be full. */
  step(): void {
    if (this.#isUnderWay) return
    const { replica, region, storeId } = this.identity
    if (this.catalog.document.members().some((member) => member.replica === replica && member.storeId === storeId))
      return
    this.#isUnderWay = true
    this.catalog.edit(
      () => {
        const nowMs = this.clock.wallMs
        const status = this.joins ? 'joining' : 'active'
        return { type: 'putMember', member: { replica, region, storeId, status, sinceMs: nowMs }, nowMs }
      },
      (outcome) => {
        this.#isUnderWay = false
        if (!outcome.ok)
          this.logger.error({ error_code: outcome.error.code }, `could not join: ${outcome.error.message}`)
      },
    )
  }
}
