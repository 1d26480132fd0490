import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { configProblem } from '@meridian/catalog'
import {
  ByteReader,
  ByteWriter,
  type CollectionConfig,
  decodeEntry,
  type DeleteEntry,
  type Entry,
  type JsonObject,
  malformed,
  type PutEntry,
  VersionVector,
} from '@meridian/core'
import type { IndexSchema, Setting } from '@meridian/replica'

/*
 * A snapshot file (big-endian; v = LEB128 integer):
 *
 *   file     magic (8 bytes) · header · records* · changes* · end
 *   section  type u8 · length u32 · body · CRC-32 u32 of all before it
 *   header   1: JSON text
 *   records  2: v collection (its place in the header) · length-prefixed put entries of core's codec
 *   changes  3: as records, deletes too. Written while the snapshot was taken: an entry stands for all earlier ones of its id
 *   end      4: JSON text · v entries in the file · version vector · SHA-256 of the file up to this section
 *
 * The vector and the records are those of one tick, that of the end.
 */

export const MAGIC = new TextEncoder().encode('MERIDSN1')
export const SECTION = { header: 1, records: 2, changes: 3, end: 4 } as const
/** A section with more than this is refused; writers close one at `SECTION_BYTES`. */
export const SECTION_BYTES_MAX = 64 * 1024 * 1024
export const SECTION_BYTES = 256 * 1024
const HEAD_BYTES = 5
const CRC_BYTES = 4
const HASH_BYTES = 32

export interface SnapshotCollection {
  readonly name: string
  readonly uid: string
  readonly config: CollectionConfig
}

export interface SnapshotHeader {
  readonly region: string
  readonly startedMs: number
  readonly collections: readonly SnapshotCollection[]
}

/** Of one collection, at the tick of the cut. */
export interface SnapshotDetails {
  readonly live: number
  readonly settings: readonly Setting[]
  readonly indexes: Readonly<Record<string, IndexSchema>>
  readonly aliases: readonly string[]
}

export interface SnapshotEnd {
  /** As in the header, in its order. */
  readonly collections: readonly SnapshotDetails[]
  /** What the cut covers. */
  readonly vector: VersionVector
}

export type SnapshotEntry = PutEntry | DeleteEntry
export type SnapshotSection =
  | { readonly kind: 'header'; readonly header: SnapshotHeader }
  | { readonly kind: 'records' | 'changes'; readonly collection: number; readonly entries: readonly Uint8Array[] }
  | { readonly kind: 'end'; readonly end: SnapshotEnd }

const seal = (type: number, body: Uint8Array): Uint8Array => {
  const section = new Uint8Array(HEAD_BYTES + body.length + CRC_BYTES)
  const view = new DataView(section.buffer)
  view.setUint8(0, type)
  view.setUint32(1, body.length)
  section.set(body, HEAD_BYTES)
  view.setUint32(HEAD_BYTES + body.length, crc32(section.subarray(0, HEAD_BYTES + body.length)))
  return section
}

/** Makes the bytes of one file, section after section, in the order of the format. */
export class SnapshotEncoder {
  readonly #hash = createHash('sha256')
  #entries = 0

  header(header: SnapshotHeader): Uint8Array {
    this.#hash.update(MAGIC)
    const section = this.#hashed(seal(SECTION.header, new ByteWriter().text(JSON.stringify(header)).finish()))
    return Buffer.concat([MAGIC, section])
  }

  records(kind: 'records' | 'changes', collection: number, entries: readonly Uint8Array[]): Uint8Array {
    const body = new ByteWriter(SECTION_BYTES + 1024).varuint(collection)
    for (const entry of entries) body.bytes(entry)
    this.#entries += entries.length
    return this.#hashed(seal(SECTION[kind], body.finish()))
  }

