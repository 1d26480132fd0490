import type { ReplicaId } from '@meridian/core'
import { SeededRandom } from '@meridian/core/seeded-random'
import type { Settings } from '@meridian/replica'
import type { Oracle } from './oracle.js'
import { SimClock } from './sim-clock.js'
import { SimDisk } from './sim-disk.js'
import type { SimNetwork } from './sim-network.js'
import { type NodeHooks, SimNode } from './sim-node.js'
import type { VirtualTime } from './virtual-time.js'

export interface SimClusterParts {
  readonly seed: number
  readonly random: SeededRandom
  readonly time: VirtualTime
  readonly network: SimNetwork
  /** Hears of everything that is durable on a disk. */
  readonly oracle: Oracle
  readonly settings: Partial<Settings>
  readonly hooks: NodeHooks
  /** Whether searches may ask for a barrier, and so may see an index that is late. */
  readonly hasBarriers: boolean
  /** The regions that every configuration names. */
  readonly founders: readonly string[]
  readonly trace: (node: string, text: string) => void
}

/** The regions of a run, each with clock and disk of its own, and the links that they dial for ever. */
export class SimCluster {
  /** Of each the number is its place. Those that join come last. */
  readonly nodes: SimNode[] = []

  constructor(readonly parts: SimClusterParts) {
    for (const region of parts.founders) this.add(region)
  }

  /** One more region, not started; with `joins` its first start joins the others instead of founding. */
  add(region: string, joins = false): SimNode {
    const { seed, time, oracle, settings, trace, hooks, hasBarriers, founders } = this.parts
    const number = this.nodes.length
    const random = this.parts.random.fork()
    const drift = (random.float() - 0.5) * 2e-4
    const clock = new SimClock(time, random.chance(0.05) ? random.pick([-3000, 3000]) : random.int(300) - 150, drift)
    const faults = random.pick([
      { syncMinMs: 0.1, syncMaxMs: 2 },
      { syncMinMs: 1, syncMaxMs: 30 },
    ])
    const disk = new SimDisk(time, random.fork(), faults, (ops) => oracle.heard((number + 1) as ReplicaId, ops))
    const lateness = hasBarriers ? new SeededRandom(seed * 31 + number) : undefined
    const node = new SimNode(
      number,
      region,
      time,
      clock,
      disk,
      random,
      settings,
      trace,
      hooks,
      lateness,
      founders,
      joins,
    )
    this.nodes.push(node)
    return node
  }

  /** From now on `node` dials `peer`, with a pause between attempts. Configured peers do so from both ends. */
  dial(node: SimNode, peer: SimNode): void {
    const { random, time, network } = this.parts
    const dial = (): void => {
      time.at(100 + random.int(900), dial)
      if (node.replica === undefined || peer.replica === undefined) return
      if (node.replica.isLinked(peer.replica.region)) return
      network.connect(node.number, peer.number, (near, far) => {
        if (node.replica === undefined || peer.replica === undefined) return undefined
        return [node.replica.attach(near, { dialed: true }), peer.replica.attach(far, { dialed: false })]
      })
    }
    dial()
  }

  /** As `dial`, all of them. */
  dialAll(node: SimNode): void {
    for (const peer of this.nodes) if (peer !== node) this.dial(node, peer)
  }
}
