import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeChecked } from './checked-file.js'

let dir: string
let path: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'meridian-checked-'))
  path = join(dir, 'a.snapshot')
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const BYTES = Buffer.from('the bytes of a snapshot')
const EXPECTED = { size: BYTES.length, checksum: createHash('sha256').update(BYTES).digest('hex').toUpperCase() }

async function* inPieces(bytes: Uint8Array, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 5) yield bytes.subarray(at, at + 5)
  if (failure !== undefined) throw failure
}

test('[CB2] the right bytes are there under their name, and nothing else is', async () => {
  await writeChecked(path, inPieces(BYTES), EXPECTED, false)
  expect(readFileSync(path)).toEqual(BYTES)
  expect(readdirSync(dir)).toEqual(['a.snapshot'])
})

test.each([
  ['other bytes', Buffer.from('the bytes of a snapshoT'), undefined, 'another SHA-256'],
  ['too few', BYTES.subarray(1), undefined, 'sent 22 of 23 bytes'],
  ['too many', Buffer.concat([BYTES, BYTES]), undefined, 'more than the 23 bytes'],
  ['a failure on the way', BYTES.subarray(0, 10), new RangeError('cut off'), 'cut off'],
])('[CB2] %s: no file is left, and one that was there stays', async (_, bytes, failure, sentence) => {
  await expect(writeChecked(path, inPieces(bytes, failure), EXPECTED, false)).rejects.toThrow(sentence)
  expect(readdirSync(dir)).toEqual([])
  writeFileSync(path, 'older')
  await expect(writeChecked(path, inPieces(bytes, failure), EXPECTED, true)).rejects.toThrow(sentence)
  expect(readdirSync(dir)).toEqual(['a.snapshot'])
  expect(readFileSync(path, 'utf8')).toBe('older')
})

test('[CB3] a file is only replaced on request, even when it came there during the download', async () => {
  async function* raced(): AsyncGenerator<Uint8Array> {
    writeFileSync(path, 'theirs')
    yield* inPieces(BYTES)
  }
  await expect(writeChecked(path, raced(), EXPECTED, false)).rejects.toThrow('give --force')
  expect(readFileSync(path, 'utf8')).toBe('theirs')
  expect(readdirSync(dir)).toEqual(['a.snapshot'])
  await writeChecked(path, inPieces(BYTES), EXPECTED, true)
  expect(readFileSync(path)).toEqual(BYTES)
})

test('[CB2] where nothing can be written, one sentence says so', async () => {
  await expect(writeChecked(join(dir, 'none', 'a'), inPieces(BYTES), EXPECTED, false)).rejects.toThrow('cannot write')
})
