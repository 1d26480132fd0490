import type { Log, RegionId } from '@meridian/core'
import type { Replica } from '@meridian/replica'
import { PeerDialer, type RefusalCounts, systemRandom, systemTimers } from '@meridian/transport'
import type { Config } from './config.js'
import type { Links } from './region.js'

/** One dialer for each configured peer. A peer that dialed us first, or whose links an operator cut, is not dialed. */
export class PeerLinks implements Links {
  readonly #config: Config
  readonly #replica: Replica
  readonly #dialers: ReadonlyMap<RegionId, PeerDialer>

  /** Dials at once. */
  constructor(config: Config, replica: Replica, log: Log, refusals: RefusalCounts) {
    this.#config = config
    this.#replica = replica
    this.#dialers = new Map(
      config.peers.map(({ region, url }) => [
        region,
        new PeerDialer({
          url,
          clusterKey: config.clusterKey,
          timers: systemTimers,
          random: systemRandom,
          log,
          refusals,
          shouldDial: () => replica.isLinkEnabled(region) && !replica.isLinked(region),
          onLink: (link) => replica.attach(link, { dialed: true }),
        }),
      ]),
    )
  }

  status() {
    return this.#config.peers.map(({ region, url }) => ({
      region,
      url,
      enabled: this.#replica.isLinkEnabled(region),
      dialer: this.#dialers.get(region)!.state,
    }))
  }

  enable(region: RegionId, isEnabled: boolean): boolean {
    const isKnown = this.#dialers.has(region) || this.#replica.status().peers.some((peer) => peer.region === region)
    if (isKnown) this.#replica.setLinkEnabled(region, isEnabled)
    return isKnown
  }

  async close(): Promise<void> {
    await Promise.all([...this.#dialers.values()].map((dialer) => dialer.close()))
  }
}
