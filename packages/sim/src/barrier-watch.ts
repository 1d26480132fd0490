import {
  type CollectionConfig,
  HNSW_DEFAULT,
  type PointId,
  type SpaceRef,
  StoreError,
  type VersionVector,
} from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { Collection, WriteReceipt } from '@meridian/replica'
import type { SimNode } from './sim-node.js'
import { Violation } from './violation.js'

const NAME = 'probes'
const CONFIG: CollectionConfig = { shards: 1, vectors: { '': { size: 1, metric: 'Dot', hnsw: HNSW_DEFAULT } } }
const TIMEOUT_MS = 2000

/**
 * Clients that ask for guarantees and check what they get. Each write is a record of its own that nobody else touches.
 *
 *  - A search at quorum finds every record whose write was acknowledged at quorum before the search began.
 *  - A search with the token of a write finds the record.
 *
 * Running out of time is no violation, nor is a refusal because blocks are damaged, or have come back and are not found yet. Nor
 * is a record whose stamp waits, or has just waited, for its time, nor what was acknowledged before its writer knew all members: a
 * majority of fewer need not meet a majority of all.
 */
export class BarrierWatch {
  readonly #acknowledged: PointId[] = []
  /** Of writes that were acknowledged at quorum. */
  readonly atQuorum: WriteReceipt[] = []
  #written = 0
  /** Searches that were answered in time. */
  answered = 0

  constructor(
    readonly nodes: readonly SimNode[],
    readonly random: SeededRandom,
    /** Told of each write: it must not be lost either. */
    readonly wrote: (receipt: WriteReceipt, id: PointId) => void,
  ) {}

  step(): void {
    const node = this.random.pick(this.nodes)
    const { replica } = node
    if (replica === undefined || replica.readOnlyReason() !== undefined || !this.#knowsAll(node)) return
    try {
      if (!replica.collections().some(({ name }) => name === NAME)) replica.createCollection(NAME, CONFIG, () => {})
      else if (this.random.chance(0.5)) this.#write(node)
      else this.#searchAtQuorum(node)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
  }

  #write(node: SimNode): void {
    const replica = node.replica!
    const id = ++this.#written
    const ops = [{ kind: 'put' as const, id, vectors: new Map([['', new Float32Array([1])]]), payload: {} }]
    replica.write({ collection: NAME, ops }, (outcome) => {
      if (!outcome.ok) return
      const receipt = outcome.value
      this.wrote(receipt, id)
      this.#searchWithToken(replica.token(receipt.merged), id)
      replica.barriers.acknowledged(receipt, 'quorum', TIMEOUT_MS, (found) => {
        if (!found.ok || !found.value.isMet) return
        this.#acknowledged.push(id)
        this.atQuorum.push(receipt)
      })
    })
  }

  #searchAtQuorum(node: SimNode): void {
    const before = [...this.#acknowledged]
    node.replica!.barriers.frontier('quorum', TIMEOUT_MS, (outcome) => {
      if (outcome.ok) this.#mustFind(node, before, 'at quorum')
    })
  }

  #searchWithToken(token: string, id: PointId): void {
    const node = this.random.pick(this.nodes)
    if (node.replica === undefined || !this.#knowsAll(node)) return
    let target: VersionVector
    try {
      target = node.replica.parseToken(token)
    } catch (error) {
      throw new Violation('barrier', `${node.region} refused the token of a peer: ${(error as Error).message}`)
    }
    node.replica.barriers.covered(target, TIMEOUT_MS, (outcome) => {
      if (outcome.ok) this.#mustFind(node, [id], 'with its token')
    })
  }

  #mustFind(node: SimNode, ids: readonly PointId[], how: string): void {
    const { replica, late } = node
    if (replica === undefined || late === undefined || late.isBeingRetold) return
    if (replica.status().damage.unreadable.includes(NAME)) return
    const collection = replica.collections().find(({ name }) => name === NAME)
    const space = collection === undefined ? undefined : spaceOf(collection)
    if (space === 'refused') return
    this.answered++
    const query = { vector: new Float32Array([1]), limit: 1e6 }
    const hits = space === undefined ? [] : late.index.searchNow(space, query)
    const found = new Set(hits.map(({ ordinal }) => collection!.id(ordinal)))
    const waits = (id: PointId): boolean => replica.status().deferred > 0 && !collection?.history(id).length
    const missed = ids.filter((id) => !found.has(id) && !waits(id))
    if (missed.length > 0)
      throw new Violation('barrier', `a search ${how} in ${node.region} misses ${missed.slice(0, 5).join(', ')}`)
  }

  #knowsAll(node: SimNode): boolean {
    const { membership } = node.replica!.regions
    if (membership.standing !== 'active') return false
    return membership.configuration.index > 0 || activeCount(node) >= this.nodes.length
  }
}

/** `refused`: the index lacks what damaged blocks hold. */
const spaceOf = (collection: Collection): SpaceRef | 'refused' => {
  try {
    return collection.searchable('')
  } catch (error) {
    if (error instanceof StoreError && error.code === 'STORAGE_CORRUPT') return 'refused'
    throw error
  }
}

/** How many members the node takes for active. */
export const activeCount = (node: SimNode): number =>
  node.replica!.regions.membership.all().reduce((count, { status }) => count + (status === 'active' ? 1 : 0), 0)
