import type { LinkHandler, Log, PeerLink, RegionId } from '@meridian/core'
import type { Replica } from '@meridian/replica'
import { PeerDialer, systemRandom, systemTimers } from '@meridian/transport'
import type { Config } from './config.js'
import type { Links } from './region.js'

/**
 * One dialer for each configured peer, and the operator's switch that cuts a link on purpose. A link that a peer dialed names
 * its region only in the handshake, so its region is seen by which peer became linked while its frame was handled.
 */
export class PeerLinks implements Links {
  readonly #config: Config
  readonly #replica: Replica
  readonly #dialers = new Map<RegionId, PeerDialer>()
  readonly #cut = new Set<RegionId>()
  readonly #live = new Map<PeerLink, RegionId>()

  constructor(config: Config, replica: Replica, log: Log) {
    this.#config = config
    this.#replica = replica
    for (const { region, url } of config.peers)
      this.#dialers.set(
        region,
        new PeerDialer({
          url,
          clusterKey: config.clusterKey,
          timers: systemTimers,
          random: systemRandom,
          log,
          shouldDial: () => !this.#cut.has(region) && !replica.isLinked(region),
          onLink: (link) => this.#take(link, true, region),
        }),
      )
  }

  /** Takes over a link that a peer dialed. */
  accept(link: PeerLink): LinkHandler {
    return this.#take(link, false, undefined)
  }

  status() {
    return this.#config.peers.map(({ region, url }) => ({
      region,
      url,
      enabled: !this.#cut.has(region),
      dialer: this.#dialers.get(region)!.state,
    }))
  }

  enable(region: RegionId, isEnabled: boolean): boolean {
    if (!this.#dialers.has(region)) return false
    if (isEnabled) this.#cut.delete(region)
    else {
      this.#cut.add(region)
      for (const [link, peer] of [...this.#live]) if (peer === region) link.close('cut by an operator')
    }
    return true
  }

  async close(): Promise<void> {
    await Promise.all([...this.#dialers.values()].map((dialer) => dialer.close()))
  }

  #take(link: PeerLink, dialed: boolean, known: RegionId | undefined): LinkHandler {
    const handler = this.#replica.attach(link, { dialed })
    if (known !== undefined) this.#live.set(link, known)
    return {
      frame: (bytes) => {
        const unlinked = this.#live.has(link) ? [] : this.#unlinked()
        handler.frame(bytes)
        const region = unlinked.find((peer) => this.#replica.isLinked(peer))
        if (region !== undefined) this.#live.set(link, region)
        if (this.#cut.has(this.#live.get(link) ?? this.#config.region)) link.close('cut by an operator')
      },
      closed: (reason) => {
        this.#live.delete(link)
        handler.closed(reason)
      },
    }
  }

  #unlinked(): RegionId[] {
    return [...this.#dialers.keys()].filter((peer) => !this.#replica.isLinked(peer))
  }
}
