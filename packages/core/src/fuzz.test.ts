import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { checkBlock, encodeBlock } from './block.js'
import { ByteReader, ByteWriter, malformed } from './bytes.js'
import {
  checkEntry,
  decodeEntry,
  decodeEntryHead,
  decodeEntryPayload,
  decodeEntryVector,
  encodeEntry,
  headOf,
  writeEntry,
} from './entry-codec.js'
import { assert, StoreError } from './errors.js'
import { openFrame } from './frame.js'
import { readId, writeId } from './point-id.js'
import { merge, stateOf, visible } from './record-state.js'
import {
  GOLDEN_BLOCKS,
  GOLDEN_BODIES,
  GOLDEN_DATATYPES,
  GOLDEN_ENTRIES,
  GOLDEN_IDS,
  GOLDEN_TYPED_ENTRIES,
  GOLDEN_VECTORS,
} from './testing/golden-values.js'
import { frameOf, fuzzDecoder } from './testing/index.js'
import { VersionVector } from './version-vector.js'

const COUNT = 100_000

const written = (write: (out: ByteWriter) => void): Uint8Array => {
  const out = new ByteWriter(64)
  write(out)
  return out.finish()
}

const ENTRIES = [
  ...Object.values(GOLDEN_ENTRIES).map(encodeEntry),
  ...Object.values(GOLDEN_TYPED_ENTRIES).map((entry) => written((out) => writeEntry(out, entry, GOLDEN_DATATYPES))),
]

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Where a value has one encoding, what was accepted is what would be written. */
const checkCanonical = (bytes: Uint8Array, again: Uint8Array): void =>
  assert(Buffer.compare(bytes, again) === 0, 'accepted a second encoding of a value')

/** `undefined` for bytes that are refused; any other error is a bug. */
const orRefused = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch (error) {
    if (error instanceof StoreError && error.code === 'DECODE_FAILED') return undefined
    throw error
  }
}

describe('damaged bytes', () => {
  it('[FZ3] an entry is refused, or is an entry in every respect', () => {
    const counts = fuzzDecoder({
      ...{ name: 'decodeEntry', samples: ENTRIES, count: COUNT },
      decode: (bytes) => {
        const checked = orRefused(() => checkEntry(bytes))
        const entry = orRefused(() => decodeEntry(bytes))
        assert((checked === undefined) === (entry === undefined), 'one reader refuses what the other takes')
        if (entry === undefined) throw malformed('refused by both')
        const head = decodeEntryHead(bytes)
        assert(isDeepStrictEqual(head, headOf(entry)), 'the head differs')
        assert(isDeepStrictEqual(head, checked), 'the checked head differs')
        decodeEntryPayload(bytes)
        if (entry.kind !== 'delete')
          for (const [name, value] of entry.vectors)
            assert(isSame(decodeEntryVector(bytes, name), value), 'a vector differs')
        visible(merge(stateOf(entry), stateOf(decodeEntry(encodeEntry(entry)))))
      },
    })
    expect(counts.refused).toBeGreaterThan(COUNT / 2)
    expect(counts.accepted).toBeGreaterThan(0)
  })

  it('[FZ4] a block is refused, or reads back as it was written', () => {
    const counts = fuzzDecoder({
      ...{ name: 'checkBlock', samples: Object.values(GOLDEN_BLOCKS).map(encodeBlock), count: COUNT },
      decode: (bytes) => checkCanonical(bytes, encodeBlock(checkBlock(bytes))),
    })
    expect(counts.refused).toBeGreaterThan(COUNT / 2)
    expect(counts.accepted).toBeGreaterThan(0)
  })

  it('[FZ5] a version vector is refused, or reads back as it was written', () => {
    const counts = fuzzDecoder({
      ...{ name: 'VersionVector.read', count: COUNT },
      samples: Object.values(GOLDEN_VECTORS).map((vector) => written((out) => vector.write(out))),
      decode: (bytes) => {
        const input = new ByteReader(bytes)
        const vector = VersionVector.read(input)
        checkCanonical(
          bytes.subarray(0, input.offset),
          written((out) => vector.write(out)),
        )
        for (const [, seq] of vector.entries()) assert(Number.isSafeInteger(seq) && seq > 0, `seq ${seq}`)
      },
    })
    expect(Math.min(counts.refused, counts.accepted)).toBeGreaterThan(0)
  })

  it('[FZ6] an id is refused, or reads back as it was written', () => {
    const counts = fuzzDecoder({
      ...{ name: 'readId', count: COUNT },
      samples: Object.values(GOLDEN_IDS).map((id) => written((out) => writeId(out, id))),
      decode: (bytes) => {
        const input = new ByteReader(bytes)
        const id = readId(input)
        checkCanonical(
          bytes.subarray(0, input.offset),
          written((out) => writeId(out, id)),
        )
      },
    })
    expect(Math.min(counts.refused, counts.accepted)).toBeGreaterThan(0)
  })

  it('[FZ7] no damaged frame is opened', () => {
    const samples = Object.values(GOLDEN_BODIES).map(frameOf)
    const counts = fuzzDecoder({ name: 'openFrame', samples, decode: openFrame, count: COUNT })
    expect(counts).toEqual({ refused: COUNT, accepted: 0 })
  })
})
