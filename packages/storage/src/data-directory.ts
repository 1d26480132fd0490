import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type Log, StoreError } from '@meridian/core'
import { DirectoryLock } from './directory-lock.js'
import { renameDurably, syncDirectory, syncFile, writeDurably } from './durable-file.js'
import { checkStoreFile } from './store-file.js'

/** First line of `FORMAT`. A change that this code could misread counts the number up. */
const FORMAT = 'meridian 2'
/** Large values have one row each: read as they are. From the first opening on, code that knows no other form refuses it. */
const FORMAT_BEFORE = 'meridian 1'
const FORMAT_FILE = 'FORMAT'
const UNFINISHED_FILE = 'FORMAT.new'

/**
 * A locked directory of a known format.
 *
 *     nothing --> FORMAT.new --> FORMAT.new, store.mdb --> FORMAT, store.mdb
 *                                                 `complete`
 *
 * Every arrow is durable before the next. A store that was never completed never acknowledged anything, so it is begun anew.
 */
export class DataDirectory {
  private constructor(
    readonly path: string,
    readonly storeFile: string,
    /** The store is to be made, and `complete` called. */
    readonly isNew: boolean,
    readonly lock: DirectoryLock,
  ) {}

  /**
   * Makes the directory if need be, locks it, and checks its format and its store file.
   * @throws StoreError `IDENTITY_CONFLICT` if a live process holds it; `STORAGE_FAILED`, in one line, if it is a file, cannot be
   * written, or holds something else; `STORAGE_CORRUPT` if its store is missing or is none.
   */
  static open(directory: string, log: Log): DataDirectory {
    const path = resolve(directory)
    const lock = refusing(path, () => {
      makeDirectory(path)
      return DirectoryLock.acquire(path, log)
    })
    try {
      const storeFile = join(path, 'store.mdb')
      const isNew = refusing(path, () => prepare(path, storeFile, log))
      return new DataDirectory(path, storeFile, isNew, lock)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** The store is made: from now on its loss is noticed. */
  complete(): void {
    refusing(this.path, () => {
      syncFile(this.storeFile)
      syncDirectory(this.path)
      renameDurably(join(this.path, UNFINISHED_FILE), join(this.path, FORMAT_FILE))
    })
  }
}

/** Durably: every directory that was made is flushed into its parent. */
const makeDirectory = (path: string): void => {
  const first = mkdirSync(path, { recursive: true })
  if (first === undefined) return
  for (let made = path; made.length >= first.length; made = dirname(made)) syncDirectory(dirname(made))
}

/** True if the store is to be made. */
const prepare = (path: string, storeFile: string, log: Log): boolean => {
  const formatFile = join(path, FORMAT_FILE)
  const unfinishedFile = join(path, UNFINISHED_FILE)
  if (existsSync(formatFile)) {
    const found = readFileSync(formatFile, 'latin1').split('\n', 1)[0]?.slice(0, 80)
    if (found === FORMAT_BEFORE) {
      checkStoreFile(storeFile, log)
      writeDurably(unfinishedFile, `${FORMAT}\n`)
      renameDurably(unfinishedFile, formatFile)
      return false
    }
    if (found !== FORMAT) throw refusal(path, `has format ${JSON.stringify(found)}; this version reads "${FORMAT}"`)
    checkStoreFile(storeFile, log)
    return false
  }
  if (existsSync(storeFile) && !existsSync(unfinishedFile))
    throw refusal(path, 'holds a store.mdb but no FORMAT: it is not a data directory')
  rmSync(storeFile, { force: true })
  rmSync(`${storeFile}-lock`, { force: true })
  writeDurably(unfinishedFile, `${FORMAT}\n`)
  return true
}

const WHY: Readonly<Record<string, string>> = {
  EEXIST: 'is not a directory',
  ENOTDIR: 'is not a directory',
  EACCES: 'is not writable',
  EPERM: 'is not writable',
  EROFS: 'is not writable: read-only file system',
  ENOSPC: 'is on a full disk',
  EDQUOT: 'is over its quota',
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
