import { VersionVector } from '@meridian/core'
import type { SimNode } from './sim-node.js'

/**
 * Whether a region has caught up since its first start. Those who do not know of it yet clean what it never held; the writes
 * that supersede that come from others, later, so until then it may show less than what its vector covers.
 */
export class Bootstrap {
  readonly #unaware: Set<SimNode>
  #frontier = VersionVector.ZERO
  #isOver = false

  constructor(
    readonly node: SimNode,
    readonly nodes: readonly SimNode[],
  ) {
    this.#unaware = new Set(nodes.filter((other) => other !== node))
  }

  /** `merged`: what the node holds now. */
  isOver(merged: VersionVector): boolean {
    if (this.#isOver) return true
    for (const other of this.#unaware) {
      const { replica } = other
      if (replica === undefined) continue
      this.#frontier = this.#frontier.join(replica.vectors.merged)
      if (replica.regions.membership.all().some(({ region }) => region === this.node.region))
        this.#unaware.delete(other)
    }
    this.#isOver = this.#unaware.size === 0 && merged.dominates(this.#frontier)
    return this.#isOver
  }
}
