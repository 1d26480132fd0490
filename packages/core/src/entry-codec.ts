import { ByteReader, ByteWriter, malformed } from './bytes.js'
import { readMark, writeMark } from './content-mark.js'
import { type Datatype, DATATYPES, decodeNumbers, encodeNumbers, numberBytesOf } from './datatype.js'
import type { Entry } from './entry.js'
import { StoreError } from './errors.js'
import { readStamp, type Stamp, writeStamp } from './hlc.js'
import { isDeeperThan, JSON_DEPTH_MAX, type JsonObject, type JsonValue } from './json.js'
import { type PointId, readId, writeId } from './point-id.js'
import {
  isDense,
  isSparse,
  MULTI_LENGTH_MAX,
  numbersOf,
  SPARSE_LENGTH_MAX,
  valueProblem,
  type VectorValue,
} from './vector-value.js'

/*
 * Layout (big-endian; v = LEB128 integer; text and bytes are length-prefixed):
 *
 *   entry   kind u8 (+ 16: marked) · stamp (ms u48, counter u16, writer u8) · [mark] · id · body
 *   mark    generation v · content version v · model text
 *   put     vectors · payload JSON text
 *   delete  nothing
 *   patch   flags u8 (1 = clear) · vectors · dropped names (v, text...) · set JSON text · unset keys (v, text...)
 *   vectors v count · per vector: name text · form u8 · what the form says; numbers are little-endian
 *   form 0  dense: v dims · dims * float32
 *   form 1  sparse: v count · count * u32 index, ascending · count * float32
 *   form 2  multi: v dims · v rows · rows * dims * float32
 *   form 16, 18  as 0 and 2, in halves (IEEE 754 binary16); 32, 34  in bytes, 0 to 255
 *
 * The stamp carries its writer, so that an entry means the same in whichever lane it stands.
 */

const KIND = { put: 1, delete: 2, patch: 3 } as const
const MARKED = 16
const FLAG_CLEAR = 1
const FORM = { dense: 0, sparse: 1, multi: 2 } as const
/** Added to the form of a dense vector or multivector. */
const FORM_DATATYPE = { float16: 16, uint8: 32 } as const satisfies Record<Datatype, number>
const FORM_MASK = 15

/** How a vector's numbers are stored, by its name; `undefined`: as float32. */
export type DatatypeOf = (name: string) => Datatype | undefined
const ALL_FLOAT32: DatatypeOf = () => undefined

export const VECTOR_NAME_BYTES_MAX = 255
export const VECTOR_DIMS_MAX = 65_536
const CELLS_MAX = 100_000

/** @throws StoreError `VALIDATION` if the payload is nested deeper than `JSON_DEPTH_MAX`: nobody could read it. */
export const encodeEntry = (entry: Entry): Uint8Array => {
  const out = new ByteWriter(512)
  writeEntry(out, entry)
  return out.finish()
}

/**
 * As `encodeEntry`, behind what was written before; after a throw what stands there is of no use. What a datatype cannot hold is
 * rounded: see `rounded`.
 */
