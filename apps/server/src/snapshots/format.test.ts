import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CollectionConfig,
  encodeEntry,
  HNSW_DEFAULT,
  type ReplicaId,
  StoreError,
  VersionVector,
} from '@meridian/core'
import { expect, test } from 'vitest'
import { SnapshotFolder } from './folder.js'
import { readEntry, SnapshotDecoder, SnapshotEncoder, type SnapshotSection } from './format.js'
import { boundaryOf, filePart } from './multipart.js'

const config: CollectionConfig = { vectors: { '': { size: 2, metric: 'Dot', hnsw: HNSW_DEFAULT } }, shards: 1 }
const stamp = { ms: 1000, counter: 0, writer: 1 as ReplicaId }
const put = (id: number) =>
  encodeEntry({
    kind: 'put',
    id: id,
    stamp,
    vectors: new Map([['', new Float32Array([id, 1])]]),
    payload: { id },
  })
const PIECES: Uint8Array[] = (() => {
  const encoder = new SnapshotEncoder()
  return [
    encoder.header({ region: 'eu', startedMs: 1000, collections: [{ name: 'c', uid: 'u', config }] }),
    encoder.records('records', 0, [put(1), put(2)]),
    encoder.records('records', 0, [put(3)]),
    encoder.records('changes', 0, [put(1), encodeEntry({ kind: 'delete', id: 2, stamp })]),
    encoder.end({
      collections: [{ live: 2, settings: [], indexes: {}, aliases: [] }],
      vector: VersionVector.of([[1 as ReplicaId, 7]]),
    }),
  ]
})()
const FILE = Buffer.concat(PIECES)

/** Everything that a reader is handed, or what it refuses with. */
const read = (chunks: Iterable<Uint8Array>): SnapshotSection[] => {
  const decoder = new SnapshotDecoder()
  const sections: SnapshotSection[] = []
  for (const chunk of chunks)
    for (const section of decoder.push(chunk)) {
      if (section.kind === 'records' || section.kind === 'changes')
        for (const entry of section.entries) readEntry(section.kind, entry)
      sections.push(section)
    }
  decoder.end()
  return sections
}
const isRefused = (chunks: Iterable<Uint8Array>): boolean => {
  try {
    read(chunks)
    return false
  } catch (error) {
    if (error instanceof StoreError && error.code === 'DECODE_FAILED') return true
    throw error
  }
}

test('[SN12] a file reads the same whole and byte by byte', () => {
  const whole = read([FILE])
  expect(whole.map(({ kind }) => kind)).toEqual(['header', 'records', 'records', 'changes', 'end'])
  expect(read([...FILE].map((byte) => Uint8Array.of(byte)))).toEqual(whole)
})

test('[SN12] sections left out, twice, elsewhere or cut short are refused', () => {
  const [header, first, second, changes, end] = PIECES as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  expect(isRefused([header, first, second, changes, end])).toBe(false)
  for (const wrong of [
    [header, first, changes, end],
    [header, second, first, changes, end],
    [header, first, second, second, changes, end],
    [header, first, changes, second, end],
    [first, second, changes, end],
    [header, header, first, second, changes, end],
    [header, first, second, changes, end, end],
    [header, first, second, changes],
    [],
  ])
    expect(isRefused(wrong)).toBe(true)
  for (let length = 0; length < FILE.length; length++) expect(isRefused([FILE.subarray(0, length)])).toBe(true)
})

test('[SN12] 100,000 damaged files are refused, and nothing else is thrown', { timeout: 120_000 }, () => {
  let seed = 12345
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  let taken = 0
  for (let round = 0; round < 100_000; round++) {
    const damaged = Buffer.from(FILE)
    const at = next(FILE.length)
    const kind = next(4)
    let bytes: Buffer = damaged
    if (kind === 0) damaged[at]! ^= 1 << next(8)
    else if (kind === 1) bytes = damaged.subarray(0, at)
    else if (kind === 2) bytes = Buffer.concat([damaged.subarray(0, at), Buffer.of(next(256)), damaged.subarray(at)])
    else {
      damaged[at]! ^= 1 + next(255)
      damaged[(at + 1) % FILE.length]! ^= next(256)
    }
    if (!isRefused([bytes])) taken++
  }
  expect(taken).toBe(0)
})

test('[SN13] what was not finished is not listed, and is swept', async () => {
  const path = mkdtempSync(join(tmpdir(), 'meridian-folder-'))
  try {
    const folder = new SnapshotFolder(path)
    const kept = await folder.store('c', 'eu', new Date(0), pieces([FILE]))
    for (const file of ['c-1.snapshot.part', 'c-1.snapshot.json', 'upload-1.part'])
      writeFileSync(join(path, file), '{}')
    expect(await folder.list()).toEqual([kept])
    await folder.sweep()
    expect(readdirSync(path).sort()).toEqual([kept.name, `${kept.name}.json`])
  } finally {
    rmSync(path, { recursive: true })
  }
})

test('[SN14] without room the answer is STORAGE_FULL, and nothing is left', async () => {
  const path = mkdtempSync(join(tmpdir(), 'meridian-folder-'))
  try {
    const folder = new SnapshotFolder(path)
    const full = async function* () {
      yield FILE
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
    await expect(folder.store('c', 'eu', new Date(0), full())).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    await expect(folder.receive(full(), 1e9)).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    expect(readdirSync(path)).toEqual([])
  } finally {
    rmSync(path, { recursive: true })
  }
})

async function* pieces(all: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* all
}

test('[SN16] a part is found wherever the bytes are cut', async () => {
  const content = Buffer.from('a\r\n--edgf-not\r\n-\r\n--edg\r\n')
  const body = Buffer.concat([
    Buffer.from('--edge\r\nContent-Disposition: form-data; name="other"\r\n\r\nsnapshot\r\n'),
    Buffer.from('--edge\r\ncontent-disposition: form-data; name="snapshot"; filename="x"\r\n\r\n'),
    content,
    Buffer.from('\r\n--edge--\r\n'),
  ])
  const edge = boundaryOf('multipart/form-data; boundary=edge')
  for (let size = 1; size < body.length; size++) {
    const cut = Array.from({ length: Math.ceil(body.length / size) }, (_, i) => body.subarray(i * size, (i + 1) * size))
    const got: Uint8Array[] = []
    for await (const piece of filePart(pieces(cut), edge, 'snapshot')) got.push(piece.slice())
    expect(Buffer.concat(got).toString()).toBe(content.toString())
  }
  await expect(filePart(pieces([body.subarray(0, -20)]), edge, 'snapshot').next()).resolves.toMatchObject({
    done: false,
  })
  await expect(filePart(pieces([body]), edge, 'none').next()).rejects.toMatchObject({ code: 'BAD_REQUEST' })
})
