import {
  type ByteReader,
  type ByteWriter,
  type CollectionUid,
  malformed,
  type PointId,
  readId,
  type Trace,
  writeId,
} from '@meridian/core'
import { readUid, writeUid } from '../messages/fields.js'

/** Snapshots that one report names, and reasons it gives. */
export const SNAPSHOTS_NAMED_MAX = 100
export const REASONS_MAX = 32
const NAME_BYTES_MAX = 400
const REASON_BYTES_MAX = 1000

/** A file that somebody asked for and that holds a point. */
export interface SnapshotTrace {
  readonly name: string
  /** As its list shows it. */
  readonly createdAt: string
}

/** Copies of a point that stand outside of the engine. */
export interface Copies {
  readonly graph: Trace
  /** Files of the index. */
  readonly files: Trace
  /** At most `SNAPSHOTS_NAMED_MAX`. */
  readonly snapshots: readonly SnapshotTrace[]
  /** Snapshots that could not be looked through. */
  readonly unread: number
}

const STATES = ['absent', 'live', 'deleted'] as const

/** What one region still has of a point. */
export interface TraceReport extends Copies {
  /** `absent`: nothing of it is known. It was never written, has not come, or was erased and its delete forgotten. */
  readonly state: (typeof STATES)[number]
  /** Milliseconds since 1970 of its newest delete, if that is still known. */
  readonly deletedAtMs: number | undefined
  /** Transactions in the log that would be sent with it. */
  readonly log: Trace
  readonly blocks: Trace
  /** Values of writes, kept with listed conflicts. */
  readonly conflicts: Trace
  /** What has to happen before it is gone; empty when it is. */
  readonly waitingFor: readonly string[]
}

/** How one region asks another. */
export type TraceMessage =
  | { readonly type: 'trace'; readonly nonce: number; readonly uid: CollectionUid; readonly id: PointId }
  | { readonly type: 'traced'; readonly nonce: number; readonly report: TraceReport }

const TRACES: readonly Trace[] = ['clear', 'holds', 'unknown']
const PLACES = ['log', 'blocks', 'conflicts', 'graph', 'files'] as const

/** Everything after the type byte. */
export const writeTraceMessage = (out: ByteWriter, message: TraceMessage): void => {
  out.u32(message.nonce)
  if (message.type === 'trace') {
    writeUid(out, message.uid)
    writeId(out, message.id)
    return
  }
  const { report } = message
  out.u8(STATES.indexOf(report.state)).u48(report.deletedAtMs ?? 0)
  for (const place of PLACES) out.u8(TRACES.indexOf(report[place]))
  const snapshots = report.snapshots.slice(0, SNAPSHOTS_NAMED_MAX)
  out.varuint(snapshots.length)
  for (const { name, createdAt } of snapshots) out.text(name).text(createdAt)
  out.varuint(report.unread)
  const reasons = report.waitingFor.slice(0, REASONS_MAX)
  out.varuint(reasons.length)
  for (const reason of reasons) out.text(reason)
}

/** @throws StoreError `DECODE_FAILED`. */
export const readTraceMessage = (type: TraceMessage['type'], input: ByteReader): TraceMessage => {
  const nonce = input.u32()
  if (type === 'trace') return { type, nonce, uid: readUid(input), id: readId(input) }
  const state = of(STATES, input)
  const deletedAtMs = input.u48()
  const [log, blocks, conflicts, graph, files] = PLACES.map(() => of(TRACES, input)) as [
    Trace,
    Trace,
    Trace,
    Trace,
    Trace,
  ]
  const snapshots: SnapshotTrace[] = []
  for (let left = input.varuint(SNAPSHOTS_NAMED_MAX); left > 0; left--)
    snapshots.push({ name: input.text(NAME_BYTES_MAX), createdAt: input.text(NAME_BYTES_MAX) })
  const unread = input.varuint()
  const waitingFor: string[] = []
  for (let left = input.varuint(REASONS_MAX); left > 0; left--) waitingFor.push(input.text(REASON_BYTES_MAX))
  const places = { log, blocks, conflicts, graph, files }
  const deleted = deletedAtMs === 0 ? undefined : deletedAtMs
  return { type, nonce, report: { state, deletedAtMs: deleted, ...places, snapshots, unread, waitingFor } }
}

const of = <T>(values: readonly T[], input: ByteReader): T => {
  const value = values[input.u8()]
  if (value === undefined) throw malformed('a state of a trace')
  return value
}
