import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkBlock, encodeBlock } from './block.js'
import { ByteReader, ByteWriter } from './bytes.js'
import { Digest, leafOf, recordHash } from './digest.js'
import type { Entry } from './entry.js'
import { decodeEntry, encodeEntry, writeEntry } from './entry-codec.js'
import { openFrame } from './frame.js'
import { frameOf } from './testing/frame-of.js'
import { hash32 } from './hash.js'
import type { ReplicaId } from './ids.js'
import { hashId, type PointId, readId, writeId } from './point-id.js'
import {
  GOLDEN_BLOCKS,
  GOLDEN_BODIES,
  GOLDEN_DATATYPES,
  GOLDEN_ENTRIES,
  GOLDEN_IDS,
  GOLDEN_TYPED_ENTRIES,
  GOLDEN_VECTORS,
} from './testing/golden-values.js'
import { VersionVector } from './version-vector.js'

/** Lines `name hex`. The last line of a name is what is written today; all lines of a name read as the same value. */
const fixture = (kind: string): [name: string, hex: string][] =>
  readFileSync(new URL(`../fixtures/${kind}.txt`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(' ') as [string, string])

const written = (write: (out: ByteWriter) => void): Uint8Array => {
  const out = new ByteWriter()
  write(out)
  return out.finish()
}
const whole = <T>(bytes: Uint8Array, read: (input: ByteReader) => T): T => {
  const input = new ByteReader(bytes)
  const value = read(input)
  input.end()
  return value
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** A difference is shown as the line that the fixture would need: add it if the value is new, never in place of another. */
const checkGolden = <T>(
  kind: string,
  values: Readonly<Record<string, T>>,
  encode: (value: T) => Uint8Array,
  decode?: (bytes: Uint8Array) => T,
): void => {
  const lines = fixture(kind)
  const latest = new Map(lines)
  expect([...latest].map((line) => line.join(' '))).toEqual(
    Object.entries(values).map(([name, value]) => `${name} ${hex(encode(value))}`),
  )
  if (decode) for (const [name, bytes] of lines) expect(decode(Buffer.from(bytes, 'hex')), name).toEqual(values[name])
}

describe('golden fixtures', () => {
  it('[GF1] entries are encoded as ever, and every encoding ever written reads back', () => {
    checkGolden('entry', GOLDEN_ENTRIES, encodeEntry, decodeEntry)
  })

  it('[GF1] entries with datatypes', () => {
    const encode = (entry: Entry): Uint8Array => written((out) => writeEntry(out, entry, GOLDEN_DATATYPES))
    checkGolden('typed-entry', GOLDEN_TYPED_ENTRIES, encode, decodeEntry)
  })

  it('[GF2] blocks', () => {
    checkGolden('block', GOLDEN_BLOCKS, encodeBlock)
    for (const [name, bytes] of fixture('block')) {
      const block = checkBlock(Buffer.from(bytes, 'hex'))
      const expected = GOLDEN_BLOCKS[name]!
      expect({ ...block, heads: undefined, seen: block.seen.toJSON(), entries: block.entries.map(hex) }, name).toEqual({
        ...{ ...expected, seen: expected.seen.toJSON(), entries: expected.entries.map(hex) },
      })
    }
  })

  it('[GF3] version vectors', () => {
    const encode = (vector: VersionVector): Uint8Array => written((out) => vector.write(out))
    checkGolden('version-vector', GOLDEN_VECTORS, encode)
    for (const [name, bytes] of fixture('version-vector'))
      expect(whole(Buffer.from(bytes, 'hex'), VersionVector.read).toJSON(), name).toEqual(
        GOLDEN_VECTORS[name]!.toJSON(),
      )
  })

  it('[GF4] ids', () => {
    const encode = (id: PointId): Uint8Array => written((out) => writeId(out, id))
    checkGolden('point-id', GOLDEN_IDS, encode, (bytes) => whole(bytes, readId))
  })

  it('[GF5] frames', () => {
    checkGolden('frame', GOLDEN_BODIES, frameOf, (bytes) => new Uint8Array(openFrame(bytes)))
  })

  it('[GF6] hashes: they name shards and are compared between versions', () => {
    const word = (value: number): Uint8Array => written((out) => out.u32(value))
    const digest = new Digest()
    const record = (id: PointId): Uint8Array => {
      const hash = recordHash(id, { ms: 1_767_322_245_678, counter: 3, writer: 7 as ReplicaId })
      digest.toggle(leafOf(id), hash)
      return written((out) => out.u32(hash.high).u32(hash.low).u16(leafOf(id)))
    }
    const ids = Object.entries(GOLDEN_IDS)
    const values: Record<string, Uint8Array> = {
      'text-empty': word(hash32('')),
      'text-meridian': word(hash32('meridian')),
    }
    for (const [name, id] of ids) values[`id-${name}`] = word(hashId(id))
    for (const [name, id] of ids) values[`record-${name}`] = record(id)
    values['digest-empty'] = Buffer.from(new Digest().root(), 'hex')
    values['digest-of-all'] = Buffer.from(digest.root(), 'hex')
    checkGolden('hash', values, (bytes) => bytes)
  })
})
