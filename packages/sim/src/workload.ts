import {
  type CollectionConfig,
  type ConflictPolicy,
  HNSW_DEFAULT,
  type JsonObject,
  type PointId,
  type RecordOp,
  type Stamp,
  StoreError,
} from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { WriteReceipt } from '@meridian/replica'
import { settingOf } from './policy-nemesis.js'
import type { SimNode } from './sim-node.js'

export interface Acknowledged {
  readonly receipt: WriteReceipt
  readonly ids: readonly PointId[]
  /** The newest write of each record that its writer could see when it asked; absent where there was none. */
  readonly saw: ReadonlyMap<PointId, Stamp>
}

const NAMES = ['products', 'tickets']
const IDS = 40
const DIMS = 4
/** Models that clients name; not all are in the table. */
const MODELS = ['small', 'large', 'large', 'other']

/** Clients of all regions: random writes to few records, so that nearly everything conflicts. */
export class Workload {
  readonly acknowledged: Acknowledged[] = []
  refused = 0
  /** Writes that said what they were made from. */
  marked = 0

  constructor(
    readonly random: SeededRandom,
    /** Of collections that are made. */
    readonly policy: ConflictPolicy,
    /** Whether writes say what they were made from. */
    readonly areMarked: boolean,
    readonly trace: (node: string, text: string) => void,
  ) {}

  step(node: SimNode): void {
    const { random } = this
    if (node.replica === undefined) return
    try {
      const name = random.pick(NAMES)
      const isThere = node.replica.collections().some((collection) => collection.name === name)
      if (!isThere) this.#create(node, name)
      else if (random.chance(0.003)) node.replica.dropCollection(name, () => {})
      else this.#write(node, name)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.refused++
    }
  }

  #create(node: SimNode, name: string): void {
    // Mostly alike, so that concurrent creations merge; sometimes not, so that both are kept.
    const config: CollectionConfig = {
      shards: this.random.chance(0.1) ? 3 : 2,
      vectors: {
        '': { size: DIMS, metric: 'Dot', hnsw: HNSW_DEFAULT },
        title: { size: 2, metric: 'Euclid', hnsw: HNSW_DEFAULT },
      },
    }
    this.trace(node.region, `creates ${name} with ${config.shards} shards`)
    const { policy } = this
    const settings = policy.kind === 'newest' ? [] : [settingOf(policy)]
    node.replica!.createCollection(name, config, () => {}, settings)
  }

  #write(node: SimNode, collection: string): void {
    const count = 1 + this.random.int(this.random.chance(0.1) ? 30 : 4)
    const ops = Array.from({ length: count }, () => this.#op())
    const ids = ops.map((op) => op.id)
    const saw = new Map<PointId, Stamp>()
    for (const id of ids) {
      const newest = node.replica!.collection(collection).history(id)[0]
      if (newest !== undefined) saw.set(id, newest.stamp)
    }
    node.replica!.write({ collection, ops }, (outcome) => {
      if (outcome.ok)
        this.trace(
          node.region,
          `wrote ${summary(ops)} to ${collection} as ${outcome.value.replica}/${outcome.value.seq}`,
        )
      if (outcome.ok) this.acknowledged.push({ receipt: outcome.value, ids, saw })
      else this.refused++
    })
  }

  #op(): RecordOp {
    const op = this.#plainOp()
    if (!this.areMarked || op.kind === 'delete' || this.random.chance(0.3)) return op
    this.marked++
    // What was made from an older version, or with a lesser model, comes late as often as not.
    return { ...op, content: { version: 1 + this.random.int(4), model: this.random.pick(MODELS) } }
  }

  #plainOp(): RecordOp {
    const { random } = this
    const number = random.int(IDS)
    const id: PointId =
      number % 5 === 0 ? `${number}` : number % 7 === 0 ? `0000000${number % 10}-0000-4000-8000-000000000000` : number
    const roll = random.float()
    if (roll < 0.45) return { kind: 'put', id, vectors: this.#vectors(0.8), payload: this.#payload() }
    if (roll < 0.65) return { kind: 'delete', id }
    const isPayload = random.chance(0.7)
    return {
      kind: 'patch',
      id,
      clear: isPayload && random.chance(0.2),
      set: isPayload ? this.#payload() : {},
      unset: isPayload && random.chance(0.3) ? ['removed'] : [],
      vectors: isPayload ? new Map() : this.#vectors(0.5),
      dropVectors: [],
    }
  }

  #vectors(chance: number): Map<string, Float32Array> {
    const draw = (dims: number): Float32Array => Float32Array.from({ length: dims }, () => this.random.float())
    const vectors = new Map<string, Float32Array>()
    if (this.random.chance(chance)) vectors.set('', draw(DIMS))
    if (this.random.chance(chance)) vectors.set('title', draw(2))
    return vectors
  }

  #payload(): JsonObject {
    const payload: JsonObject = {}
    for (const key of ['color', 'size', 'tags', 'removed'])
      if (this.random.chance(0.5))
        payload[key] = this.random.chance(0.5) ? this.random.int(100) : [`t${this.random.int(9)}`, null]
    return payload
  }
}

/** At a glance: `put 3, delete 7, patch 12`. */
const summary = (ops: readonly RecordOp[]): string => {
  const shown = ops.slice(0, 6).map(({ kind, id }) => `${kind} ${id}`)
  return [...shown, ...(ops.length > 6 ? [`${ops.length - 6} more`] : [])].join(', ')
}
