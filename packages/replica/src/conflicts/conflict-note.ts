import {
  ByteReader,
  ByteWriter,
  type CollectionUid,
  type ConflictCell,
  type ConflictRule,
  compareStamps,
  conflictIdOf,
  decodeEntry,
  formatCell,
  headOf,
  type KnownWrite,
  malformed,
  type PointId,
  parseCell,
  type ReplicaId,
  readId,
  readStamp,
  type Stamp,
  VersionVector,
  writeId,
  writeStamp,
} from '@meridian/core'

/** How a conflict was decided by somebody, as the replica that was asked remembers it. */
export interface Resolution {
  readonly kept: 'winner' | 'loser' | 'both' | 'undone'
  /** Where the loser went, of `both`. */
  readonly newId: PointId | undefined
  /** What stood in the cell before, as an encoded entry whose stamp means nothing. */
  readonly before: Uint8Array | undefined
}

/** A side of a conflict, and the incarnation of the collection that it was written to. */
export interface NotedWrite extends KnownWrite {
  readonly uid: CollectionUid
}

/** What is held in memory of a listed conflict; the two writes themselves stay in its row. */
export interface ConflictNote {
  readonly id: string
  readonly point: PointId
  readonly cell: ConflictCell
  readonly rule: ConflictRule
  readonly winner: NotedWrite
  readonly loser: NotedWrite
  /** The write that replaced the loser with knowledge of it; `undefined` while the conflict is open. */
  readonly settledBy: Stamp | undefined
  readonly resolution: Resolution | undefined
}

/** A note with both writes in full, encoded. */
export interface ConflictRow {
  readonly note: ConflictNote
  readonly winner: Uint8Array
  readonly loser: Uint8Array
}

const FORMAT = 1
const RULES: readonly ConflictRule[] = ['newest', 'writer', 'delete', 'decision', 'content-version', 'model']
const KEPT: readonly Resolution['kept'][] = ['winner', 'loser', 'both', 'undone']
const SETTLED = 1
const RESOLVED = 2
const HAS_NEW_ID = 4
const HAS_BEFORE = 8

/** When the conflict came about: the newer of its two stamps. Notes are listed by it. */
export const timeOf = ({ winner, loser }: ConflictNote): Stamp =>
  compareStamps(winner.head.stamp, loser.head.stamp) > 0 ? winner.head.stamp : loser.head.stamp

/*
 * Layout: format u8 · cell text · rule u8 · flags u8 · winner · loser · [settled by: stamp] · [kept u8] · [new id] · [before]
 * write: uid text · lane u8 · seq v · seen (version vector) · entry bytes
 */

export const encodeConflict = ({ note, winner, loser }: ConflictRow): Uint8Array => {
  const out = new ByteWriter(256 + winner.length + loser.length)
  const { resolution, settledBy } = note
  out
    .u8(FORMAT)
    .text(formatCell(note.cell))
    .u8(RULES.indexOf(note.rule))
    .u8(
      (settledBy === undefined ? 0 : SETTLED) |
        (resolution === undefined ? 0 : RESOLVED) |
        (resolution?.newId === undefined ? 0 : HAS_NEW_ID) |
        (resolution?.before === undefined ? 0 : HAS_BEFORE),
    )
  writeKnown(out, note.winner, winner)
  writeKnown(out, note.loser, loser)
  if (settledBy !== undefined) writeStamp(out, settledBy)
  if (resolution !== undefined) out.u8(KEPT.indexOf(resolution.kept))
  if (resolution?.newId !== undefined) writeId(out, resolution.newId)
  if (resolution?.before !== undefined) out.bytes(resolution.before)
  return out.finish()
}

/** @throws StoreError `DECODE_FAILED` unless the bytes are exactly one sound row. */
export const decodeConflict = (bytes: Uint8Array): ConflictRow => {
  const input = new ByteReader(bytes)
  const format = input.u8()
  if (format !== FORMAT) throw malformed(`conflict format ${format}`)
  const cell = parseCell(input.text())
  const rule = RULES[input.u8()]
  const flags = input.u8()
  if (cell === undefined || rule === undefined || flags >= 2 * HAS_BEFORE) throw malformed('conflict of no known kind')
  if ((flags & RESOLVED) === 0 && (flags & (HAS_NEW_ID | HAS_BEFORE)) !== 0) throw malformed('conflict half resolved')
  const winner = readKnown(input)
  const loser = readKnown(input)
  const point = winner.known.head.id
  if (loser.known.head.id !== point) throw malformed('conflict of two records')
  const settledBy = flags & SETTLED ? readStamp(input) : undefined
  const resolution = flags & RESOLVED ? readResolution(input, flags) : undefined
  input.end()
  const id = conflictIdOf(point, cell, winner.known.head.stamp, loser.known.head.stamp)
  const note: ConflictNote = {
    ...{ id, point, cell, rule, settledBy, resolution },
    ...{ winner: winner.known, loser: loser.known },
  }
  return { note, winner: winner.bytes, loser: loser.bytes }
}

const readResolution = (input: ByteReader, flags: number): Resolution => {
  const kept = KEPT[input.u8()]
  if (kept === undefined) throw malformed('conflict resolved in no known way')
  const newId = flags & HAS_NEW_ID ? readId(input) : undefined
  const before = flags & HAS_BEFORE ? input.bytes().slice() : undefined
  if (before !== undefined) decodeEntry(before)
  return { kept, newId, before }
}

const writeKnown = (out: ByteWriter, { uid, dot, seen }: NotedWrite, entry: Uint8Array): void => {
  out.text(uid).u8(dot.replica).varuint(dot.seq)
  ;(seen ?? VersionVector.ZERO).write(out)
  out.bytes(entry)
}

/** Writes that do not say what they knew are in no conflict. */
const readKnown = (input: ByteReader): { known: NotedWrite; bytes: Uint8Array } => {
  const uid = input.text(16)
  if (!/^[0-9a-f]{16}$/.test(uid)) throw malformed('a write to no collection')
  const replica = input.u8()
  const seq = input.varuint()
  if (replica === 0 || seq === 0) throw malformed('a write of nobody')
  const seen = VersionVector.read(input)
  const bytes = input.bytes().slice()
  const dot = { replica: replica as ReplicaId, seq }
  return { known: { uid: uid as CollectionUid, head: headOf(decodeEntry(bytes)), dot, seen }, bytes }
}

/** The two writes of a row that was checked before, encoded as they are in it. */
export const sidesOf = (bytes: Uint8Array): Pick<ConflictRow, 'winner' | 'loser'> => {
  const input = new ByteReader(bytes)
  input.u8()
  input.text()
  input.u16()
  const side = (): Uint8Array => {
    input.bytes()
    input.u8()
    input.varuint()
    VersionVector.read(input)
    return input.bytes().slice()
  }
  return { winner: side(), loser: side() }
}
