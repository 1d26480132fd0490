import { createReadStream } from 'node:fs'
import { decodeEntryHead, type PointId } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { Pacer } from '../query/pacer.js'
import type { SnapshotFolder, StoredSnapshot } from './folder.js'
import { SnapshotDecoder } from './format.js'

const READ_BYTES = 256 * 1024
/** Answers that are remembered: a file does not change. */
const KNOWN_MAX = 10_000

/** Questions that wait or are being looked into: each may have all files read. */
const LINE_MAX = 16
/** Nobody waits longer for the answer. */
const LOOK_MS = 300_000

export interface Holders {
  readonly snapshots: readonly StoredSnapshot[]
  /** How many could not be looked through, and may hold it. */
  readonly unread: number
}

/**
 * Which snapshot files hold a point: they are read, one after the other, in slices that let other work through. What there is no
 * time for, and all files where too many wait, count as unread.
 */
export class HolderSearch {
  readonly #known = new Map<string, boolean>()
  #line: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(
    readonly folder: Pick<SnapshotFolder, 'list' | 'pathOf'>,
    readonly signal: AbortSignal,
    /** Begins with the question, so that one that nobody waits for any more is soon over. */
    readonly deadline: () => AbortSignal = () => AbortSignal.timeout(LOOK_MS),
  ) {}

  /** By name or uid of the collection: one that was restored under its old name is another, with the same points. */
  async find(collection: Pick<Collection, 'name' | 'uid'>, id: PointId): Promise<Holders> {
    if (this.#waiting >= LINE_MAX) return { snapshots: [], unread: (await this.folder.list()).length }
    this.#waiting++
    const signal = AbortSignal.any([this.signal, this.deadline()])
    const turn = this.#line.then(async () => {
      const snapshots: StoredSnapshot[] = []
      let unread = 0
      for (const snapshot of await this.folder.list())
        try {
          if (await this.#holds(snapshot, collection, id, signal)) snapshots.push(snapshot)
        } catch (error) {
          this.signal.throwIfAborted()
          // Deleted meanwhile, it holds nothing.
          if (!isGone(error)) unread++
        }
      return { snapshots, unread }
    })
    this.#line = turn.catch(() => undefined).finally(() => this.#waiting--)
    return turn
  }

  async #holds(
    snapshot: StoredSnapshot,
    collection: Pick<Collection, 'name' | 'uid'>,
    id: PointId,
    signal: AbortSignal,
  ): Promise<boolean> {
    const key = JSON.stringify([snapshot.name, collection.uid, collection.name, typeof id, String(id)])
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const found = await holdsPoint(this.folder.pathOf(snapshot), collection, id, signal)
    if (this.#known.size >= KNOWN_MAX) this.#known.clear()
    this.#known.set(key, found)
    return found
  }
}

const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

/** @throws what reading throws; StoreError `DECODE_FAILED` for a file that is not whole. */
const holdsPoint = async (
  path: string,
  { name, uid }: Pick<Collection, 'name' | 'uid'>,
  id: PointId,
  signal: AbortSignal,
): Promise<boolean> => {
  signal.throwIfAborted()
  const decoder = new SnapshotDecoder()
  const pacer = new Pacer(signal)
  let numbers = new Set<number>()
  for await (const bytes of createReadStream(path, { highWaterMark: READ_BYTES })) {
    for (const section of decoder.push(bytes as Uint8Array)) {
      if (section.kind === 'header') {
        const { collections } = section.header
        numbers = new Set(collections.flatMap((each, at) => (each.name === name || each.uid === uid ? [at] : [])))
        if (numbers.size === 0) return false
      } else if (section.kind !== 'end' && numbers.has(section.collection))
        for (const entry of section.entries) {
          const head = decodeEntryHead(entry)
          // Changes that were noted while it was taken may delete it later in the file: the bytes are there all the same.
          if (head.id === id && head.kind === 'put') return true
        }
    }
    if (pacer.isDue) await pacer.pause()
  }
  decoder.end()
  return false
}
