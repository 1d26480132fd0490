import { ByteReader, ByteWriter, type CollectionUid, malformed, type ReplicaId, SHARDS_MAX } from '@meridian/core'
import type { ClockRange } from '@meridian/shard'

/** What one transaction touched in one document: block bytes stand once, in their rows, and are only named here. */
export type Touched =
  | {
      readonly kind: 'shard'
      readonly uid: CollectionUid
      readonly shard: number
      readonly blocks: readonly ClockRange[]
      readonly removed: readonly ClockRange[]
    }
  | { readonly kind: 'catalog'; readonly changes: readonly Uint8Array[] }

/** One durable transaction of any origin, as the log keeps it. */
export interface LogEntry {
  /** HLC milliseconds when it was written. */
  readonly atMs: number
  /** Bytes of all of the origin's transactions up to and including this one, as sent: lag in bytes is a difference. */
  readonly totalBytes: number
  readonly touched: readonly Touched[]
}

export const LOG_PREFIX = 'log/'
export const logPrefixOf = (origin: ReplicaId): string => `${LOG_PREFIX}${origin.toString(16).padStart(2, '0')}/`
export const logKey = (origin: ReplicaId, seq: number): string =>
  logPrefixOf(origin) + seq.toString(16).padStart(14, '0')
export const seqOfLogKey = (key: string): number => Number.parseInt(key.slice(-14), 16)

const SHARD = 1
const CATALOG = 2
const COUNT_MAX = 1_000_000

export const encodeLogEntry = (entry: LogEntry): Uint8Array => {
  const out = new ByteWriter(128)
  out.u48(entry.atMs).varuint(entry.totalBytes).varuint(entry.touched.length)
  for (const touched of entry.touched) {
    if (touched.kind === 'shard') {
      out.u8(SHARD).raw(Buffer.from(touched.uid, 'hex')).varuint(touched.shard)
      writeRanges(out, touched.blocks)
      writeRanges(out, touched.removed)
    } else {
      out.u8(CATALOG).varuint(touched.changes.length)
      for (const change of touched.changes) out.bytes(change)
    }
  }
  return out.finish()
}

/** @throws StoreError `DECODE_FAILED`. */
export const decodeLogEntry = (bytes: Uint8Array): LogEntry => {
  const input = new ByteReader(bytes)
  const atMs = input.u48()
  const totalBytes = input.varuint()
  const touched: Touched[] = []
  for (let left = input.varuint(COUNT_MAX); left > 0; left--) {
    const kind = input.u8()
    if (kind === SHARD) {
      const uid = Buffer.from(input.raw(8)).toString('hex') as CollectionUid
      const shard = input.varuint(SHARDS_MAX - 1)
      touched.push({ kind: 'shard', uid, shard, blocks: readRanges(input), removed: readRanges(input) })
    } else if (kind === CATALOG) {
      const changes: Uint8Array[] = []
      for (let rest = input.varuint(COUNT_MAX); rest > 0; rest--) changes.push(input.bytes().slice())
      touched.push({ kind: 'catalog', changes })
    } else throw malformed(`touched kind ${kind}`)
  }
  input.end()
  return { atMs, totalBytes, touched }
}

const writeRanges = (out: ByteWriter, ranges: readonly ClockRange[]): void => {
  out.varuint(ranges.length)
  for (const { client, clock, length } of ranges) out.u32(client).varuint(clock).varuint(length)
}

const readRanges = (input: ByteReader): ClockRange[] => {
  const ranges: ClockRange[] = []
  for (let left = input.varuint(COUNT_MAX); left > 0; left--)
    ranges.push({ client: input.u32(), clock: input.varuint(), length: input.varuint() })
  return ranges
}
