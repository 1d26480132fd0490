import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Log, StoreError } from '@meridian/core'
import { DirectoryLock } from './directory-lock.js'
import { syncDirectory, writeDurably } from './durable-file.js'

/** First line of `FORMAT`. A change that this code could misread counts the number up. */
const FORMAT = 'meridian 1'

/** A locked directory of a known format. */
export class DataDirectory {
  private constructor(
    readonly path: string,
    readonly storeFile: string,
    readonly lock: DirectoryLock,
  ) {}

  /**
   * Makes the directory if need be, locks it, and checks or writes its format.
   * @throws StoreError `IDENTITY_CONFLICT` if a live process holds it; `STORAGE_FAILED`, in one line, if it is a file, cannot be
   * written, or holds something else.
   */
  static open(directory: string, log: Log): DataDirectory {
    const path = resolve(directory)
    const lock = refusing(path, () => {
      makeDirectory(path)
      return DirectoryLock.acquire(path, log)
    })
    try {
      const storeFile = join(path, 'store.mdb')
      refusing(path, () => checkFormat(path, storeFile))
      return new DataDirectory(path, storeFile, lock)
    } catch (error) {
      lock.release()
      throw error
    }
  }
}

/** Durably: every directory that was made is flushed into its parent. */
const makeDirectory = (path: string): void => {
  const first = mkdirSync(path, { recursive: true })
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) syncDirectory(dirname(made))
}

const checkFormat = (path: string, storeFile: string): void => {
  const formatFile = join(path, 'FORMAT')
  if (!existsSync(formatFile)) {
    if (existsSync(storeFile)) throw refusal(path, 'holds a store.mdb but no FORMAT: it is not a data directory')
    writeDurably(formatFile, `${FORMAT}\n`)
    return
  }
  const found = readFileSync(formatFile, 'latin1').split('\n', 1)[0]?.slice(0, 80)
  if (found !== FORMAT) throw refusal(path, `has format ${JSON.stringify(found)}; this version reads "${FORMAT}"`)
}

const WHY: Readonly<Record<string, string>> = {
  EEXIST: 'is not a directory',
  ENOTDIR: 'is not a directory',
  EACCES: 'is not writable',
  EPERM: 'is not writable',
  EROFS: 'is not writable: read-only file system',
  ENOSPC: 'is on a full disk',
}

const refusing = <T>(path: string, run: () => T): T => {
  try {
    return run()
  } catch (error) {
    if (error instanceof StoreError) throw error
    const { code = '', message } = error as NodeJS.ErrnoException
    throw refusal(path, WHY[code] ?? `cannot be used: ${message}`, error)
  }
}

const refusal = (path: string, why: string, cause?: unknown): StoreError =>
  new StoreError('STORAGE_FAILED', `data directory ${path} ${why}`, { cause })
