import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { all, inChunks } from '../import/testing.js'
import { readContents } from './contents.js'
import { intent } from './restore-run.js'
import { bytesOf } from './snapshot-api.js'
import { openSource } from './source.js'

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'meridian-source-'))
  writeFileSync(join(dir, 'a.snapshot'), '0123456789')
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('[CB5] a file comes before a name, --stored turns that round, and what is neither is refused', async () => {
  const source = await openSource(join(dir, 'a.snapshot'), false)
  if (source.kind !== 'file') throw new Error('not the file')
  expect(source.file.bytes).toBe(10)
  await source.file.handle.close()
  expect(await openSource('docs-eu-1.snapshot', false)).toEqual({ kind: 'stored', name: 'docs-eu-1.snapshot' })
  expect(await openSource('docs-eu-1.snapshot', true)).toEqual({ kind: 'stored', name: 'docs-eu-1.snapshot' })
  await expect(openSource(join(dir, 'b.snapshot'), false)).rejects.toThrow('is no file, and not the name')
  await expect(openSource(join(dir, 'a.snapshot'), true)).rejects.toThrow('not the name of a snapshot')
  await expect(openSource(dir, false)).rejects.toThrow('is not a file')
})

test('[CB5] a file that became shorter is not sent as if it were whole', async () => {
  const source = await openSource(join(dir, 'a.snapshot'), false)
  if (source.kind !== 'file') throw new Error('not the file')
  expect(Buffer.concat(await all(bytesOf(source.file))).toString()).toBe('0123456789')
  await expect(all(bytesOf({ ...source.file, bytes: 11 }))).rejects.toThrow('became shorter')
  await source.file.handle.close()
})

test.each([
  ['nothing', Buffer.alloc(0), 'cut short'],
  ['other bytes', Buffer.from('PK\x03\x04 and so on'), 'not a snapshot'],
  ['a cut header', Buffer.from('MERIDSN1\x01\0\0\0\x09{'), 'cut short'],
  ['a section without end', Buffer.from('MERIDSN1\x01\xff\xff\xff\xff', 'latin1'), 'a section of 4294967295 bytes'],
])('[CB5] the beginning of a file is read with care: %s', async (_, bytes, sentence) => {
  for (const size of [1, 4, 1000]) await expect(readContents('x', inChunks(bytes, size))).rejects.toThrow(sentence)
})

test('[CB7] what is about to happen is said, and differs by priority and by whether the collection is there', () => {
  expect(intent('c', false, 'snapshot')).toContain('made, as a new incarnation')
  expect(intent('c', true, 'snapshot')).toContain('not in the snapshot are deleted')
  expect(intent('c', true, 'replica')).toContain('those that are there stay')
})
