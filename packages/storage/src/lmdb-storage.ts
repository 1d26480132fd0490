import { assert, type Log, SILENT_LOG, type Storage, type StorageOp, StoreError, type Timers } from '@meridian/core'
import { open, type RootDatabase } from 'lmdb'
import { CommitQueue, type Effects } from './commit-queue.js'
import { DataDirectory } from './data-directory.js'
import { type RangeOptions, rangeOf } from './key-range.js'
import { type ReleasePages, ResidentPages } from './resident-pages.js'
import { openValue, sealValues } from './sealed-value.js'
import { commitError, readError } from './storage-error.js'
import { PART_BYTES, PARTS_MAX, partKey, partsOf, storedParts } from './value-parts.js'

export interface LmdbStorageOptions {
  /** Made if it is not there. Held by one process at a time. */
  readonly directory: string
  /** Address space reserved at the start, not a bound on the data: the map grows by itself, at the price of mapping anew. At most 16 TiB; default 1 GiB. */
  readonly mapSizeBytes?: number
  readonly log?: Log
  /** For giving pages back; Node's unless given. */
  readonly timers?: Timers
}

const MAP_BYTES_DEFAULT = 2 ** 30
/** More than a process can address ends it. */
const MAP_BYTES_MAX = 2 ** 44
/** Keys fetched at a time: no cursor, and so no snapshot that keeps old pages from reuse, stays open between two steps. */
const KEYS_AT_A_TIME = 256
/** What it takes to get to a value: a leaf, more or less. */
const PAGE_BYTES = 4096
/** Of a leaf that is listed. */
const KEY_BYTES = 256

/** Keys as plain bytes; LMDB compares those bytewise. */
const KEY_ENCODER = {
  writeKey: (key: string, target: Buffer, start: number): number => start + target.write(key, start, 'latin1'),
  readKey: (source: Buffer, start: number, end: number): string => source.toString('latin1', start, end),
}

/**
 * The `Storage` port on one LMDB environment, `store.mdb`.
 *
 * 1. A group of commits is one LMDB transaction. It is written, flushed (`fdatasync`) and only then made the root, on a
 *    thread of its own; `done` follows. lmdb-js's overlapping sync, which shows data before it is flushed, is off.
 * 2. Every value carries a CRC-32, checked at every read. Reads are copies.
 * 3. No row takes more than a page: see `value-parts`.
 * 4. What was read does not stay resident: see `resident-pages`.
 */
export class LmdbStorage implements Storage {
  readonly #directory: DataDirectory
  readonly #db: RootDatabase<Uint8Array, string>
  readonly #queue: CommitQueue
  readonly #log: Log
  readonly #pages: ResidentPages
  /** Whether pages that were read are given back: the published lmdb cannot. */
  readonly givesPagesBack: boolean
  #isOpen = true
  #closing: Promise<void> | undefined

