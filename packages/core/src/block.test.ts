import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  BLOCK_BYTES_TARGET,
  BLOCK_ENTRIES_MAX,
  type Block,
  checkBlock,
  decodeBlock,
  encodeBlock,
  packEntries,
} from './block.js'
import { encodeEntry } from './entry-codec.js'
import type { ReplicaId } from './ids.js'
import { anyBlock } from './testing/arbitraries.js'
import { VersionVector } from './version-vector.js'

const refused = expect.objectContaining({ code: 'DECODE_FAILED' })
const entry = encodeEntry({ kind: 'delete', id: 1, stamp: { ms: 1, counter: 0, writer: 1 as ReplicaId } })
const block = (fields: Partial<Block>): Block => ({
  ...{ seq: 1, seen: VersionVector.ZERO, moved: false, entries: [entry], ...fields },
})
const plain = ({ seq, seen, moved, entries }: Block) => ({
  seq,
  seen: seen.toJSON(),
  moved,
  entries: entries.map((bytes) => [...bytes]),
})

describe('block codec', () => {
  it('[BK1] every block reads back, byte for byte', () => {
    fc.assert(
      fc.property(anyBlock, (block) => {
        const bytes = encodeBlock(block)
        expect(plain(checkBlock(bytes))).toEqual(plain(block))
        expect(encodeBlock(decodeBlock(bytes))).toEqual(bytes)
      }),
    )
  })

  it('[BK2] a damaged frame of a block is refused: format, flags, seq 0, no entries, too many, missing or extra bytes', () => {
    const sound = encodeBlock(block({}))
    expect(() => checkBlock(sound)).not.toThrow()
    const patched = (at: number, value: number): Uint8Array =>
      Uint8Array.from(sound, (byte, i) => (i === at ? value : byte))
    const full = encodeBlock(block({ entries: new Array<Uint8Array>(BLOCK_ENTRIES_MAX).fill(entry) }))
    const overfull = encodeBlock(block({ entries: new Array<Uint8Array>(BLOCK_ENTRIES_MAX + 1).fill(entry) }))
    expect(checkBlock(full).entries).toHaveLength(BLOCK_ENTRIES_MAX)
    const bad: Record<string, Uint8Array> = {
      format: patched(0, 2),
      flags: patched(1, 2),
      'seq 0': patched(2, 0),
      'no entries': encodeBlock(block({ entries: [] })),
      'too many entries': overfull,
      'a missing byte': sound.subarray(0, -1),
      'an extra byte': Uint8Array.from([...sound, 0]),
      nothing: new Uint8Array(0),
    }
    for (const [what, bytes] of Object.entries(bad)) expect(() => decodeBlock(bytes), what).toThrow(refused)
  })

  it('[BK3] checking reads every entry: decoding alone would let the unsound one pass', () => {
    const bytes = encodeBlock(block({ entries: [entry, Uint8Array.of(9)] }))
    expect(decodeBlock(bytes).entries).toHaveLength(2)
    expect(() => checkBlock(bytes)).toThrow(refused)
  })

  it('[BK4] packing keeps every entry and the order, within bounds; only a single entry may be larger than a block', () => {
    const sizes = fc.array(fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: BLOCK_BYTES_TARGET * 2 })), { maxLength: 40 })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const entries = lengths.map((length) => new Uint8Array(length))
        const runs = packEntries(entries)
        expect(runs.flat().every((bytes, i) => bytes === entries[i])).toBe(true)
        expect(runs.flat()).toHaveLength(entries.length)
        for (const run of runs) {
          const bytes = run.reduce((sum, entry) => sum + entry.length, 0)
          expect(run.length === 1 || (run.length > 0 && bytes <= BLOCK_BYTES_TARGET)).toBe(true)
        }
      }),
    )
    const runs = packEntries(new Array<Uint8Array>(BLOCK_ENTRIES_MAX * 2 + 1).fill(new Uint8Array(1)))
    expect(runs.map((run) => run.length)).toEqual([BLOCK_ENTRIES_MAX, BLOCK_ENTRIES_MAX, 1])
    expect(packEntries([])).toEqual([])
  })
})
