import { type ByteReader, type ByteWriter, malformed, type ReplicaId } from '@meridian/core'
import { type DocName, LIST_MAX, readDocName, readReplica, readSeq, writeDocName } from './fields.js'

/** What one transaction changes in one document. */
export type Part =
  | ({ readonly kind: 'shard'; readonly update: Uint8Array } & DocName)
  | { readonly kind: 'catalog'; readonly changes: readonly Uint8Array[] }

/** One transaction, as its origin wrote it. */
export interface UpdateMessage {
  readonly type: 'update'
  readonly origin: ReplicaId
  readonly seq: number
  /** HLC milliseconds of the transaction. */
  readonly atMs: number
  readonly parts: readonly Part[]
}

const PART_SHARD = 1
const PART_CATALOG = 2

/** About how long it will be. */
export const updateBytes = ({ parts }: UpdateMessage): number =>
  parts.reduce(
    (sum, part) =>
      sum +
      16 +
      (part.kind === 'shard' ? part.update.length : part.changes.reduce((all, each) => all + each.length + 4, 4)),
    0,
  )

/** Everything after the type byte. */
export const writeUpdateMessage = (out: ByteWriter, message: UpdateMessage): void => {
  out.u8(message.origin).varuint(message.seq).u48(message.atMs).varuint(message.parts.length)
  for (const part of message.parts) writePart(out, part)
}

/** @throws StoreError `DECODE_FAILED`. */
export const readUpdateMessage = (input: ByteReader): UpdateMessage => {
  const origin = readReplica(input)
  const seq = readSeq(input)
  const atMs = input.u48()
  const parts: Part[] = []
  for (let left = input.varuint(LIST_MAX); left > 0; left--) parts.push(readPart(input))
  return { type: 'update', origin, seq, atMs, parts }
}

const writePart = (out: ByteWriter, part: Part): void => {
  if (part.kind === 'shard') {
    out.u8(PART_SHARD)
    writeDocName(out, part)
    out.bytes(part.update)
  } else {
    out.u8(PART_CATALOG).varuint(part.changes.length)
    for (const change of part.changes) out.bytes(change)
  }
}

const readPart = (input: ByteReader): Part => {
  const kind = input.u8()
  if (kind === PART_SHARD) return { kind: 'shard', ...readDocName(input), update: input.bytes() }
  if (kind !== PART_CATALOG) throw malformed(`part kind ${kind}`)
  const changes: Uint8Array[] = []
  for (let left = input.varuint(LIST_MAX); left > 0; left--) changes.push(input.bytes())
  return { kind: 'catalog', changes }
}
