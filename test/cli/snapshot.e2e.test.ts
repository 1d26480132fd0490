import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeridianClient } from '@meridian/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { CliProcess, type Finished, freePorts, runCli } from './cli-process.js'

const KEY = 'a-key-of-some-length'
const CONFIG = { vectors: { size: 8, distance: 'Euclid' } } as const
const COUNT = 3000

let dir: string
let url: string
let server: CliProcess
let client: MeridianClient

// Each test starts up to a dozen processes.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'meridian-snapshot-'))
  const port = await freePorts(1)
  url = `http://127.0.0.1:${port}`
  const args = ['serve', '--region', 'eu', '--port', String(port), '--data', join(dir, 'data'), '--api-key', KEY]
  server = new CliProcess(args, dir)
  await server.until(/"msg":"serving"/)
  client = new MeridianClient({ url, apiKey: KEY })
  for (const name of ['docs', 'more']) await client.createCollection(name, CONFIG)
  const points = Array.from({ length: COUNT }, (_, id) => ({ id, vector: row(id), payload: { id } }))
  await client.upsert('docs', points)
  await client.upsert('more', points.slice(0, 10))
})

afterAll(async () => {
  server.child.kill('SIGTERM')
  await server.finished
  await rm(dir, { recursive: true })
})

const row = (id: number): number[] => Array.from({ length: 8 }, (_, i) => Math.sin(id * 8 + i))
const meridian = (...args: string[]): Promise<Finished> => runCli([...args, '--url', url, '--api-key', KEY], dir)
const snapshots = (...args: string[]): Promise<Finished> => meridian('snapshot', ...args)
const nameIn = ({ stdout }: Finished): string => /^name +(\S+\.snapshot)$/m.exec(stdout)![1]!
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('[CB1] a collection is taken, listed, downloaded with its SHA-256 checked, brought back from the file, and deleted', async () => {
  const made = await snapshots('create', '-c', 'docs')
  expect(made).toMatchObject({ code: 0, stderr: '' })
  const name = nameIn(made)
  const listed = JSON.parse((await snapshots('list', '-c', 'docs', '--json')).stdout)
  expect(listed).toMatchObject([{ name, size: expect.any(Number), checksum: expect.stringMatching(/^[0-9a-f]{64}$/) }])
  expect(made.stdout).toBe(`name    ${name}\nsize    ${listed[0].size} bytes\nsha256  ${listed[0].checksum}\n`)
  expect((await snapshots('list', '-c', 'docs')).stdout).toContain(name)
  expect((await snapshots('list')).stdout).toContain('keeps no snapshot of the whole store')

  expect(await snapshots('download', name, '-c', 'docs')).toMatchObject({ code: 0, stderr: '' })
  const bytes = await readFile(join(dir, name))
  expect([bytes.length, sha256(bytes)]).toEqual([listed[0].size, listed[0].checksum])
  const again = await snapshots('download', name, '-c', 'docs')
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('is there already; give --force') })
  expect((await snapshots('download', name, '-c', 'docs', '--force')).code).toBe(0)
  expect((await readdir(dir)).filter((file) => file.includes('part'))).toEqual([])

  await client.delete('docs', { points: [1, 2, 3] })
  await client.upsert('docs', [{ id: 99_999, vector: row(1) }])
  const restored = await meridian('restore', name)
  expect(restored).toMatchObject({ code: 0, stdout: 'docs: restored, 3,000 points\n' })
  expect(restored.stderr).toContain('docs: records come back as new writes, those not in the snapshot are deleted')
  expect(await client.retrieve('docs', [1, 99_999], { with_payload: true })).toMatchObject([
    { id: 1, payload: { id: 1 } },
  ])

  expect(await snapshots('delete', name, '-c', 'docs')).toMatchObject({ code: 0, stdout: `deleted ${name}\n` })
  const gone = await snapshots('delete', name, '-c', 'docs')
  expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining(`Snapshot ${name} not found`) })
})

test('[CB4] a snapshot of the store brings back every collection, by name and by file, also one that was deleted', async () => {
  const name = nameIn(await snapshots('create'))
  await client.deleteCollection('more')
  await client.delete('docs', { points: [7] })
  const stored = await meridian('restore', name)
  expect(stored.code).toBe(0)
  expect(stored.stdout.trim().split('\n').sort()).toEqual(['docs: restored, 3,000 points', 'more: restored, 10 points'])
  expect(stored.stderr).toContain('more: there is none; it is made, as a new incarnation')

  const own = nameIn(await snapshots('create', '-c', 'more'))
  await client.deleteCollection('more')
  const unlisted = await meridian('restore', own)
  expect(unlisted).toMatchObject({ code: 1, stderr: expect.stringContaining('if its collection was deleted') })
  expect(await meridian('restore', own, '-c', 'more')).toMatchObject({ code: 0, stdout: 'more: restored, 10 points\n' })

  await snapshots('download', name, '-o', 'whole.snapshot')
  await client.delete('more', { points: [4] })
  await client.setPayload('more', { id: 'newer' }, { points: [5] })
  const missing = await meridian('restore', 'whole.snapshot', '-c', 'more', '--priority', 'replica')
  expect(missing).toMatchObject({ code: 0, stdout: 'more: restored, 10 points\n' })
  expect(await client.retrieve('more', [4, 5], { with_payload: true })).toMatchObject([
    { payload: { id: 4 } },
    { payload: { id: 'newer' } },
  ])
  expect((await snapshots('delete', name)).code).toBe(0)
})

