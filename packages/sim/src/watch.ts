import type { VersionVector } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import type { SimNode } from './sim-node.js'
import { Violation } from './violation.js'

/**
 * Safety while faults are going on. Asked often, cheap each time.
 *
 *  - What a replica holds never shrinks, restarts included: nothing becomes visible before it is durable.
 *  - A record's presence never goes back in time on a replica, so it cannot blink out or return from the dead.
 *  - The index holds exactly the live records' vectors: a search misses nothing and returns nothing dead.
 */
export class Watch {
  readonly #vectors = new Map<SimNode, VersionVector>()

  check(node: SimNode): void {
    if (node.replica === undefined) return
    this.#checkVector(node, node.replica.status().vectors.merged)
    for (const collection of node.replica.collections()) this.#checkSearch(node, collection)
  }

  #checkVector(node: SimNode, merged: VersionVector): void {
    const before = this.#vectors.get(node)
    if (before !== undefined && !merged.dominates(before))
      throw new Violation('regression', `${node.region} held ${JSON.stringify(before)} and now holds ${JSON.stringify(merged)}`)
    this.#vectors.set(node, merged)
  }

  #checkSearch(node: SimNode, collection: Collection): void {
    for (const [vector, params] of Object.entries(collection.config.vectors)) {
      const expected = new Map<number, Float32Array>()
      for (const ordinal of collection.ordinals()) {
        const values = collection.vector(ordinal, vector)
        if (values !== undefined) expected.set(ordinal, values)
      }
      const query = new Float32Array(params.size).fill(0.5)
      const hits = node.index.searchNow(collection.space(vector), { vector: query, limit: expected.size + 10 })
      const where = `${node.region}, ${collection.name}/${vector}`
      if (hits.length !== expected.size)
        throw new Violation('search', `${where}: ${hits.length} hits over ${expected.size} live vectors`)
      for (const hit of hits) {
        const values = expected.get(hit.ordinal)
        if (values === undefined) throw new Violation('search', `${where}: a hit on a record that is not live`)
        const dot = values.reduce((sum, value, i) => sum + value * query[i]!, 0)
        if (params.metric === 'Dot' && Math.abs(dot - hit.score) > 1e-3)
          throw new Violation('search', `${where}: a hit on a superseded vector of ${collection.id(hit.ordinal)}`)
      }
    }
  }
}
