import { canonicalJson, type PointId, type VisibleRecord } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import type { Oracle } from './oracle.js'
import type { SimNode } from './sim-node.js'
import type { Acknowledged } from './workload.js'
import { Violation } from './violation.js'

/** After healing: every replica says what the oracle says, to the last float, and search agrees with it. */
export const checkConverged = (nodes: readonly SimNode[], oracle: Oracle): void => {
  const [first] = nodes
  for (const node of nodes) {
    const names = namesOf(node)
    if (names !== namesOf(first!))
      throw new Violation('convergence', `collections differ: ${first!.region} has ${namesOf(first!)}, ${node.region} has ${names}`)
    for (const collection of node.replica!.collections()) {
      checkRecords(node, collection, oracle)
      const other = first!.replica!.collection(collection.name)
      const digests = (of: Collection): string => of.digests().map(({ digest, live }) => `${digest}/${live}`).join(' ')
      if (digests(collection) !== digests(other))
        throw new Violation('convergence', `digests of ${collection.name} differ between ${node.region} and ${first!.region}`)
    }
  }
}

const namesOf = (node: SimNode): string =>
  node
    .replica!.collections()
    .map(({ name, uid, config }) => `${name}=${uid}${canonicalJson(JSON.parse(JSON.stringify(config)))}`)
    .sort()
    .join(' ')

const checkRecords = (node: SimNode, collection: Collection, oracle: Oracle): void => {
  const expected = oracle.visible(node.replica!.incarnationsOf(collection.name))
  const where = `${node.region}, ${collection.name}`
  for (const [id, record] of expected) {
    const ordinal = collection.find(id)
    if (ordinal === undefined) throw new Violation('convergence', `${where}: record ${id} is missing`)
    const found = describe(collection, ordinal)
    const wanted = text(record)
    if (found !== wanted) throw new Violation('convergence', `${where}: record ${id} is ${found}, expected ${wanted}`)
  }
  if (collection.liveCount !== expected.size)
    throw new Violation('convergence', `${where}: ${collection.liveCount} records, ${expected.size} expected`)
}

const describe = (collection: Collection, ordinal: number): string => {
  const names = collection.vectorNames(ordinal)
  const vectors = new Map(names.map((name) => [name, collection.vector(ordinal, name)!]))
  return text({ vectors, payload: collection.payload(ordinal) })
}

const text = ({ vectors, payload }: VisibleRecord): string =>
  `${[...vectors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, vector]) => `${name}:${[...vector].join(',')}`)} ${canonicalJson(payload)}`

/** Every acknowledged write is part of the oracle: it was on its writer's disk when the answer went out, and still is. */
export const checkAcknowledged = (writes: readonly Acknowledged[], oracle: Oracle): void => {
  for (const { receipt, ids } of writes) {
    // A large request is spread over consecutive transactions; the receipt names the last.
    const durable = new Set<PointId>()
    for (let seq = receipt.seq; seq > receipt.seq - ids.length; seq--)
      for (const entry of oracle.transaction(receipt.replica, seq)) durable.add(entry.id)
    for (const id of ids)
      if (!durable.has(id))
        throw new Violation('lost-write', `write of ${id} in transaction ${receipt.seq} of replica ${receipt.replica} was acknowledged and is not durable`)
  }
}