  private constructor(directory: DataDirectory, db: RootDatabase<Uint8Array, string>, log: Log, timers: Timers) {
    this.#directory = directory
    this.#db = db
    this.#log = log
    const release = releaseOf(db)
    this.givesPagesBack = release !== undefined
    this.#pages = new ResidentPages(timers, release ?? (() => 0))
    this.#queue = new CommitQueue({
      keys: (prefix) => this.#keys(prefix),
      write: (effects) => this.#write(effects),
      seal: sealValues,
    })
  }

  /**
   * @throws StoreError `IDENTITY_CONFLICT` if a live process holds the directory; `STORAGE_FAILED` if it cannot be used;
   * `STORAGE_CORRUPT` if `store.mdb` is missing or no LMDB file.
   */
  static async open({
    directory,
    mapSizeBytes = MAP_BYTES_DEFAULT,
    log = SILENT_LOG,
    timers = NODE_TIMERS,
  }: LmdbStorageOptions): Promise<LmdbStorage> {
    assert(mapSizeBytes > 0 && mapSizeBytes <= MAP_BYTES_MAX, `a map has at most ${MAP_BYTES_MAX} bytes`)
    const locked = DataDirectory.open(directory, log)
    try {
      const db = open<Uint8Array, string>({
        path: locked.storeFile,
        encoding: 'binary',
        keyEncoder: KEY_ENCODER,
        mapSize: mapSizeBytes,
        overlappingSync: false,
        // Otherwise lmdb-js makes a promise of its own for the turn, and leaves its rejection to end the process.
        eventTurnBatching: false,
        noSubdir: true,
      })
      if (locked.isNew) locked.complete()
      return new LmdbStorage(locked, db, log, timers)
    } catch (error) {
      locked.lock.release()
      throw readError(locked.storeFile, error)
    }
  }

  get(key: string): Uint8Array | undefined {
    const sealed = this.#read(key, () => this.#sealed(key))
    this.#pages.note((sealed?.length ?? 0) + PAGE_BYTES)
    return sealed && openValue(key, sealed)
  }

  *scan(prefix: string, options: RangeOptions = {}): Generator<readonly [string, Uint8Array]> {
    for (const key of this.#keys(prefix, options)) {
      const value = this.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  keys(prefix: string, options: RangeOptions = {}): Iterable<string> {
    return this.#keys(prefix, options)
  }

  commit(ops: readonly StorageOp[], done: (error?: Error) => void): void {
    if (this.#closing === undefined) this.#queue.commit(ops, done)
    else queueMicrotask(() => done(new StoreError('STORAGE_FAILED', 'the storage is closed')))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#queue.idle()
    this.#pages[Symbol.dispose]()
    this.#isOpen = false
    await this.#db.close()
    this.#directory.lock.release()
  }

  *#keys(prefix: string, options: RangeOptions = {}): Generator<string> {
    let { lower, upper } = rangeOf(prefix, options.from)
    let includesLower = true
    for (let left = options.limit ?? Number.POSITIVE_INFINITY; left > 0 && lower < upper; ) {
      const limit = Math.min(left, KEYS_AT_A_TIME)
      const range =
        options.reverse === true
          ? { start: upper, exclusiveStart: true, end: lower, inclusiveEnd: true, reverse: true, limit }
          : { start: lower, exclusiveStart: !includesLower, end: upper, limit }
      const found = this.#read(prefix, () => Array.from(this.#db.getKeys(range)))
      this.#pages.note(found.length * KEY_BYTES)
      yield* found
      const last = found.at(-1)
      if (last === undefined || found.length < limit) return
      left -= found.length
      if (options.reverse === true) upper = last
      else {
        lower = last
        includesLower = false
      }
    }
  }

  #read<T>(key: string, run: () => T): T {
    // LMDB does not survive a read of a closed environment.
    assert(this.#isOpen, 'the storage is open')
    try {
      return run()
    } catch (error) {
      throw readError(JSON.stringify(key), error)
    }
  }

  /** Reads of one turn share a snapshot, so the parts are of one value. */
  #sealed(key: string): Uint8Array | undefined {
    const first = this.#db.getBinary(key)
    if (first?.length !== PART_BYTES) return first
    const parts = storedParts(first, (index) => this.#db.getBinary(partKey(key, index)))
    return parts.length === 1 ? first : Buffer.concat(parts)
  }

  /** How many rows the value of a key takes. */
  #rowsOf(key: string): number {
    for (let rows = 0; rows < PARTS_MAX; rows++) {
      const length = this.#db.getBinaryFast(partKey(key, rows))?.length
      if (length !== PART_BYTES) return length === undefined ? rows : rows + 1
    }
    return PARTS_MAX
  }

  async #write(effects: Effects): Promise<void> {
    // A snapshot from before the last commit would miss rows of it.
    this.#db.resetReadTxn()
    const stored = this.#read('rows to replace', () => [...effects.keys()].map((key) => this.#rowsOf(key)))
    try {
      await this.#db.batch(() => {
        let n = 0
        for (const [key, value] of effects) {
          this.#pages.note((value?.length ?? 0) + PAGE_BYTES)
          const parts = value === undefined ? [] : partsOf(value)
          for (const [i, part] of parts.entries()) this.#db.put(partKey(key, i), part)
          for (let i = parts.length; i < stored[n]!; i++) this.#db.remove(partKey(key, i))
          n++
        }
      })
    } catch (error) {
      const failed = commitError(await causeOf(error))
      this.#log.error({ error_code: failed.code, directory: this.#directory.path }, failed.message)
      throw failed
    }
  }
}

/** lmdb-js rejects with a general error and hands over the reason as a second promise, rejected a little later. */
const causeOf = async (error: unknown): Promise<Error> => {
  assert(error instanceof Error, 'errors are Errors')
  if (!('commitError' in error)) return error
  try {
    await error.commitError
    return error
  } catch (reason) {
    return reason instanceof Error ? reason : error
  }
}

/** What our patch of lmdb adds (ADR 9); not in its types. */
const releaseOf = (db: RootDatabase<Uint8Array, string>): ReleasePages | undefined => {
  const { env } = db as unknown as { readonly env?: { releasePages?: ReleasePages } }
  return env?.releasePages && ((from, bytes) => env.releasePages!(from, bytes))
}

/** Nothing here keeps a process alive. */
const NODE_TIMERS: Timers = {
  elapsedMs: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs).unref()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
}
