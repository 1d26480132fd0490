import type { ReplicaId } from '@meridian/core'
import type { Departures } from './departures.js'
import type { MemberNemesis } from './member-nemesis.js'
import type { SimNode } from './sim-node.js'
import type { VirtualTime } from './virtual-time.js'
import { Violation } from './violation.js'

/** Virtual time within which all that must happen once faults have ended has happened. */
export const HEAL_WITHIN_MS = 60_000
const LOOK_EVERY_MS = 100

/** Waits, without faults, until the regions that stayed hold the same, and nothing of it waits or is damaged. */
export class Settling {
  constructor(
    readonly time: VirtualTime,
    readonly departures: Departures,
    /** Of a run in which regions leave: they go on until what they asked for is done. */
    readonly operators: MemberNemesis | undefined,
  ) {}

  /** @throws Violation `liveness` after `HEAL_WITHIN_MS`. */
  settle(): void {
    const { time, departures, operators } = this
    const { nodes, lost } = departures
    const start = time.nowMs
    while (time.nowMs < start + HEAL_WITHIN_MS) {
      time.runUntil(time.nowMs + LOOK_EVERY_MS)
      // A clean stop that began before the faults ended may complete after.
      for (const node of nodes) if (!node.isUp && !lost.has(node)) node.start()
      for (const node of nodes) if (mustStartOver(node)) operators?.giveUp(node)
      operators?.goOnWithout(departures.remaining())
      if (this.isSettled()) return
    }
    const states = nodes.map(describe).join('; ')
    throw new Violation('liveness', `not equal ${HEAL_WITHIN_MS / 1000} s after all faults ended: ${states}`)
  }

  isSettled(): boolean {
    const remaining = this.departures.remaining()
    // A status says much that is not asked here; most of the time this tells already.
    const merged = remaining[0]?.replica?.vectors.merged
    if (merged === undefined || !remaining.every(({ replica }) => replica?.vectors.merged.equals(merged))) return false
    // What members agree on comes with heartbeats, and may come after the last transaction.
    const configurations = remaining.map(({ replica }) => replica!.regions.membership.configuration.index)
    if (new Set(configurations).size > 1) return false
    const [first, ...rest] = remaining.map((node) => node.replica?.status())
    const lost = [...this.departures.lost].map(({ region }) => region)
    if (lost.some((region) => first?.members.some((each) => each.region === region && each.status !== 'retired')))
      return false
    if (first === undefined || first.deferred + first.orphans > 0) return false
    if (remaining.some((node) => node.disk.damagedCount > 0)) return false
    if (remaining.some((node) => hasToHandOver(node, remaining))) return false
    if (first.damage.unreadable.length > 0) return false
    return rest.every(
      (status) =>
        status !== undefined &&
        status.deferred + status.orphans + status.damage.unreadable.length === 0 &&
        status.vectors.merged.equals(first.vectors.merged),
    )
  }
}

/** Whether it came to join, and was told that what it has cannot. */
const mustStartOver = ({ joins, replica }: SimNode): boolean =>
  joins && replica?.regions.membership.standing === 'joining' && replica.readOnlyReason()?.code === 'IDENTITY_CONFLICT'

/**
 * Whether a member has something in part of a region that left, and another has not taken it yet. Vectors do not tell. What a
 * joining region has of it, it has from members.
 */
const hasToHandOver = ({ replica }: SimNode, to: readonly SimNode[]): boolean => {
  const { membership } = replica!.regions
  const { leftovers, lacksLeftover, identity } = membership.parts
  if (membership.standing !== 'active') return false
  const of = leftovers.origins().filter((origin) => membership.isLeaving(origin))
  const others = to.map(({ number }) => (number + 1) as ReplicaId).filter((each) => each !== identity.replica)
  return of.some((origin) => others.some((each) => each !== origin && lacksLeftover(each, origin)))
}

const describe = ({ region, replica }: SimNode): string => {
  const status = replica?.status()
  const peers = status?.peers
    .map((peer) => `${peer.region} ${peer.state} ${peer.transfer} ${peer.lastError ?? ''}`)
    .join(', ')
  const regions = replica?.regions.status()
  const pending = regions?.pending.map(
    ({ change, region, forced, missing, obstacle }) =>
      `${change} ${region}${forced ? ' by force' : ''}, missing ${missing}: ${obstacle}`,
  )
  const members = regions?.members.map((each) => `${each.region} ${each.status}`)
  return `${region} ${JSON.stringify(status?.vectors.merged)} deferred ${status?.deferred} orphans ${status?.orphans} (${peers}) configuration ${regions?.configuration} [${members}] <${pending?.join('; ')}>`
}
