import type { StorageOp } from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { SimNetwork } from './sim-network.js'
import type { SimNode } from './sim-node.js'
import type { VirtualTime } from './virtual-time.js'

/** Moments at which a crash hurts most: the node dies while the commit is on its way to the disk. */
const AMBUSHES: Readonly<Record<string, (ops: readonly StorageOp[]) => boolean>> = {
  /** A part of a peer's state: blocks, and the vector stays. */
  'while it receives state': (ops) => has(ops, 'block/') && !has(ops, 'meta/vector'),
  'while it cleans': (ops) => has(ops, 'gone/'),
  'while it edits the catalog': (ops) => has(ops, 'catalog/'),
}

const has = (ops: readonly StorageOp[], prefix: string): boolean =>
  ops.some((op) => op.type === 'put' && op.key.startsWith(prefix))

/** Breaks things, by the seed. */
export class Nemesis {
  /** Pairs that stay cut until all faults end: what one writes reaches the other through a third only. */
  readonly #severed: (readonly [SimNode, SimNode])[] = []
  /** Nodes that nobody starts before all faults end. */
  readonly #gone = new Set<SimNode>()
  /** Nodes that nobody ever starts again. */
  readonly lost = new Set<SimNode>()
  crashes = 0

  constructor(
    readonly nodes: readonly SimNode[],
    readonly time: VirtualTime,
    readonly network: SimNetwork,
    readonly random: SeededRandom,
    readonly trace: (node: string, text: string) => void,
  ) {}

  /** Strikes at random until `untilMs`. */
  run(untilMs: number): void {
    const { random, nodes } = this
    if (nodes.length > 2 && random.chance(0.2)) this.#sever(nodes[0]!, nodes[1]!)
    if (random.chance(0.1)) this.time.at(random.int(untilMs / 2), () => this.#takeAway(random.pick(nodes)))
    const strike = (): void => {
      if (this.time.nowMs >= untilMs) return
      this.#strike()
      this.time.at(100 + random.int(1200), strike)
    }
    this.time.at(300, strike)
  }

  /** All faults end: nodes start, clocks are right, disks have room, nothing is cut. */
  stop(): void {
    this.network.healAll()
    for (const node of this.nodes) {
      node.disk.onCommit = undefined
      node.disk.isFull = false
      node.clock.correct()
      if (!node.isUp && !this.lost.has(node)) node.start()
    }
  }

  /** One node at a time is cut off from all others, or down, for a while: time for others to go on without it. */
  drill(untilMs: number): void {
    const { random, nodes } = this
    const strike = (): void => {
      if (this.time.nowMs >= untilMs) return
      this.#heal()
      this.#startAll()
      const node = random.pick(nodes)
      if (random.chance(0.3)) this.crash(node)
      else for (const each of nodes) this.#cut(node, each, false)
      this.time.at(300 + random.int(2500), strike)
    }
    this.time.at(800, strike)
  }

  #strike(): void {
    const { random, nodes } = this
    const node = random.pick(nodes)
    const roll = random.float()
    if (roll < 0.15) this.crash(node)
    else if (roll < 0.25) this.#ambush(node)
    else if (roll < 0.31) node.shutDown(() => this.network.drop(node.number))
    else if (roll < 0.5) this.#startAll()
    else if (roll < 0.63) this.#cut(node, random.pick(nodes), random.chance(0.4))
    else if (roll < 0.7) for (const each of nodes) this.#cut(node, each, false)
    else if (roll < 0.85) this.#heal()
    else if (roll < 0.91) this.#fill(node)
    else {
      const by = random.pick([-2000, -200, 200, 2000, 15_000])
      this.trace(node.region, `clock jumps by ${by} ms`)
      node.clock.jump(by)
    }
  }

  lose(node: SimNode): void {
    this.lost.add(node)
    this.crash(node)
  }

  crash(node: SimNode): void {
    if (!node.isUp) return
    this.crashes++
    node.crash()
    this.network.drop(node.number)
  }

  #ambush(node: SimNode): void {
    const [when, matches] = this.random.pick(Object.entries(AMBUSHES))
    node.disk.onCommit = (ops) => {
      if (!matches(ops)) return
      node.disk.onCommit = undefined
      const { syncMaxMs } = node.disk.faults
      this.time.at(this.random.float() * syncMaxMs, () => {
        if (node.isUp) this.trace(node.region, `is struck ${when}`)
        this.crash(node)
      })
    }
  }

  #startAll(): void {
    for (const each of this.nodes) if (!each.isUp && !this.#gone.has(each) && !this.lost.has(each)) each.start()
  }

  #takeAway(node: SimNode): void {
    this.trace(node.region, 'goes away for long')
    this.#gone.add(node)
    this.crash(node)
  }

  #sever(a: SimNode, b: SimNode): void {
    this.trace('net', `${a.region} and ${b.region} never reach each other`)
    this.#severed.push([a, b])
    this.#cut(a, b, false)
  }

  #cut(a: SimNode, b: SimNode, oneWay: boolean): void {
    if (a === b) return
    this.trace('net', `cuts ${a.region} ${oneWay ? '->' : '<->'} ${b.region}`)
    this.network.setCut(a.number, b.number, true)
    if (!oneWay) this.network.setCut(b.number, a.number, true)
  }

  #heal(): void {
    this.trace('net', 'heals')
    this.network.healAll()
    for (const [a, b] of this.#severed) this.#cut(a, b, false)
  }

  #fill(node: SimNode): void {
    this.trace(node.region, 'has no space left')
    node.disk.isFull = true
    this.time.at(100 + this.random.int(1500), () => {
      node.disk.isFull = false
    })
  }
}
