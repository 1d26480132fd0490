import { NO_MARK } from './content-mark.js'
import type { EntryHead } from './entry-codec.js'
import { Hash64 } from './hash.js'
import { compareStamps, formatStamp, type Stamp } from './hlc.js'
import type { PointId } from './point-id.js'
import type { Dot, VersionVector } from './version-vector.js'

/** A write of one record with what its writer knew: enough to tell a conflict from a sequential overwrite. */
export interface KnownWrite {
  readonly head: EntryHead
  /** The transaction that carried it. */
  readonly dot: Dot
  /** What its writer had merged; `undefined` of a survivor that was appended again, which does not say. */
  readonly seen: VersionVector | undefined
}

/**
 * What two writes can dispute: the whole record, its vectors (all together, as they were made of one content), its whole payload
 * (clear and overwrite), or one payload key.
 */
export type ConflictCell =
  | { readonly kind: 'record' }
  | { readonly kind: 'vectors' }
  | { readonly kind: 'payload'; readonly key?: string }

/**
 * Why one of two writes won. Under every policy: it is newer; or as new, by a writer of a higher number; or it is a delete, which
 * hides what it did not see. By content: somebody went back on purpose; it is of a higher content version, or of a better model.
 */
export type ConflictRule = 'newest' | 'writer' | 'delete' | 'decision' | 'content-version' | 'model'

export interface FoundConflict<W extends KnownWrite = KnownWrite> {
  readonly cell: ConflictCell
  readonly winner: W
  readonly loser: W
  readonly rule: ConflictRule
}

/** Readable and unique: `record`, `vectors`, `payload` or `payload/<key>`. */
export const formatCell = (cell: ConflictCell): string =>
  cell.kind !== 'payload' || cell.key === undefined ? cell.kind : `payload/${cell.key}`

export const parseCell = (text: string): ConflictCell | undefined => {
  if (text === 'record' || text === 'vectors' || text === 'payload') return { kind: text }
  return text.startsWith('payload/') ? { kind: 'payload', key: text.slice('payload/'.length) } : undefined
}

/** 16 hex digits, the same at every replica: of the record, the cell and the two stamps. */
export const conflictIdOf = (id: PointId, cell: ConflictCell, winner: Stamp, loser: Stamp): string => {
  const hash = new Hash64().text(typeof id === 'string' ? id : `#${id}`).text(formatCell(cell))
  hash.text(formatStamp(winner)).text(formatStamp(loser))
  return [hash.high, hash.low].map((word) => word.toString(16).padStart(8, '0')).join('')
}

/** Whether the writer of `a` knew of `b` when it wrote. Of one writer, the later always did. */
export const hasSeen = (a: KnownWrite, b: KnownWrite): boolean =>
  a.head.stamp.writer === b.head.stamp.writer
    ? compareStamps(a.head.stamp, b.head.stamp) > 0
    : a.seen?.covers(b.dot) === true

/** Neither knew of the other. Of writes that do not say what they knew this is never claimed. */
export const areConcurrent = (a: KnownWrite, b: KnownWrite): boolean =>
  a.head.stamp.writer !== b.head.stamp.writer &&
  a.seen !== undefined &&
  b.seen !== undefined &&
  !hasSeen(a, b) &&
  !hasSeen(b, a)

const isWhole = ({ head }: KnownWrite): boolean => head.kind !== 'patch'

/** Whether the write says what becomes of the cell. */
export const touches = ({ head }: KnownWrite, cell: ConflictCell): boolean => {
  if (head.kind !== 'patch') return true
  if (cell.kind === 'record') return false
  if (cell.kind === 'vectors') return head.vectors.length + head.dropVectors.length > 0
  return head.clear || (cell.key !== undefined && (head.set.includes(cell.key) || head.unset.includes(cell.key)))
}

const cellsOf = (write: KnownWrite): ConflictCell[] => {
  const { head } = write
  if (isWhole(write)) return [{ kind: 'record' }]
  const cells: ConflictCell[] = touches(write, { kind: 'vectors' }) ? [{ kind: 'vectors' }] : []
  if (head.clear) cells.push({ kind: 'payload' })
  else for (const key of new Set([...head.set, ...head.unset])) cells.push({ kind: 'payload', key })
  return cells
}

/** A total order of the writes of one record: positive when `a` wins. */
export type StampOrder = (a: Stamp, b: Stamp) => number

/**
 * The open conflicts of one record: of each cell, the write that shows, against each concurrent one that does not show and that
 * no write of the cell has replaced with knowledge of it. A function of the set: order and repetition of arrival do not matter.
 *
 *  1. Of two puts or deletes the whole record is disputed; of a patch and any other write, the cells of the patch.
 *  2. Over a delete no patch shows, whichever is newer.
 *  3. A put that lost to another put is one conflict, not one more for each patch of the winner's side.
 *  4. What `mayShow` rules out wins nothing: it was cleaned away under another order, and only the list has it still.
 *
 * (Siblings without the false ones: Preguiça et al., "Dotted Version Vectors", 2010.)
 */
export const conflictsAmong = <W extends KnownWrite>(
  writes: readonly W[],
  order: StampOrder = compareStamps,
  mayShow: (write: W) => boolean = () => true,
): FoundConflict<W>[] => {
  const newest = (of: readonly W[]): W | undefined =>
    of
      .filter(mayShow)
      .reduce<W | undefined>(
        (best, each) => (best === undefined || order(each.head.stamp, best.head.stamp) > 0 ? each : best),
        undefined,
      )
  const presence = newest(writes.filter(isWhole))
  if (presence === undefined) return []
  const winnerOf = (cell: ConflictCell): W =>
    cell.kind === 'record' || presence.head.kind === 'delete'
      ? presence
      : newest(writes.filter((write) => touches(write, cell)))!
  const isReplaced = (loser: W, cell: ConflictCell): boolean =>
    writes.some((write) => touches(write, cell) && hasSeen(write, loser))
  const found: FoundConflict<W>[] = []
  const add = (winner: W, loser: W, cell: ConflictCell): void => {
    if (winner === loser || !areConcurrent(winner, loser) || isReplaced(loser, cell)) return
    found.push({ cell, winner, loser, rule: ruleOf(winner, loser, order) })
  }
  for (const write of writes)
    for (const cell of cellsOf(write)) {
      const winner = winnerOf(cell)
      add(winner, write, cell)
      // The put below a patch, for the cells that the patch took over.
      if (winner === write && !isWhole(write)) add(write, presence, cell)
    }
  return found
}

const ANY: Stamp = { ms: 0, counter: 0, writer: 1 as Stamp['writer'] }

const ruleOf = (winner: KnownWrite, loser: KnownWrite, order: StampOrder): ConflictRule => {
  const [a, b] = [winner.head.stamp, loser.head.stamp]
  if (winner.head.kind === 'delete' && loser.head.kind === 'patch') return 'delete'
  const [x, y] = [a.content ?? NO_MARK, b.content ?? NO_MARK]
  // Of writes made at one and the same time by one writer, only what they were made from tells them apart.
  const isByContent = order({ ...ANY, content: x }, { ...ANY, content: y }) > 0
  if (isByContent) return x.generation > y.generation ? 'decision' : x.version > y.version ? 'content-version' : 'model'
  return a.ms === b.ms && a.counter === b.counter ? 'writer' : 'newest'
}
