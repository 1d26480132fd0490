import type { CollectionUid, Storage } from '@meridian/core'
import type { Stage } from '../stage.js'

const PREFIX = 'conflict/'
/** Prefix of every listed conflict of a collection. */
export const conflictPrefix = (uid: CollectionUid): string => `${PREFIX}${uid}/`
export const conflictKey = (uid: CollectionUid, id: string): string => conflictPrefix(uid) + id

/**
 * The rows of listed conflicts, this replica's own: what is found while a commit is folded waits here for the next commit, and
 * is found again from the blocks if that never comes.
 */
export class ConflictRows {
  /** `undefined` is a removal. */
  readonly #pending = new Map<string, Uint8Array | undefined>()

  constructor(readonly storage: Storage) {}

  get hasPending(): boolean {
    return this.#pending.size > 0
  }

  get(key: string): Uint8Array | undefined {
    return this.#pending.has(key) ? this.#pending.get(key) : this.storage.get(key)
  }

  put(key: string, row: Uint8Array): void {
    this.#pending.set(key, row)
  }

  delete(key: string): void {
    this.#pending.set(key, undefined)
  }

  /** All keys of a collection, in no order. */
  keys(uid: CollectionUid): string[] {
    const prefix = conflictPrefix(uid)
    const keys = new Set(this.storage.keys(prefix))
    for (const [key, row] of this.#pending)
      if (key.startsWith(prefix)) {
        if (row === undefined) keys.delete(key)
        else keys.add(key)
      }
    return [...keys]
  }

  /** Adds what waits to the commit; it waits on if that fails. */
  stage(stage: Stage): void {
    const staged = [...this.#pending]
    for (const [key, row] of staged)
      if (row === undefined) stage.ops.push({ type: 'delete', key })
      else stage.put(key, row)
    stage.durable.push(() => {
      for (const [key, row] of staged) if (this.#pending.get(key) === row) this.#pending.delete(key)
    })
  }

  /** Nothing of a purged collection is written any more. */
  forget(uid: CollectionUid): void {
    for (const key of [...this.#pending.keys()]) if (key.startsWith(conflictPrefix(uid))) this.#pending.delete(key)
  }
}
