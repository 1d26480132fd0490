import { ByteReader, ByteWriter, malformed } from './bytes.js'
import type { Entry } from './entry.js'
import { StoreError } from './errors.js'
import { readStamp, type Stamp, writeStamp } from './hlc.js'
import { isDeeperThan, JSON_DEPTH_MAX, type JsonObject, type JsonValue } from './json.js'
import { type PointId, readId, writeId } from './point-id.js'

/*
 * Layout (big-endian; v = LEB128 integer; text and bytes are length-prefixed):
 *
 *   entry   kind u8 · stamp (ms u48, counter u16, writer u8) · id · body
 *   put     vectors · payload JSON text
 *   delete  nothing
 *   patch   flags u8 (1 = clear) · vectors · dropped names (v, text...) · set JSON text · unset keys (v, text...)
 *   vectors v count · per vector: name text · form u8 (0 = float32) · v dims · dims * float32 little-endian
 *
 * The stamp carries its writer, so that an entry means the same in whichever lane it stands.
 */

const KIND = { put: 1, delete: 2, patch: 3 } as const
const FLAG_CLEAR = 1
const FORM_FLOAT32 = 0

export const VECTOR_NAME_BYTES_MAX = 255
export const VECTOR_DIMS_MAX = 65_536
const CELLS_MAX = 100_000

/** @throws StoreError `VALIDATION` if the payload is nested deeper than `JSON_DEPTH_MAX`: nobody could read it. */
export const encodeEntry = (entry: Entry): Uint8Array => {
  const out = new ByteWriter(512)
  out.u8(KIND[entry.kind])
  writeStamp(out, entry.stamp)
  writeId(out, entry.id)
  if (entry.kind === 'put') {
    writeVectors(out, entry.vectors)
    writeObject(out, entry.payload)
  } else if (entry.kind === 'patch') {
    out.u8(entry.clear ? FLAG_CLEAR : 0)
    writeVectors(out, entry.vectors)
    writeTexts(out, entry.dropVectors)
    writeObject(out, entry.set)
    writeTexts(out, entry.unset)
  }
  return out.finish()
}

/**
 * The part of an entry that the merged view folds: everything but values. A put's payload keys are not listed, since all its
 * cells carry the put's own stamp.
 */
export interface EntryHead {
  readonly kind: Entry['kind']
  readonly id: PointId
  readonly stamp: Stamp
  readonly clear: boolean
  readonly vectors: readonly string[]
  readonly dropVectors: readonly string[]
  /** Patch only. */
  readonly set: readonly string[]
  readonly unset: readonly string[]
}

/** @throws StoreError `DECODE_FAILED` unless the bytes are exactly one well-formed entry, values included. */
export const decodeEntry = (bytes: Uint8Array): Entry => {
  const input = new ByteReader(bytes)
  const { kind, stamp, id } = readPrefix(input)
  if (kind === 'delete') {
    input.end()
    return { kind, stamp, id }
  }
  if (kind === 'put') {
    const vectors = readVectors(input)
    const payload = parseObject(input.text())
    input.end()
    return { kind, stamp, id, vectors, payload }
  }
  const clear = readFlags(input)
  const vectors = readVectors(input)
  const dropVectors = readTexts(input)
  const set = parseObject(input.text())
  const unset = readTexts(input)
  input.end()
  return { kind, stamp, id, clear, vectors, dropVectors, set, unset }
}

/** As `decodeEntry`, without the values: vectors are skipped and a put's payload is not parsed. For bytes that were checked. */
export const decodeEntryHead = (bytes: Uint8Array): EntryHead => {
  const input = new ByteReader(bytes)
  const { kind, stamp, id } = readPrefix(input)
  const none = { clear: false, vectors: [], dropVectors: [], set: [], unset: [] }
  if (kind === 'delete') return { kind, stamp, id, ...none }
  if (kind === 'put') return { kind, stamp, id, ...none, vectors: skipVectors(input) }
  const clear = readFlags(input)
  const vectors = skipVectors(input)
  const dropVectors = readTexts(input)
  const set = Object.keys(parseObject(input.text()))
  const unset = readTexts(input)
  return { kind, stamp, id, clear, vectors, dropVectors, set, unset }
}

