import type { Log, SpaceRef } from '@meridian/core'
import type { Layer } from './layer.js'
import type { Contents, Snapshots } from './snapshots.js'
import type { Space } from './space.js'

/**
 * A snapshot is taken without being asked for after this many graph changes, and this share of the live vectors. Writing a graph
 * keeps searches waiting (about 0.8 ms a MB), so while they keep coming it is put off until the larger share.
 */
const SNAPSHOT_CHANGES_MIN = 5000
const SNAPSHOT_SHARE = 0.2
const SNAPSHOT_SHARE_SERVING = 2
const QUIET_MS = 1000

/** What the files of a space hold. */
export interface Saved {
  readonly layer: Layer | undefined
  readonly revision: number
  readonly contents: Contents
}

export const NOTHING_SAVED: Saved = { layer: undefined, revision: 0, contents: new Float64Array(0) }

/** A space whose snapshots are taken. */
export interface Saveable {
  readonly ref: SpaceRef
  readonly space: Space
  /** Every row has its record. */
  readonly settled: boolean
  saved: Saved
}

/** Takes snapshots of spaces, when they are due or asked for: one at a time, in order. */
export class Saver<S extends Saveable> {
  #last: Promise<unknown> = Promise.resolve()
  #isSaving = false

  constructor(
    readonly snapshots: Snapshots,
    readonly elapsedMs: () => number,
    readonly log: Log,
    /** Whether it is still open; what is not is not written. */
    readonly isOpen: (space: S) => boolean,
  ) {}

  /** Resolves once all that is being written now is on the disk, and what it took the place of is not. */
  get written(): Promise<unknown> {
    return this.#last
  }

  /** `searchedAtMs`: when a search came last. */
  saveIfDue(of: S, searchedAtMs: number): void {
    const layer = of.space.current
    if (this.#isSaving || layer === undefined) return
    const since = layer === of.saved.layer ? layer.revision - of.saved.revision : layer.revision
    const isQuiet = this.elapsedMs() - searchedAtMs > QUIET_MS
    const share = isQuiet ? SNAPSHOT_SHARE : SNAPSHOT_SHARE_SERVING
    if (since < Math.max(SNAPSHOT_CHANGES_MIN, of.space.rows.live * share)) return
    this.#isSaving = true
    this.#save(of)
      .catch((error: unknown) => this.log.error({ ...of.ref, error: String(error) }, 'index not saved'))
      .finally(() => {
        this.#isSaving = false
      })
  }

  /** All of these that have changed since. @throws what the writing of a file throws, through the promise. */
  async flush(all: readonly S[]): Promise<void> {
    for (const each of all) if (each.settled && isUnsaved(each)) await this.#save(each)
    await this.#last
  }

  #save(of: S): Promise<void> {
    const saved = this.#last.then(async () => {
      const isWanted = (): boolean => this.isOpen(of)
      if (!isWanted() || !isUnsaved(of)) return
      const layer = of.space.current
      const revision = layer?.revision ?? 0
      const contents = await this.snapshots.save(of.ref, of.space, isWanted)
      of.saved = { layer, revision, contents }
    })
    this.#last = saved.catch(() => undefined)
    return saved
  }
}

const isUnsaved = ({ space, saved }: Saveable): boolean =>
  space.current !== saved.layer || (space.current?.revision ?? 0) !== saved.revision
