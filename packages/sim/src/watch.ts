import { isDense, StoreError, VersionVector } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import type { Oracle } from './oracle.js'
import { RecordWatch } from './record-watch.js'
import type { SimNode } from './sim-node.js'
import { Violation } from './violation.js'

/**
 * Safety while faults are going on. Asked often, cheap each time.
 *
 *  - What a replica holds never shrinks, restarts included: nothing becomes visible before it is durable.
 *  - What it shows of each record is what its vector covers, never less than before (`RecordWatch`).
 *  - The index holds exactly the live records' vectors: a search misses nothing and returns nothing dead.
 *  - What rotted on its disk is refused until it is repaired; only then is the rest looked at.
 *  - Regions that hold the same never show different records: anti-entropy finds nothing to repair.
 *  - A slow peer costs a bounded number of bytes.
 */
export class Watch {
  readonly #vectors = new Map<SimNode, VersionVector>()
  readonly #records = new Map<SimNode, RecordWatch>()
  /** From now on, for records were lost on purpose. */
  isRepairExpected = false

  constructor(
    readonly oracle: Oracle,
    readonly nodes: readonly SimNode[],
    /** A window and one transaction for each origin: most bytes that may be unacknowledged on a link without a state transfer. */
    readonly inFlightBytesMax: () => number,
  ) {}

  /** What it was last seen to hold. */
  heldBy(node: SimNode): VersionVector {
    return this.#vectors.get(node) ?? VersionVector.ZERO
  }

  check(node: SimNode): void {
    if (node.replica === undefined) return
    const { vectors, peers, damage, counters } = node.replica.status()
    if (counters.recordsRepaired > 0 && !this.isRepairExpected)
      throw new Violation('convergence', `${node.region} had to repair records that differed at one vector`)
    this.#checkVector(node, vectors.merged)
    for (const { region, inFlight, transfer } of peers)
      if (transfer === 'none' && inFlight.bytes > this.inFlightBytesMax())
        throw new Violation(
          'memory',
          `${node.region} has ${inFlight.bytes} bytes under way to ${region}, bound is ${this.inFlightBytesMax()}`,
        )
    const records = this.#records.get(node) ?? new RecordWatch(node, this.oracle, this.nodes)
    this.#records.set(node, records)
    if (damage.blocks > 0) return
    try {
      records.check(vectors.merged)
      for (const collection of node.replica.collections()) this.#checkSearch(node, collection)
    } catch (error) {
      // It says that it cannot read what rotted, or that searches do not find it again yet, instead of something wrong.
      const { blocks, unreadable } = node.replica.status().damage
      if (!(error instanceof StoreError) || blocks + unreadable.length === 0) throw error
    }
  }

  #checkVector(node: SimNode, merged: VersionVector): void {
    const before = this.#vectors.get(node)
    if (before !== undefined && !merged.dominates(before))
      throw new Violation(
        'regression',
        `${node.region} held ${JSON.stringify(before)} and now holds ${JSON.stringify(merged)}`,
      )
    this.#vectors.set(node, merged)
  }

  #checkSearch(node: SimNode, collection: Collection): void {
    for (const [vector, params] of Object.entries(collection.config.vectors)) {
      const expected = new Map<number, Float32Array>()
      for (const ordinal of collection.ordinals()) {
        const values = collection.vector(ordinal, vector)
        if (values !== undefined && isDense(values)) expected.set(ordinal, values)
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
