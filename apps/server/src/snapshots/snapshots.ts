import { fileURLToPath } from 'node:url'
import { type PointId, StoreError } from '@meridian/core'
import type { Collection, Replica } from '@meridian/replica'
import { badRequest, unsupported } from '../http/errors.js'
import { takeCut } from './cut.js'
import { HolderSearch, type Holders } from './holders.js'
import { type ReceivedFile, SnapshotFolder, type StoredSnapshot } from './folder.js'
import { fetchSnapshot, type RemoteSnapshot } from './remote.js'
import { checkSnapshot, type Priority, restore, type RestoreIntake } from './restore.js'

/** What a restore is made from. */
export interface RecoverRequest {
  readonly priority: Priority
  readonly checksum: string | undefined
}

/** Snapshots taken or restored at a time, waiting ones included. */
const JOBS_MAX = 16
/** Snapshots fetched from elsewhere that are there at a time; each may fill `snapshotBytesMax` of the disk. */
const FETCHES_MAX = 2

/**
 * Takes, keeps and restores the snapshots of one region. They are of this region alone: nothing of them travels but what a
 * restore writes. One is taken or restored at a time; more wait in line.
 */
export class Snapshots {
  readonly folder: SnapshotFolder
  readonly #replica: Replica
  readonly #intake: RestoreIntake
  readonly #stopped = new AbortController()
  #line: Promise<unknown> = Promise.resolve()
  #jobs = 0
  readonly #fetches = new Set<Promise<ReceivedFile>>()
  /** Paths of what was fetched and is not discarded yet. */
  readonly #fetched = new Set<string>()
  #making = 0
  readonly #holders: HolderSearch

  private constructor(folder: SnapshotFolder, replica: Replica, intake: RestoreIntake) {
    this.folder = folder
    this.#replica = replica
    this.#intake = intake
    this.#holders = new HolderSearch(folder, this.#stopped.signal)
  }

  /** Sweeps `path` of what an unclean stop left. */
  static async open(path: string, replica: Replica, intake: RestoreIntake): Promise<Snapshots> {
    const folder = new SnapshotFolder(path)
    await folder.sweep()
    return new Snapshots(folder, replica, intake)
  }

  /** `collection`: a visible name; `undefined` for the whole store. */
  create(collection: string | undefined): Promise<StoredSnapshot> {
    return this.#inLine(() => {
      const now = new Date()
      const names = collection === undefined ? 'all' : [collection]
      const pieces = takeCut(this.#replica, names, now.getTime(), this.#stopped.signal)
      this.#making++
      return this.folder.store(collection, this.#replica.region, now, pieces).finally(() => this.#making--)
    })
  }

  /** Whether this region keeps a snapshot of a collection of that name, be it dropped since. */
  async keeps(collection: string): Promise<boolean> {
    return (await this.list(collection)).length > 0
  }

  /** Which snapshots hold a point. One that is being made may, and counts as unread. */
  async holders(collection: Pick<Collection, 'name' | 'uid'>, id: PointId): Promise<Holders> {
    const making = this.#making
    const { snapshots, unread } = await this.#holders.find(collection, id)
    return { snapshots, unread: unread + making }
  }

  async list(collection: string | undefined): Promise<StoredSnapshot[]> {
    return (await this.folder.list()).filter((each) => each.collection === collection)
  }

  /** @throws StoreError `POINT_NOT_FOUND` (404) unless `name` is listed for `collection`. */
  async find(collection: string | undefined, name: string): Promise<StoredSnapshot> {
    const found = (await this.list(collection)).find((each) => each.name === name)
    if (found === undefined) throw new StoreError('POINT_NOT_FOUND', `Snapshot ${name.slice(0, 160)} not found`)
    return found
  }

  /**
   * The listed snapshot that a `file://` location names.
   * @throws StoreError `UNSUPPORTED` for any other scheme; `BAD_REQUEST` outside the folder.
   */
  async locate(location: string): Promise<StoredSnapshot> {
    const url = URL.canParse(location) ? new URL(location) : undefined
    if (url === undefined) throw badRequest('location: send file:///NAME of a snapshot that this region lists')
    if (url.protocol !== 'file:')
      throw unsupported(
        `location ${url.protocol}: send an http or https URL, or file:///NAME of a snapshot that this region lists`,
      )
    for (const snapshot of await this.folder.list()) if (namesFile(url, snapshot, this.folder)) return snapshot
    throw badRequest('location: no snapshot of this region; send file:///NAME as GET .../snapshots lists it')
  }

  /**
   * A file from elsewhere, not listed; `discard` it in the end. A few may be there at a time, beside the line of jobs.
   * @throws StoreError as `fetchSnapshot`, and `OVERLOADED`.
   */
  async fetch(remote: RemoteSnapshot): Promise<ReceivedFile> {
    if (this.#fetches.size + this.#fetched.size >= FETCHES_MAX)
      throw new StoreError('OVERLOADED', 'many snapshots are being fetched and restored; try again soon')
    const { signal } = this.#stopped
    signal.throwIfAborted()
    const fetched = this.folder.receive(fetchSnapshot(remote, signal), remote.bytesMax)
    this.#fetches.add(fetched)
    try {
      const file = await fetched
      this.#fetched.add(file.path)
      return file
    } finally {
      this.#fetches.delete(fetched)
    }
  }

  /** Removes a file that was received or fetched. */
  async discard(file: ReceivedFile): Promise<void> {
    await this.folder.discard(file)
    this.#fetched.delete(file.path)
  }

  /** Checks the file whole, then writes. @throws StoreError as `checkSnapshot`, and why a write was refused. */
  recover(name: string, snapshot: StoredSnapshot | ReceivedFile, request: RecoverRequest): Promise<void> {
    const path = 'path' in snapshot ? snapshot.path : this.folder.pathOf(snapshot)
    const { signal } = this.#stopped
    return this.#inLine(async () => {
      const checked = await checkSnapshot(this.#replica, path, name, request.checksum, signal)
      await restore(this.#replica, this.#intake, name, checked, request.priority, signal)
    })
  }

  /** Ends what is under way; a snapshot half taken is removed. */
  async close(): Promise<void> {
    this.#stopped.abort(new StoreError('SHUTTING_DOWN', 'this region is stopping; try again soon'))
    await Promise.allSettled([this.#line, ...this.#fetches])
  }

  async #inLine<T>(run: () => Promise<T>): Promise<T> {
    if (this.#jobs >= JOBS_MAX) throw new StoreError('OVERLOADED', 'many snapshots are under way; try again soon')
    this.#jobs++
    const turn = this.#line.then(() => {
      this.#stopped.signal.throwIfAborted()
      return run()
    })
    this.#line = turn.catch(() => undefined).finally(() => this.#jobs--)
    return turn
  }
}

const namesFile = (url: URL, snapshot: StoredSnapshot, folder: SnapshotFolder): boolean => {
  let path: string
  try {
    path = fileURLToPath(url)
  } catch {
    return false
  }
  return [folder.pathOf(snapshot), `/${snapshot.name}`, `/snapshots/${snapshot.name}`].includes(path)
}