/** The payload of a put, or what a patch sets; vectors are skipped. */
export const decodeEntryPayload = (bytes: Uint8Array): JsonObject => {
  const input = new ByteReader(bytes)
  const { kind } = readPrefix(input)
  if (kind === 'delete') return {}
  if (kind === 'patch') readFlags(input)
  skipVectors(input)
  if (kind === 'patch') readTexts(input)
  return parseObject(input.text())
}

/** The vectors of an entry; the payload is not parsed. */
export const decodeEntryVectors = (bytes: Uint8Array): Map<string, Float32Array> => {
  const input = new ByteReader(bytes)
  const { kind } = readPrefix(input)
  if (kind === 'delete') return new Map()
  if (kind === 'patch') readFlags(input)
  return readVectors(input)
}

const readPrefix = (input: ByteReader): { kind: Entry['kind']; stamp: Stamp; id: PointId } => {
  const tag = input.u8()
  const kind = tag === KIND.put ? 'put' : tag === KIND.delete ? 'delete' : tag === KIND.patch ? 'patch' : undefined
  if (kind === undefined) throw malformed(`entry kind ${tag}`)
  return { kind, stamp: readStamp(input), id: readId(input) }
}

const readFlags = (input: ByteReader): boolean => {
  const flags = input.u8()
  if (flags > FLAG_CLEAR) throw malformed(`patch flags ${flags}`)
  return flags === FLAG_CLEAR
}

const writeTexts = (out: ByteWriter, texts: readonly string[]): void => {
  out.varuint(texts.length)
  for (const text of texts) out.text(text)
}

const readTexts = (input: ByteReader): string[] => {
  const texts: string[] = []
  for (let left = input.varuint(CELLS_MAX); left > 0; left--) texts.push(input.text())
  return texts
}

const writeVectors = (out: ByteWriter, vectors: ReadonlyMap<string, Float32Array>): void => {
  out.varuint(vectors.size)
  for (const [name, vector] of vectors) {
    out.text(name).u8(FORM_FLOAT32).varuint(vector.length)
    out.raw(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
  }
}

const readVectorHead = (input: ByteReader, seen: { has(name: string): boolean }): { name: string; dims: number } => {
  const name = input.text(VECTOR_NAME_BYTES_MAX)
  if (seen.has(name)) throw malformed('vector named twice')
  const form = input.u8()
  if (form !== FORM_FLOAT32) throw malformed(`vector form ${form}`)
  return { name, dims: input.varuint(VECTOR_DIMS_MAX) }
}

const readVectors = (input: ByteReader): Map<string, Float32Array> => {
  const vectors = new Map<string, Float32Array>()
  for (let left = input.varuint(CELLS_MAX); left > 0; left--) {
    const { name, dims } = readVectorHead(input, vectors)
    const vector = new Float32Array(input.raw(dims * 4).slice().buffer)
    if (!vector.every(Number.isFinite)) throw malformed('vector element is not finite')
    vectors.set(name, vector)
  }
  return vectors
}

const skipVectors = (input: ByteReader): string[] => {
  const names = new Set<string>()
  for (let left = input.varuint(CELLS_MAX); left > 0; left--) {
    const { name, dims } = readVectorHead(input, names)
    input.raw(dims * 4)
    names.add(name)
  }
  return [...names]
}

/** A level of nesting takes two characters: shorter text need not be walked. */
const isTooDeep = (value: JsonValue, text: string): boolean =>
  text.length >= JSON_DEPTH_MAX * 2 && isDeeperThan(value, JSON_DEPTH_MAX)

const writeObject = (out: ByteWriter, value: JsonObject): void => {
  const text = stringify(value)
  if (text === undefined || isTooDeep(value, text))
    throw new StoreError('VALIDATION', `payload is nested more than ${JSON_DEPTH_MAX} levels deep`)
  out.text(text)
}

/** `undefined` if the stack ends before the value does. */
const stringify = (value: JsonObject): string | undefined => {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const parseObject = (text: string): JsonObject => {
  let value: JsonValue
  try {
    value = JSON.parse(text) as JsonValue
  } catch {
    throw malformed('payload is not JSON')
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw malformed('payload is not an object')
  if (isTooDeep(value, text)) throw malformed(`payload is nested more than ${JSON_DEPTH_MAX} levels deep`)
  return value
}
