import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { StoreError } from '@meridian/core'

/** What a list shows of a snapshot. */
export interface StoredSnapshot {
  readonly name: string
  /** Name of the collection; `undefined` for one of the whole store. */
  readonly collection: string | undefined
  readonly createdAt: string
  readonly size: number
  /** SHA-256 of the file, in hex. */
  readonly checksum: string
}

/** A file that was received and is not listed. */
export interface ReceivedFile {
  readonly path: string
  readonly checksum: string
}

const NAME = /^[a-z0-9-]{1,120}\.snapshot$/
const PART = '.part'
const NOTE = '.json'

/**
 * The directory of snapshot files. Names are made here, and a name from outside is only ever compared with those listed.
 *
 *     NAME.part --> NAME.part, NAME.json --> NAME, NAME.json
 *
 * Every arrow is durable before the next, and a snapshot is listed when both files are there; the rest is swept at start.
 */
export class SnapshotFolder {
  readonly path: string

  constructor(path: string) {
    this.path = resolve(path)
  }

  /** Removes what an unclean stop left half done. Only before anything is made. */
  async sweep(): Promise<void> {
    const files = await this.#files()
    for (const file of files)
      if (file.endsWith(PART) || (file.endsWith(NOTE) && !files.includes(file.slice(0, -NOTE.length))))
        await rm(join(this.path, file), { force: true })
  }

  /** Newest last. */
  async list(): Promise<StoredSnapshot[]> {
    const names = (await this.#files()).filter((file) => NAME.test(file))
    const found = await Promise.all(names.map((name) => this.#note(name)))
    return found
      .filter((each) => each !== undefined)
      .sort((a, b) => (a.createdAt === b.createdAt ? (a.name < b.name ? -1 : 1) : a.createdAt < b.createdAt ? -1 : 1))
  }

  /** Writes `pieces` to the side, and lists them when all of them are on the disk. */
  async store(
    collection: string | undefined,
    region: string,
    now: Date,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<StoredSnapshot> {
    const name = nameFor(collection, region, now)
    const path = join(this.path, name)
    return this.#undoing([`${path}${PART}`, `${path}${NOTE}`], async () => {
      const { size, checksum } = await this.#write(`${path}${PART}`, pieces, Number.POSITIVE_INFINITY)
      const createdAt = now.toISOString().slice(0, 19)
      const note: StoredSnapshot = { name, collection, createdAt, size, checksum }
      await this.#write(`${path}${NOTE}`, [Buffer.from(JSON.stringify(note))], Number.POSITIVE_INFINITY)
      await rename(`${path}${PART}`, path)
      await this.#sync()
      return note
    })
  }

  /**
   * Takes in a file from outside, not listed; `discard` it in the end.
   * @throws StoreError `BODY_TOO_LARGE` past `bytesMax`.
   */
  async receive(pieces: AsyncIterable<Uint8Array>, bytesMax: number): Promise<ReceivedFile> {
    const path = join(this.path, `upload-${randomBytes(8).toString('hex')}${PART}`)
    return this.#undoing([path], async () => {
      const { checksum } = await this.#write(path, pieces, bytesMax)
      return { path, checksum }
    })
  }

  async discard({ path }: ReceivedFile): Promise<void> {
    await rm(path, { force: true })
  }

  /** Gone durably. */
  async remove({ name }: StoredSnapshot): Promise<void> {
    await this.#undoing([], async () => {
      await rm(join(this.path, name), { force: true })
      await rm(join(this.path, `${name}${NOTE}`), { force: true })
      await this.#sync()
    })
  }

  pathOf({ name }: StoredSnapshot): string {
    return join(this.path, name)
  }

  /** Open, so that it is sent whole even if it is deleted meanwhile. @throws StoreError `STORAGE_FAILED`. */
  async read(snapshot: StoredSnapshot): Promise<Readable> {
    return this.#undoing([], async () => {
      const handle = await open(this.pathOf(snapshot), 'r')
      return handle.createReadStream({ highWaterMark: 256 * 1024 })
    })
  }

  async #files(): Promise<string[]> {
    try {
      return await readdir(this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw diskError(error)
    }
  }

  async #note(name: string): Promise<StoredSnapshot | undefined> {
    try {
      const note = JSON.parse(await readFile(join(this.path, `${name}${NOTE}`), 'utf8')) as StoredSnapshot
      return { ...note, name, collection: note.collection }
    } catch {
      return undefined
    }
  }

  async #write(
    path: string,
    pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    bytesMax: number,
  ): Promise<{ size: number; checksum: string }> {
    await mkdir(this.path, { recursive: true })
    const hash = createHash('sha256')
    let size = 0
    const file: FileHandle = await open(path, 'wx', 0o600)
    try {
      for await (const piece of pieces) {
        size += piece.length
        if (size > bytesMax)
          throw new StoreError(
            'BODY_TOO_LARGE',
            `the snapshot is larger than ${bytesMax} bytes; see snapshot-bytes-max`,
          )
        hash.update(piece)
        for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return { size, checksum: hash.digest('hex') }
  }

  async #sync(): Promise<void> {
    if (process.platform === 'win32') return
    const directory = await open(this.path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  async #undoing<T>(made: readonly string[], run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      for (const path of made) await rm(path, { force: true }).catch(() => undefined)
      throw diskError(error)
    }
  }
}

/** An error of the file system as the store's; others as they are. */
export const diskError = (error: unknown): unknown => {
  if (error instanceof StoreError || !(error instanceof Error)) return error
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return error
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)
    ? new StoreError('STORAGE_FULL', 'no space for the snapshot; free some, or delete older snapshots', {
        cause: error,
      })
    : new StoreError('STORAGE_FAILED', `the snapshot folder cannot be used: ${code}`, { cause: error })
}

const nameFor = (collection: string | undefined, region: string, now: Date): string => {
  const what = collection === undefined ? 'full-snapshot' : slug(collection)
  const when = now.toISOString().slice(0, 19).replaceAll(/[T:]/g, '-')
  return `${what}-${region}-${when}-${randomBytes(4).toString('hex')}.snapshot`
}

const slug = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 40) || 'collection'
