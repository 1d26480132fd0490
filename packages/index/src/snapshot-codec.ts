import { createHash } from 'node:crypto'
import {
  ByteReader,
  ByteWriter,
  malformed,
  METRICS,
  type Metric,
  type SpaceRef,
  type VectorParams,
} from '@meridian/core'
import { UNKNOWN_ID } from './buried.js'
import type { Lengths } from './embedding.js'
import type { NumberForm } from './number-form.js'

/*
 * Layout of the head file (big-endian; v = LEB128 integer; text is length-prefixed):
 *
 *   "MVIX" u32 · format u8 · collection text · vector text · metric u8 · dims v · m v · efConstruct v · ceiling f64
 *   · (from format 4) mean f64
 *   · (from format 5) form of numbers u8: 0 float32, 1 float16, 2 uint8
 *   · (from format 3) 0 u8, or where the graph holds codes 1 u8 · lowest f64 · step f64 · quantile f64 · number of the file of vectors v
 *   · sha-256 of those of all slots; (formats 3 and 4) 2 u8: numbers are uint8
 *   · generation v · graph bytes v · graph sha-256 · slots v · per label: 1 u8 · id text · version text if it is alive,
 *   else 2 u8 · hash of the id u64, or (all that format 1 has) 0 u8 if the id is not known
 *   · sha-256 of everything before
 */
const MAGIC = 0x4d564958
const FORMAT = 5
const FORMATS_READ = [1, 2, 3, 4, 5]
const DIGEST_BYTES = 32
const FORMS: readonly NumberForm[] = ['float32', 'float16', 'uint8']
const DEAD = 0
const ALIVE = 1
const BURIED = 2

/** What is known of a graph file: enough to refuse it unread, and to tell which vectors it holds. */
export interface SnapshotHead {
  readonly space: SpaceRef
  readonly params: VectorParams
  /** Of the graph's embedding. */
  readonly lengths: Lengths
  /** Of the graph, or of the file behind one of codes. */
  readonly form: NumberForm
  readonly codes?: SnapshotCodes
  /** Names the graph file; grows with every snapshot of the space. */
  readonly generation: number
  readonly graphBytes: number
  readonly graphDigest: Uint8Array
  /** By label; of a dead one the hash of its id, or `UNKNOWN_ID`. */
  readonly labels: readonly (SnapshotLabel | number)[]
}

/** Of a graph of codes. */
export interface SnapshotCodes {
  readonly low: number
  readonly step: number
  readonly quantile: number
  /** Names the file of vectors. */
  readonly file: number
  /** Of the vectors of all slots. */
  readonly digest: Uint8Array
}

export interface SnapshotLabel {
  readonly id: string
  readonly version: string
}

export const encodeHead = (head: SnapshotHead): Uint8Array => {
  const { space, params, lengths, labels } = head
  const out = new ByteWriter(4096 + labels.length * 48)
  out.u32(MAGIC).u8(FORMAT).text(space.collection).text(space.vector)
  out.u8(METRICS.indexOf(params.metric)).varuint(params.size).varuint(params.hnsw.m).varuint(params.hnsw.efConstruct)
  writeDouble(out, lengths.ceiling)
  writeDouble(out, lengths.mean)
  out.u8(FORMS.indexOf(head.form))
  if (head.codes) {
    out.u8(1)
    writeDouble(out, head.codes.low)
    writeDouble(out, head.codes.step)
    writeDouble(out, head.codes.quantile)
    out.varuint(head.codes.file).raw(head.codes.digest)
  } else out.u8(0)
  out.varuint(head.generation).varuint(head.graphBytes).raw(head.graphDigest).varuint(labels.length)
  for (const label of labels) {
    if (typeof label === 'object') out.u8(ALIVE).text(label.id).text(label.version)
    else if (label === UNKNOWN_ID) out.u8(DEAD)
    else out.u8(BURIED).u64(BigInt(label))
  }
  const body = out.finish()
  return new ByteWriter(body.length + DIGEST_BYTES).raw(body).raw(sha256(body)).finish()
}

