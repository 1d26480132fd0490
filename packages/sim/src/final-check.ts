import {
  canonicalJson,
  compareStamps,
  decodeBlock,
  decodeEntry,
  type PointId,
  type Stamp,
  type VisibleRecord,
} from '@meridian/core'
import { type Collection, policyOf } from '@meridian/replica'
import { checkConflicts } from './conflict-check.js'
import type { Oracle, Remains } from './oracle.js'
import { isSameRecord } from './record-equality.js'
import { describe, describeShown, isSameShown, recordOf } from './record-watch.js'
import { POLICIES } from './policy-nemesis.js'
import type { SimNode } from './sim-node.js'
import { stampKey } from './stamp-key.js'
import type { Acknowledged } from './workload.js'
import { Violation } from './violation.js'

/** After healing: every replica says what the oracle says, to the last float, and search agrees with it. `remains`: as of `Oracle.visible`. */
export const checkConverged = (
  nodes: readonly SimNode[],
  oracle: Oracle,
  remains: Remains,
  areConflictsExact = false,
): void => {
  const [first] = nodes
  const wanted = first === undefined ? '' : catalogOf(first)
  const visible = new Map<string, ReturnType<Oracle['visible']>>()
  const isHeld = first === undefined ? () => false : heldBy(first)
  const counts = (stamp: Stamp): boolean => oracle.disputes?.has(stamp) !== true || isHeld(stamp)
  const expected = (node: SimNode, collection: Collection): ReturnType<Oracle['visible']> => {
    const uids = node.replica!.incarnationsOf(collection.name)
    const policy = policyOf(collection.settings)
    const records = visible.get(uids.join()) ?? oracle.visible(uids, remains, policy, counts)
    visible.set(uids.join(), records)
    return records
  }
  for (const node of nodes) {
    const known = node === first ? wanted : catalogOf(node)
    if (known !== wanted)
      throw new Violation('convergence', `catalogs differ: ${first!.region} has ${wanted}, ${node.region} has ${known}`)
    for (const collection of node.replica!.collections()) {
      checkRecords(node, collection, expected(node, collection))
      checkConflicts(node, collection, oracle, areConflictsExact ? remains : undefined)
      const other = first!.replica!.collection(collection.name)
      const digests = (of: Collection): string =>
        of
          .digests()
          .map(({ digest, live }) => `${digest}/${live}`)
          .join(' ')
      if (digests(collection) !== digests(other))
        throw new Violation(
          'convergence',
          `digests of ${collection.name} differ between ${node.region} and ${first!.region}`,
        )
    }
  }
}

/** Of which writes the node has the entries in its lanes. */
const heldBy = ({ disk }: SimNode): ((stamp: Stamp) => boolean) => {
  let held: Set<string> | undefined
  const read = (): Set<string> =>
    new Set(
      [...disk.rows('block/')].flatMap(([, bytes]) =>
        decodeBlock(bytes).entries.map((entry) => stampKey(decodeEntry(entry).stamp)),
      ),
    )
  return (stamp) => {
    held ??= read()
    return held.has(stampKey(stamp))
  }
}

/**
 * Where policies change: what is gone from the lanes would show nowhere, whatever policy comes next. Disputed writes apart, which
 * may be gone.
 */
export const checkNothingMissing = (node: SimNode, oracle: Oracle, remains: Remains): void => {
  const { disputes } = oracle
  if (disputes === undefined) return
  const isHeld = heldBy(node)
  for (const { name } of node.replica!.collections())
    for (const policy of POLICIES) {
      const uids = node.replica!.incarnationsOf(name)
      const left = oracle.visible(uids, remains, policy, isHeld)
      const wanted = oracle.visible(uids, remains, policy, (stamp) => isHeld(stamp) || !disputes.has(stamp))
      for (const id of new Set([...left.keys(), ...wanted.keys()]))
        if (!isSameShown(left.get(id), wanted.get(id)))
          throw new Violation(
            'lost-write',
            `${name}: of record ${id} too much was cleaned: under ${canonicalJson({ ...policy })} it would be ${describeShown(left.get(id))}, expected ${describeShown(wanted.get(id))}`,
          )
    }
}

/** Collections, members and conflicts, as a reader of this node sees them. */
const catalogOf = ({ replica }: SimNode): string => {
  const collections = replica!
    .collections()
    .map(({ name, uid, config, settings }) => ({ name, uid, uids: replica!.incarnationsOf(name), config, settings }))
  const byText = (items: readonly unknown[]): string[] =>
    items.map((item) => canonicalJson(JSON.parse(JSON.stringify(item)))).sort()
  return [byText(collections), byText(replica!.status().members), byText(replica!.catalogConflicts())]
    .map((part) => part.join(' '))
    .join(' | ')
}

const checkRecords = (node: SimNode, collection: Collection, expected: ReadonlyMap<PointId, VisibleRecord>): void => {
  const where = `${node.region}, ${collection.name}`
  for (const [id, record] of expected) {
    const ordinal = collection.find(id)
    if (ordinal === undefined) throw new Violation('convergence', `${where}: record ${id} is missing`)
    const found = recordOf(collection, ordinal)
    if (!isSameRecord(found, record))
      throw new Violation('convergence', `${where}: record ${id} is ${describe(found)}, expected ${describe(record)}`)
  }
  if (collection.liveCount !== expected.size)
    throw new Violation('convergence', `${where}: ${collection.liveCount} records, ${expected.size} expected`)
}

/**
 * Every acknowledged write is part of the oracle: it was on its writer's disk when the answer went out, and still is. And it is
 * stamped above whatever its writer could see of the record, so that it was not acknowledged only to lose.
 */
export const checkAcknowledged = (writes: readonly Acknowledged[], oracle: Oracle): void => {
  for (const { receipt, ids, saw } of writes) {
    // A large request is spread over consecutive transactions; the receipt names the last.
    const newest = new Map<PointId, Stamp>()
    for (let seq = Math.max(1, receipt.seq - ids.length + 1); seq <= receipt.seq; seq++)
      for (const entry of oracle.transaction(receipt.replica, seq)) newest.set(entry.id, entry.stamp)
    for (const id of ids) {
      const what = `write of ${id} in transaction ${receipt.seq} of replica ${receipt.replica}`
      const [stamp, seen] = [newest.get(id), saw.get(id)]
      if (stamp === undefined) throw new Violation('lost-write', `${what} was acknowledged and is not durable`)
      if (seen !== undefined && compareStamps(stamp, seen) <= 0)
        throw new Violation(
          'stamps',
          `${what} was stamped ${stampKey(stamp)}, below ${stampKey(seen)}, which its writer saw`,
        )
    }
  }
}