test('[CB5] a damaged file is refused with the sentence of the region, and nothing changes', async () => {
  const name = nameIn(await snapshots('create', '-c', 'docs'))
  await snapshots('download', name, '-c', 'docs', '-o', 'good.snapshot')
  const good = await readFile(join(dir, 'good.snapshot'))
  await client.delete('docs', { points: [11] })
  const before = await client.digest('docs')
  const damaged = Buffer.from(good)
  damaged[damaged.length >> 1]! ^= 1
  const files: [string, Uint8Array, string][] = [
    ['flipped', damaged, 'checksum'],
    ['cut', good.subarray(0, good.length - 100), 'cut short'],
    ['foreign', Buffer.from('{"points":[]}'), 'not a snapshot'],
  ]
  for (const [file, bytes, sentence] of files) {
    await writeFile(join(dir, file), bytes)
    const refused = await meridian('restore', file, '-c', 'docs')
    expect(refused.code).toBe(1)
    expect(refused.stdout).toBe('')
    expect(refused.stderr.trim().split('\n').at(-1)).toMatch(
      /^meridian: .*the snapshot cannot be used|^meridian: foreign/,
    )
    expect(refused.stderr).toContain(sentence)
  }
  const other = await meridian('restore', 'good.snapshot', '--checksum', sha256(damaged))
  expect(other).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the SHA-256 of the snapshot is another one'),
  })
  expect(await client.digest('docs')).toEqual(before)
  expect(await meridian('restore', 'good.snapshot', '--checksum', sha256(good))).toMatchObject({ code: 0 })
  expect(await client.count('docs')).toBe(COUNT)
})

test('[CB6] a wrong key, no collection and no snapshot: one line, exit 1, and no file', async () => {
  const files = async (): Promise<string[]> => (await readdir(dir)).sort()
  const before = await files()
  const wrongKey = await runCli(['snapshot', 'create', '--url', url, '--api-key', 'wrong'], dir)
  expect(wrongKey).toMatchObject({ code: 1, stdout: '' })
  expect(wrongKey.stderr).toMatch(/^meridian: .*key.*\n$/i)
  expect(await snapshots('create', '-c', 'none')).toMatchObject({
    code: 1,
    stderr: "meridian: Not found: Collection `none` doesn't exist!\n",
  })
  const absent = await snapshots('download', 'none.snapshot', '-c', 'docs')
  expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining('lists no snapshot none.snapshot') })
  const stored = await meridian('restore', 'none.snapshot')
  expect(stored).toMatchObject({ code: 1, stderr: expect.stringContaining('lists no snapshot none.snapshot') })
  expect(await files()).toEqual(before)
})

test('[CB7] Ctrl-C in the middle of a download: exit 130, and no half file', async () => {
  let startedSending = (): void => undefined
  const sending = new Promise<void>((resolve) => (startedSending = resolve))
  const region = createServer((request, response) => {
    const name = 'slow.snapshot'
    if (request.url === '/snapshots')
      response.end(JSON.stringify({ result: [{ name, size: 1000, checksum: '0'.repeat(64) }] }))
    else response.writeHead(200, { 'content-length': 1000 }).write('half of it', startedSending)
  }).listen(0, '127.0.0.1')
  await once(region, 'listening')
  const regionUrl = `http://127.0.0.1:${(region.address() as AddressInfo).port}`
  const download = new CliProcess(['snapshot', 'download', 'slow.snapshot', '--url', regionUrl], dir)
  await sending
  while (!(await readdir(dir)).some((file) => file.startsWith('slow.snapshot.')))
    await new Promise((resolve) => setImmediate(resolve))
  download.child.kill('SIGINT')
  const { code, stderr } = await download.finished
  expect({ code, stderr }).toEqual({ code: 130, stderr: 'meridian: stopped; nothing was kept\n' })
  expect((await readdir(dir)).filter((file) => file.startsWith('slow'))).toEqual([])
  region.closeAllConnections()
  region.close()
})