export const writeEntry = (out: ByteWriter, entry: Entry, datatypeOf: DatatypeOf = ALL_FLOAT32): void => {
  const { content } = entry.stamp
  out.u8(KIND[entry.kind] + (content === undefined ? 0 : MARKED))
  writeStamp(out, entry.stamp)
  if (content !== undefined) writeMark(out, content)
  writeId(out, entry.id)
  if (entry.kind === 'put') {
    writeVectors(out, entry.vectors, datatypeOf)
    writeObject(out, entry.payload)
  } else if (entry.kind === 'patch') {
    out.u8(entry.clear ? FLAG_CLEAR : 0)
    writeVectors(out, entry.vectors, datatypeOf)
    writeTexts(out, entry.dropVectors)
    writeObject(out, entry.set)
    writeTexts(out, entry.unset)
  }
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

/**
 * As `decodeEntry`, and as strict, but only the head is made of what is read.
 * @throws StoreError `DECODE_FAILED` unless the bytes are exactly one well-formed entry, values included.
 */
export const checkEntry = (bytes: Uint8Array): EntryHead => {
  const input = new ByteReader(bytes)
  const { kind, stamp, id } = readPrefix(input)
  if (kind === 'delete') {
    input.end()
    return { kind, stamp, id, ...NOTHING_SET }
  }
  if (kind === 'put') {
    const vectors = checkVectors(input)
    parseObject(input.text())
    input.end()
    return { kind, stamp, id, ...NOTHING_SET, vectors }
  }
  const clear = readFlags(input)
  const vectors = checkVectors(input)
  const dropVectors = readTexts(input)
  const set = Object.keys(parseObject(input.text()))
  const unset = readTexts(input)
  input.end()
  return { kind, stamp, id, clear, vectors, dropVectors, set, unset }
}

/** As `decodeEntry`, without the values: vectors are skipped and a put's payload is not parsed. For bytes that were checked. */
export const decodeEntryHead = (bytes: Uint8Array): EntryHead => {
  const input = new ByteReader(bytes)
  const { kind, stamp, id } = readPrefix(input)
  if (kind === 'delete') return { kind, stamp, id, ...NOTHING_SET }
  if (kind === 'put') return { kind, stamp, id, ...NOTHING_SET, vectors: skipVectors(input) }
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

/** One vector of an entry, if it has it; nothing else is decoded. For bytes that were checked. */
export const decodeEntryVector = (bytes: Uint8Array, name: string): VectorValue | undefined => {
  const input = new ByteReader(bytes)
  const { kind } = readPrefix(input)
  if (kind === 'delete') return undefined
  if (kind === 'patch') readFlags(input)
  for (let left = input.varuint(CELLS_MAX); left > 0; left--) {
    const head = readVectorHead(input, NONE_SEEN)
    if (head.name === name) return readNumbers(input, head)
    input.skip(numberBytes(head))
  }
  return undefined
}

/** What `decodeEntryHead` reads of the entry's bytes. */
export const headOf = (entry: Entry): EntryHead => {
  const { kind, id, stamp } = entry
  if (kind === 'delete') return { kind, id, stamp, ...NOTHING_SET }
  const vectors = [...entry.vectors.keys()]
  if (kind === 'put') return { kind, id, stamp, ...NOTHING_SET, vectors }
  const { clear, dropVectors, set, unset } = entry
  return { kind, id, stamp, clear, vectors, dropVectors, set: Object.keys(set), unset }
}

const NOTHING_SET = { clear: false, vectors: [], dropVectors: [], set: [], unset: [] } as const

const readPrefix = (input: ByteReader): { kind: Entry['kind']; stamp: Stamp; id: PointId } => {
  const first = input.u8()
  const tag = first & ~MARKED
  const kind = tag === KIND.put ? 'put' : tag === KIND.delete ? 'delete' : tag === KIND.patch ? 'patch' : undefined
  if (kind === undefined) throw malformed(`entry kind ${first}`)
  const stamp = readStamp(input)
  if (first === tag) return { kind, stamp, id: readId(input) }
  return { kind, stamp: { ...stamp, content: readMark(input) }, id: readId(input) }
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

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

const writeVectors = (out: ByteWriter, vectors: ReadonlyMap<string, VectorValue>, datatypeOf: DatatypeOf): void => {
  out.varuint(vectors.size)
  for (const [name, value] of vectors) {
    out.text(name)
    if (isSparse(value)) {
      out.u8(FORM.sparse).varuint(value.indices.length).raw(bytesOf(value.indices)).raw(bytesOf(value.values))
      continue
    }
    const datatype = datatypeOf(name)
    const added = datatype === undefined ? 0 : FORM_DATATYPE[datatype]
    const numbers = numbersOf(value)
    if (isDense(value)) out.u8(FORM.dense + added).varuint(value.length)
    else {
      out
        .u8(FORM.multi + added)
        .varuint(value.dims)
        .varuint(numbers.length / value.dims)
    }
    out.raw(datatype === undefined ? bytesOf(numbers) : encodeNumbers(datatype, numbers))
  }
}

/** What stands before a vector's numbers. `count` is of numbers, in all rows. */
interface VectorHead {
  readonly name: string
  readonly form: number
  readonly datatype: Datatype | undefined
  readonly dims: number
  readonly count: number
}

const numberBytes = ({ form, datatype, count }: VectorHead): number =>
  count * (form === FORM.sparse ? 8 : numberBytesOf(datatype))

const NONE_SEEN: ReadonlySet<string> = new Set()

const readVectorHead = (input: ByteReader, seen: { has(name: string): boolean }): VectorHead => {
  const name = input.text(VECTOR_NAME_BYTES_MAX)
  if (seen.has(name)) throw malformed('vector named twice')
  const told = input.u8()
  const form = told & FORM_MASK
  const datatype = DATATYPES.find((each) => FORM_DATATYPE[each] === told - form)
  if (form > FORM.multi || (told !== form && (datatype === undefined || form === FORM.sparse)))
    throw malformed(`vector form ${told}`)
  const dims = input.varuint(form === FORM.sparse ? SPARSE_LENGTH_MAX : VECTOR_DIMS_MAX)
  if (form !== FORM.multi) return { name, form, datatype, dims, count: dims }
  if (dims === 0) throw malformed('multivector of no dimensions')
  const rows = input.varuint(Math.floor(MULTI_LENGTH_MAX / dims))
  if (rows === 0) throw malformed('multivector without rows')
  return { name, form, datatype, dims, count: rows * dims }
}

const readNumbers = (input: ByteReader, { form, datatype, dims, count }: VectorHead): VectorValue => {
  const indices = form === FORM.sparse ? new Uint32Array(input.copy(count * 4)) : undefined
  const numbers =
    datatype === undefined
      ? new Float32Array(input.copy(count * 4))
      : decodeNumbers(datatype, input.raw(count * numberBytesOf(datatype)))
  return indices ? { indices, values: numbers } : form === FORM.multi ? { dims, data: numbers } : numbers
}

const readVectors = (input: ByteReader): Map<string, VectorValue> => {
  const vectors = new Map<string, VectorValue>()
  for (let left = input.varuint(CELLS_MAX); left > 0; left--) {
    const head = readVectorHead(input, vectors)
    const value = readNumbers(input, head)
    const problem = valueProblem(value)
    if (problem !== undefined) throw malformed(`vector: ${problem}`)
    vectors.set(head.name, value)
  }
  return vectors
}

/** Reads the vectors' names; `pass` goes past the numbers of each. */
const readVectorNames = (input: ByteReader, pass: (head: VectorHead) => void): string[] => {
  const names: string[] = []
  let seen: Set<string> | undefined
  for (let left = input.varuint(CELLS_MAX); left > 0; left--) {
    // Most records have one vector, and nothing to compare its name with.
    if (names.length > 0) seen = (seen ?? new Set()).add(names.at(-1)!)
    const head = readVectorHead(input, seen ?? NONE_SEEN)
    pass(head)
    names.push(head.name)
  }
  return names
}

const skipVectors = (input: ByteReader): string[] => readVectorNames(input, (head) => input.skip(numberBytes(head)))

/** What `valueProblem` looks for and a length does not tell, found in the bytes as they lie. */
const checkVectors = (input: ByteReader): string[] =>
  readVectorNames(input, ({ form, datatype, count }) => {
    if (form === FORM.sparse && !isAscendingAt(input.raw(count * 4))) throw malformed('vector: indices do not ascend')
    if (!IS_FINITE[datatype ?? 'float32'](input.raw(count * numberBytesOf(datatype))))
      throw malformed('vector: an element is not a finite float32')
  })

/** Little-endian u32, each above the one before it. */
const isAscendingAt = (bytes: Uint8Array): boolean => {
  let last = -1
  for (let at = 0; at < bytes.length; at += 4) {
    const index = bytes[at]! + bytes[at + 1]! * 0x100 + bytes[at + 2]! * 0x1_0000 + bytes[at + 3]! * 0x100_0000
    if (index <= last) return false
    last = index
  }
  return true
}

/** Of little-endian numbers: no exponent has all of its bits, as those of NaN and the infinities have. */
const IS_FINITE: Readonly<Record<Datatype | 'float32', (bytes: Uint8Array) => boolean>> = {
  float32: (bytes) => {
    for (let at = 3; at < bytes.length; at += 4)
      if ((bytes[at]! & 0x7f) === 0x7f && bytes[at - 1]! >= 0x80) return false
    return true
  },
  float16: (bytes) => {
    for (let at = 1; at < bytes.length; at += 2) if ((bytes[at]! & 0x7c) === 0x7c) return false
    return true
  },
  uint8: () => true,
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
