import {
  areConcurrent,
  cellValue,
  conflictIdOf,
  conflictsAmong,
  type Entry,
  formatCell,
  isSameValue,
  type KnownWrite,
  orderOf,
} from '@meridian/core'
import { type Collection, policyOf } from '@meridian/replica'
import type { Oracle, Remains } from './oracle.js'
import type { SimNode } from './sim-node.js'
import { Violation } from './violation.js'

/**
 * What a region lists as open is a conflict: the writers of both sides, as the oracle heard them first-hand, did not know of each
 * other, and the values are theirs and differ. With `exactBut` (writers whose writes are gone after
 * a seq) it lists all that are open, and no others: where cleaning takes
 * nothing away, and no region catches up from state, that is promised.
 */
export const checkConflicts = (
  node: SimNode,
  collection: Collection,
  oracle: Oracle,
  exactBut: Remains | undefined,
): void => {
  const uids = node.replica!.incarnationsOf(collection.name)
  const book = node.replica!.conflicts(collection.name)
  const where = `${node.region}, ${collection.name}`
  const listed = new Map<string, string>()
  for (const { id, point, cell } of book.list('open')) {
    const { winner, loser } = book.detail(id)
    const what = `${where}: ${String(point)} ${formatCell(cell)}`
    const [a, b] = [known(oracle, winner, what), known(oracle, loser, what)]
    if (!areConcurrent(a, b)) throw new Violation('conflict', `${what}: a sequential overwrite is listed`)
    if (isSameValue(cellValue(winner, cell), cellValue(loser, cell)))
      throw new Violation('conflict', `${what}: two equal values are listed`)
    listed.set(id, what)
  }
  if (exactBut === undefined) return
  const expected = new Map<string, string>()
  const order = orderOf(policyOf(collection.settings))
  for (const [id, writes] of oracle.known(uids, exactBut))
    for (const { cell, winner, loser } of conflictsAmong(writes, order)) {
      const value = (write: KnownWrite) => cellValue(oracle.written(write.head.stamp)!, cell)
      if (isSameValue(value(winner), value(loser))) continue
      const name = conflictIdOf(id, cell, winner.head.stamp, loser.head.stamp)
      expected.set(name, `${where}: ${String(id)} ${formatCell(cell)}`)
    }
  for (const [id, what] of expected)
    if (!listed.has(id)) throw new Violation('conflict', `${what}: a conflict is not listed`)
  for (const [id, what] of listed)
    if (!expected.has(id)) throw new Violation('conflict', `${what}: a conflict is listed that is over`)
}

const known = (oracle: Oracle, entry: Entry, what: string): KnownWrite => {
  const write = oracle.knownOf(entry.stamp)
  if (write === undefined) throw new Violation('conflict', `${what}: a write is listed that nobody made`)
  return write
}
