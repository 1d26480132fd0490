import { decodeBlock, decodeEntry, type ReplicaId, replicaOfClient } from '@meridian/core'
import type { WriteReceipt } from '@meridian/replica'
import { parseBlockKey } from '@meridian/shard'
import type { MemberNemesis } from './member-nemesis.js'
import type { Remains } from './oracle.js'
import type { SimNode } from './sim-node.js'
import { stampKey } from './stamp-key.js'
import { Violation } from './violation.js'
import type { Watch } from './watch.js'

/** Who says that something was there before regions left. */
export interface Witnesses {
  /** Writes that were acknowledged, for one region alone or more, and those of a quorum. */
  readonly acknowledged: readonly WriteReceipt[]
  readonly atQuorum: readonly WriteReceipt[]
  readonly watch: Watch
  /** Of a run in which regions leave. */
  readonly operators: MemberNemesis | undefined
}

/** The regions that left the cluster, by retirement or for good; those that stayed; and what they have of the others. */
export class Departures {
  constructor(
    /** Grows when one joins. */
    readonly nodes: readonly SimNode[],
    /** Those that never act again. */
    readonly lost: ReadonlySet<SimNode>,
    /** Whether anybody ever leaves in this run. */
    readonly arePossible: boolean,
  ) {}

  /** Those that are neither lost nor retired, in order. */
  remaining(): readonly SimNode[] {
    if (!this.arePossible) return this.nodes
    const retired = new Set<string>()
    for (const node of this.nodes)
      if (!this.lost.has(node))
        for (const member of node.replica?.regions.status().members ?? [])
          if (member.status === 'retired') retired.add(member.region)
    return this.nodes.filter((node) => !this.lost.has(node) && !retired.has(node.region))
  }

  /** What those that stayed hold of what members wrote that left. */
  remains(): Remains {
    const remaining = this.remaining()
    const upTo = new Map<ReplicaId, number>()
    const beyond = new Set<string>()
    const merged = remaining[0]!.replica!.vectors.merged
    for (const node of this.nodes)
      if (!remaining.includes(node)) {
        const replica = (node.number + 1) as ReplicaId
        upTo.set(replica, merged.get(replica))
      }
    for (const [key, bytes] of remaining[0]!.disk.rows('block/')) {
      const writer = replicaOfClient(parseBlockKey(key).client)
      const block = upTo.has(writer) ? decodeBlock(bytes) : undefined
      if (block !== undefined && block.seq > upTo.get(writer)!)
        for (const entry of block.entries) beyond.add(stampKey(decodeEntry(entry).stamp))
    }
    return { upTo, beyond }
  }

  /**
   * What a region that left wrote and nobody has any more. Of one that was retired nothing may be missing. Of one that was given
   * up by force only what it acknowledged for itself alone, and what no other region that stayed, or had a vote on that, was ever
   * seen to hold. One that was retired before has no vote: it hands over what it held when its own retirement was asked for, and
   * who had the rest was alive then.
   */
  check({ acknowledged, atQuorum, watch, operators }: Witnesses): void {
    const { upTo } = this.remains()
    const ofLost = new Set([...this.lost].map(({ number }) => (number + 1) as ReplicaId))
    const mustBeThere = [...acknowledged.filter(({ replica }) => !ofLost.has(replica)), ...atQuorum]
    for (const { replica, seq } of mustBeThere)
      if (seq > (upTo.get(replica) ?? Number.POSITIVE_INFINITY))
        throw new Violation(
          'lost-write',
          `transaction ${seq} of replica ${replica} was acknowledged, and was lost when that left`,
        )
    const remaining = this.remaining()
    const { departures } = remaining[0]!.replica!.regions.membership.configuration
    for (const [replica, seq] of upTo)
      for (const node of this.nodes) {
        if (this.lost.has(node) || node.number + 1 === replica) continue
        const hadSay =
          remaining.includes(node) ||
          departures.get(replica)?.proposal.voters.includes((node.number + 1) as ReplicaId) === true
        const vector = hadSay ? watch.heldBy(node) : operators!.heldWhenAsked.get(node.region)
        const held = vector?.get(replica) ?? 0
        if (held > seq)
          throw new Violation(
            'lost-write',
            `${node.region} held transaction ${held} of replica ${replica}, which left; now ${seq} is the last`,
          )
      }
  }
}