/** @throws StoreError `DECODE_FAILED` unless every byte is as `encodeHead` left it. */
export const decodeHead = (bytes: Uint8Array): SnapshotHead => {
  const end = bytes.length - DIGEST_BYTES
  if (end < 0 || !Buffer.from(sha256(bytes.subarray(0, end))).equals(bytes.subarray(end))) {
    throw malformed('checksum of the snapshot head does not match')
  }
  const input = new ByteReader(bytes.subarray(0, end))
  if (input.u32() !== MAGIC) throw malformed('not a snapshot head')
  const format = input.u8()
  if (!FORMATS_READ.includes(format)) throw malformed(`snapshot format ${format}`)
  const space = { collection: input.text(), vector: input.text() }
  const metric = METRICS[input.u8()]
  if (metric === undefined) throw malformed('unknown metric')
  const params = { size: input.varuint(), metric, hnsw: { m: input.varuint(), efConstruct: input.varuint() } }
  const lengths = readLengths(input, format, metric)
  const ownForm = format < 5 ? 'float32' : FORMS[input.u8()]
  if (ownForm === undefined) throw malformed('form of numbers')
  const codes = format < 3 ? undefined : readCodes(input, format)
  const form = codes === 'uint8' ? codes : ownForm
  const coded = codes !== 'uint8' && codes && { codes }
  const generation = input.varuint()
  const graphBytes = input.varuint()
  const graphDigest = input.raw(DIGEST_BYTES)
  const slots = input.varuint()
  const labels: (SnapshotLabel | number)[] = []
  for (let label = 0; label < slots; label++) labels.push(readLabel(input))
  input.end()
  return { space, params, lengths, form, ...coded, generation, graphBytes, graphDigest, labels }
}

const writeDouble = (out: ByteWriter, number: number): void =>
  void out.u64(new BigUint64Array(Float64Array.of(number).buffer)[0]!)

const readDouble = (input: ByteReader): number => new Float64Array(BigUint64Array.of(input.u64()).buffer)[0]!

const readLengths = (input: ByteReader, format: number, metric: Metric): Lengths => {
  const ceiling = readDouble(input)
  // Those of lengths that are unlike found little: they are built anew.
  if (format < 4 && metric === 'Dot') throw malformed(`a graph of products of format ${format}`)
  const mean = format < 4 ? 0 : readDouble(input)
  if (
    !(ceiling > 0 && ceiling < Number.POSITIVE_INFINITY && mean >= 0 && mean <= ceiling) ||
    (mean > 0 && metric !== 'Dot')
  )
    throw malformed('lengths of vectors')
  return { ceiling, mean }
}

/** `uint8`: that is the form. */
const readCodes = (input: ByteReader, format: number): SnapshotCodes | 'uint8' | undefined => {
  const kind = input.u8()
  if (kind === 0) return undefined
  if (kind === 2 && format < 5) return 'uint8'
  if (kind !== 1) throw malformed(`codes of kind ${kind}`)
  const [low, step, quantile] = [readDouble(input), readDouble(input), readDouble(input)]
  if (!(Number.isFinite(low) && step > 0 && Number.isFinite(1 / step) && quantile >= 0.5 && quantile <= 1))
    throw malformed('range of codes')
  return { low, step, quantile, file: input.varuint(), digest: input.raw(DIGEST_BYTES) }
}

const readLabel = (input: ByteReader): SnapshotLabel | number => {
  const kind = input.u8()
  if (kind === ALIVE) return { id: input.text(), version: input.text() }
  if (kind === DEAD) return UNKNOWN_ID
  if (kind !== BURIED) throw malformed(`label of kind ${kind}`)
  const hash = Number(input.u64())
  if (!Number.isSafeInteger(hash) || hash === UNKNOWN_ID) throw malformed('hash of an id')
  return hash
}

const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()
