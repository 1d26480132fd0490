import { type RegionId, type ReplicaId, type Timers, VersionVector } from '@meridian/core'
import { ClockEstimate } from './clock-estimate.js'
import type { LocalClock } from './local-clock.js'
import type { Message } from './message.js'
import type { Session } from './session.js'

type Heartbeat = Extract<Message, { type: 'heartbeat' }>

/** Reports kept: an older one is of use while a newer one is not covered yet. */
const HEARD_MAX = 4

/** What this replica knows of another, over all links it has had with it. */
export class Peer {
  /** Durable there, as it last said. Unknown after our restart: nothing counts as acknowledged until it is heard. */
  acked: VersionVector = VersionVector.ZERO
  indexed: VersionVector = VersionVector.ZERO
  /** What it is known to have had on disk at or after a monotonic time of ours; the newest last. */
  heardDurable: readonly { readonly atMs: number; readonly durable: VersionVector }[] = []
  /** Replicas it has live links with. */
  links: ReadonlySet<ReplicaId> = new Set()
  /** Monotonic time since which it has been without a link to a replica, by replica. */
  readonly unlinkedSince = new Map<ReplicaId, number>()
  /** What it took of origins beyond the vector, as `Leftovers.version`. */
  readonly handed = new Map<ReplicaId, number>()
  session: Session | undefined
  heardAt: number | undefined
  lastError: string | undefined
  clock = new ClockEstimate()
  /** The process that was admitted last, as its hello names it. */
  instance: number | undefined
  /** Another process that would be this peer, and when it first came while the other was linked. */
  rival: { readonly instance: number; readonly atMs: number } | undefined
  /** Its last `wallMs` and when it came, for the echo. */
  lastWallMs = 0
  lastWallAt = 0
  /** Monotonic time at which it first told of its links on the present one. */
  lastLinksAt: number | undefined

  constructor(
    readonly region: RegionId,
    readonly replica: ReplicaId,
    readonly storeId: string,
  ) {}

  /** A link takes the place of any that it had: what was heard there tells nothing of this one. */
  linked(
    session: Session,
    { instance, durable }: { readonly instance: number; readonly durable: VersionVector },
  ): void {
    this.session = session
    this.instance = instance
    this.rival = undefined
    this.lastError = undefined
    this.lastWallMs = 0
    this.lastLinksAt = undefined
    // Not joined: one that was restored from a copy has less than it once had.
    this.acked = durable
    this.heardDurable = []
  }

  /** Its heartbeat has come. */
  heard(message: Heartbeat, clock: Pick<LocalClock, 'wallMs'>, timers: Timers): void {
    const nowMs = clock.wallMs
    this.clock.add(message, nowMs)
    // It answers a heartbeat of ours, held for `heldMs`: it was sent no earlier than this.
    const roundTripMs = nowMs - message.echoMs - message.heldMs
    if (message.echoMs !== 0 && roundTripMs >= 0) this.heardDurableAt(timers.elapsedMs() - roundTripMs, message.durable)
    this.lastWallMs = message.wallMs
    this.lastWallAt = timers.elapsedMs()
    this.indexed = message.indexed
    this.heardLinks(message.links, timers)
  }

  /** `atMs`: monotonic time of ours before which it cannot have been said. */
  heardDurableAt(atMs: number, durable: VersionVector): void {
    this.heardDurable = [...this.heardDurable.slice(1 - HEARD_MAX), { atMs, durable }]
  }

  heardLinks(links: readonly ReplicaId[], timers: Timers): void {
    this.links = new Set(links)
    for (const replica of links) this.unlinkedSince.delete(replica)
    this.lastLinksAt ??= timers.elapsedMs()
  }

  /** Whether transactions of `origin` should reach it through us. */
  needsRelay(origin: ReplicaId, nowMs: number, afterMs: number): boolean {
    if (this.lastLinksAt === undefined || this.links.has(origin)) return false
    const since = this.unlinkedSince.get(origin)
    if (since === undefined) {
      this.unlinkedSince.set(origin, nowMs)
      return false
    }
    return nowMs - since >= afterMs
  }
}
