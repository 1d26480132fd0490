import { ownOffsetMs } from './clock-estimate.js'
import type { LocalClock } from './local-clock.js'
import type { Peers } from './peers.js'
import type { Settings } from './settings.js'

/** Whether our wall clock can be trusted, going by the linked peers' and by our own stamps. */
export class ClockGuard {
  constructor(
    readonly peers: Peers,
    readonly clock: LocalClock,
    readonly settings: Pick<Settings, 'clockGuardMs'>,
  ) {}

  /** Our wall clock minus the median of the linked peers'; 0 when there is no telling. */
  get ownOffsetMs(): number {
    const offsets = this.peers.linked().map((peer) => peer.clock.offsetMs)
    return ownOffsetMs(offsets.filter((offset) => offset !== undefined))
  }

  /** Why the clock forbids writing now; `undefined` if it does not. */
  get fault(): string | undefined {
    const guard = this.settings.clockGuardMs
    const own = this.ownOffsetMs
    if (Math.abs(own) > guard)
      return `this region's clock is ${Math.round(own)} ms off the median of its peers (limit ${guard}): correct it`
    const ahead = this.clock.aheadMs
    if (ahead > guard)
      return `this region's clock went back: its newest stamp is ${Math.round(ahead)} ms ahead (limit ${guard}); wait until its time has come, or replace the region`
    return undefined
  }
}
