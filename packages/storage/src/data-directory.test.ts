import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Log, StoreError } from '@meridian/core'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { LmdbStorage } from './lmdb-storage.js'
import { livePid, ownIdentity } from './process-identity.js'

const root = mkdtempSync(join(tmpdir(), 'meridian-directory-'))
// Below it a test gives up root's rights, which would otherwise open everything.
chmodSync(root, 0o755)
let directories = 0
let directory = ''
beforeEach(() => {
  directory = join(root, String(directories++))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

const refusalOf = async (path: string): Promise<StoreError> => {
  const error: unknown = await LmdbStorage.open({ directory: path }).catch((reason: unknown) => reason)
  if (!(error instanceof StoreError)) throw new Error(`not refused: ${String(error)}`)
  expect(error.message).toContain(path)
  expect(error.message).not.toContain('\n')
  return error
}

const openAndClose = async (): Promise<void> => (await LmdbStorage.open({ directory })).close()

test('[ST32] a new directory is made, its parents too; it holds FORMAT and the store, and no lock once closed', async () => {
  directory = join(directory, 'a', 'b')
  await openAndClose()
  expect(readFileSync(join(directory, 'FORMAT'), 'utf8')).toBe('meridian 2\n')
  expect(readdirSync(directory).sort()).toEqual(['FORMAT', 'store.mdb', 'store.mdb-lock'])
})

test('[ST33] a second storage on one directory is refused in one process too, until the first is closed', async () => {
  const first = await LmdbStorage.open({ directory })
  expect(await refusalOf(directory)).toMatchObject({
    code: 'IDENTITY_CONFLICT',
    message: expect.stringContaining(`process ${process.pid} `),
  })
  await first.close()
  await openAndClose()
})

test('[ST34] the lock of a process whose pid is now another one is stale', async () => {
  await openAndClose()
  const [pid, start] = ownIdentity().split(' ') as [string, string]
  for (const stale of [`${pid} ${start}0`, '4194999 -', '', 'no lock of ours']) {
    expect(livePid(stale)).toBeUndefined()
    writeFileSync(join(directory, 'LOCK'), `${stale}\n`)
    await openAndClose()
  }
  expect(livePid(ownIdentity())).toBe(process.pid)
  expect(livePid(`${pid} -`)).toBe(process.pid)
})

test('[ST34] a takeover that was itself cut short does not block the next', async () => {
  await openAndClose()
  writeFileSync(join(directory, 'LOCK'), '4194999 -\n')
  writeFileSync(join(directory, 'LOCK.takeover'), '4194998 -\n')
  await openAndClose()
  expect(readdirSync(directory).sort()).toEqual(['FORMAT', 'store.mdb', 'store.mdb-lock'])
})

test('[ST35] a file in place of the directory, or of its parent, is refused', async () => {
  writeFileSync(directory, 'a file')
  expect(await refusalOf(directory)).toMatchObject({
    code: 'STORAGE_FAILED',
    message: expect.stringContaining('is not a directory'),
  })
  expect(await refusalOf(join(directory, 'below'))).toMatchObject({
    message: expect.stringContaining('is not a directory'),
  })
})

test('[ST36] a directory that cannot be written is refused', async () => {
  mkdirSync(directory, { mode: 0o555 })
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65534)
  try {
    expect(await refusalOf(directory)).toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('is not writable'),
    })
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
})

test('[ST37] another format version, and a store without FORMAT, are refused and left as they are', async () => {
  await openAndClose()
  writeFileSync(join(directory, 'FORMAT'), 'meridian 3\n')
  expect(await refusalOf(directory)).toMatchObject({
    code: 'STORAGE_FAILED',
    message: expect.stringMatching(/format "meridian 3"; this version reads "meridian 2"/),
  })
  const store = readFileSync(join(directory, 'store.mdb'))
  rmSync(join(directory, 'FORMAT'))
  expect(await refusalOf(directory)).toMatchObject({ message: expect.stringContaining('no FORMAT') })
  expect(readFileSync(join(directory, 'store.mdb')).equals(store)).toBe(true)
  expect(existsSync(join(directory, 'LOCK'))).toBe(false)
})

test('[ST37] a directory of the version before is taken over, also where that was cut short, and says so', async () => {
  for (const leavesNew of [false, true]) {
    await openAndClose()
    writeFileSync(join(directory, 'FORMAT'), 'meridian 1\n')
    if (leavesNew) writeFileSync(join(directory, 'FORMAT.new'), 'meri')
    const storage = await LmdbStorage.open({ directory })
    await new Promise<void>((resolve) =>
      storage.commit([{ type: 'put', key: 'k', value: Uint8Array.of(1) }], () => resolve()),
    )
    await storage.close()
    expect(readFileSync(join(directory, 'FORMAT'), 'utf8')).toBe('meridian 2\n')
    expect(existsSync(join(directory, 'FORMAT.new'))).toBe(false)
  }
})

test('[ST38] a store that was never completed is begun anew; a completed one that is gone is noticed', async () => {
  mkdirSync(directory)
  writeFileSync(join(directory, 'FORMAT.new'), '')
  writeFileSync(join(directory, 'store.mdb'), Buffer.alloc(5000))
  await openAndClose()
  rmSync(join(directory, 'store.mdb'))
  expect(await refusalOf(directory)).toMatchObject({
    code: 'STORAGE_CORRUPT',
    message: expect.stringContaining('is missing'),
  })
})

test('[ST39] a store file that was cut off is reported before it is used', async () => {
  const storage = await LmdbStorage.open({ directory })
  await new Promise((resolve) =>
    storage.commit([{ type: 'put', key: 'large', value: new Uint8Array(100_000).fill(1) }], resolve),
  )
  await storage.close()
  const path = join(directory, 'store.mdb')
  const bytes = statSync(path).size
  truncateSync(path, bytes - 4096)
  const warnings: unknown[] = []
  const log: Log = { info() {}, error() {}, warn: (fields) => warnings.push(fields) }
  await (await LmdbStorage.open({ directory, log })).close()
  expect(warnings).toEqual([{ path, bytes: bytes - 4096, bytes_expected: bytes }])
})