  end({ collections, vector }: SnapshotEnd): Uint8Array {
    const body = new ByteWriter().text(JSON.stringify({ collections })).varuint(this.#entries)
    vector.write(body)
    return seal(SECTION.end, body.raw(this.#hash.digest()).finish())
  }

  #hashed(section: Uint8Array): Uint8Array {
    this.#hash.update(section)
    return section
  }
}

/**
 * Reads a file as its bytes come in, from bytes that may be hostile: a section is given out only when its checksum holds, and
 * memory is bounded by one section.
 * @throws StoreError `DECODE_FAILED`; nothing after that can be relied upon, and what came before is not a whole file.
 */
export class SnapshotDecoder {
  readonly #hash = createHash('sha256')
  #chunks: Uint8Array[] = []
  #held = 0
  #wanted = MAGIC.length
  #state: 'magic' | 'header' | 'records' | 'changes' | 'done' = 'magic'
  #collections = 0
  #entries = 0;

  /** The sections that are complete with these bytes. */
  *push(bytes: Uint8Array): Iterable<SnapshotSection> {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#held += bytes.length
    while (this.#held >= this.#wanted) {
      if (this.#isDone) {
        if (this.#held > 0) throw malformed('bytes after the end of the snapshot')
        return
      }
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#held)
      const used = this.#state === 'magic' ? this.#magic(all) : this.#sized(all)
      if (used !== undefined) {
        const section = used.section
        this.#chunks = used.bytes < all.length ? [all.subarray(used.bytes)] : []
        this.#held = all.length - used.bytes
        this.#wanted = this.#isDone ? 0 : HEAD_BYTES
        if (section !== undefined) yield section
      } else this.#chunks = [all]
    }
  }

  /** No bytes are left. */
  end(): void {
    if (!this.#isDone) throw malformed('the snapshot is cut short')
  }

  get #isDone(): boolean {
    return this.#state === 'done'
  }

  #magic(all: Uint8Array): { bytes: number; section?: SnapshotSection } {
    const magic = all.subarray(0, MAGIC.length)
    if (Buffer.compare(magic, MAGIC) !== 0) throw malformed('not a snapshot of a format that this version reads')
    this.#hash.update(magic)
    this.#state = 'header'
    return { bytes: MAGIC.length }
  }

  /** `undefined` while the section is not whole. */
  #sized(all: Uint8Array): { bytes: number; section?: SnapshotSection } | undefined {
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength)
    const length = view.getUint32(1)
    if (length > SECTION_BYTES_MAX) throw malformed(`a section of ${length} bytes`)
    const whole = HEAD_BYTES + length + CRC_BYTES
    if (all.length < whole) {
      this.#wanted = whole
      return undefined
    }
    if (crc32(all.subarray(0, HEAD_BYTES + length)) !== view.getUint32(HEAD_BYTES + length))
      throw malformed('the checksum of a section does not match')
    const section = this.#section(view.getUint8(0), all.subarray(HEAD_BYTES, HEAD_BYTES + length))
    if (section.kind !== 'end') this.#hash.update(all.subarray(0, whole))
    return { bytes: whole, section }
  }

  #section(type: number, body: Uint8Array): SnapshotSection {
    const input = new ByteReader(body)
    if (this.#state === 'header') {
      if (type !== SECTION.header) throw malformed('the snapshot has no header')
      const header = readHeader(input.text())
      input.end()
      this.#collections = header.collections.length
      this.#state = 'records'
      return { kind: 'header', header }
    }
    if (type === SECTION.end) return this.#end(input)
    const kind = type === SECTION.records ? 'records' : type === SECTION.changes ? 'changes' : undefined
    if (kind === undefined) throw malformed(`section type ${type}`)
    if (kind === 'records' && this.#state === 'changes') throw malformed('records after changes')
    this.#state = kind
    const collection = input.varuint()
    if (collection >= this.#collections) throw malformed('records of no collection')
    const entries: Uint8Array[] = []
    while (input.remaining > 0) entries.push(input.bytes())
    this.#entries += entries.length
    return { kind, collection, entries }
  }

  #end(input: ByteReader): SnapshotSection {
    const collections = readDetails(input.text(), this.#collections)
    if (input.varuint() !== this.#entries) throw malformed('entries are missing')
    const vector = VersionVector.read(input)
    const hash = input.raw(HASH_BYTES)
    input.end()
    if (!this.#hash.digest().equals(hash)) throw malformed('the hash of the snapshot does not match')
    this.#state = 'done'
    return { kind: 'end', end: { collections, vector } }
  }
}

/** @throws StoreError `DECODE_FAILED`, for a delete among records too. */
export const readEntry = (kind: 'records' | 'changes', bytes: Uint8Array): SnapshotEntry => {
  const entry: Entry = decodeEntry(bytes)
  if (entry.kind === 'patch' || (entry.kind === 'delete' && kind === 'records')) throw malformed(`a ${entry.kind}`)
  return entry
}

const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item: unknown) => typeof item === 'string')

const parseObject = (text: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('the snapshot describes itself in no JSON')
  }
  if (!isObject(value)) throw malformed('the snapshot describes itself in no object')
  return value
}

const readHeader = (text: string): SnapshotHeader => {
  const value = parseObject(text)
  const { region, startedMs, collections } = value
  if (typeof region !== 'string' || !Number.isSafeInteger(startedMs) || !Array.isArray(collections))
    throw malformed('the header lacks a field')
  for (const each of collections as unknown[]) {
    if (!isObject(each) || typeof each.name !== 'string' || typeof each.uid !== 'string')
      throw malformed('a collection without a name')
    const problem = configProblem(each.config)
    if (problem !== undefined) throw malformed(`collection ${JSON.stringify(each.name.slice(0, 80))}: ${problem}`)
  }
  return value as unknown as SnapshotHeader
}

const readDetails = (text: string, count: number): readonly SnapshotDetails[] => {
  const { collections } = parseObject(text)
  if (!Array.isArray(collections) || collections.length !== count) throw malformed('details of other collections')
  for (const each of collections as unknown[])
    if (
      !isObject(each) ||
      !Number.isSafeInteger(each.live) ||
      !isObject(each.indexes) ||
      !Object.values(each.indexes).every((schema) => isObject(schema) && typeof schema.type === 'string') ||
      !isTextList(each.aliases) ||
      !Array.isArray(each.settings) ||
      !each.settings.every((setting) => isObject(setting) && isTextList(setting.path) && 'value' in setting)
    )
      throw malformed('details of a collection lack a field')
  return collections as SnapshotDetails[]
}
