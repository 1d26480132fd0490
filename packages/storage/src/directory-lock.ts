import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Log, StoreError } from '@meridian/core'
import { livePid, ownIdentity } from './process-identity.js'

const LOCK_FILE = 'LOCK'
const ATTEMPTS_MAX = 10

let drafts = 0

/**
 * One process at a time in a data directory: two replicas with one identity would make the store diverge for ever.
 *
 * The lock is a file that names its process. It is made by linking a finished draft, so that nobody sees it half written,
 * and it vanishes only by the hand of its holder. The lock of a dead process is replaced by renaming over it, by whoever
 * holds a second such file, `LOCK.takeover`, and has read the first again: of two that find a stale lock one gets it.
 *
 * Processes that do not see one another's pids (containers with one volume) are not kept apart.
 */
export class DirectoryLock {
  readonly #path: string
  #isHeld = true

  private constructor(path: string) {
    this.#path = path
  }

  /** @throws StoreError `IDENTITY_CONFLICT`, naming directory and pid, if a live process (this one too) holds the lock. */
  static acquire(directory: string, log: Log): DirectoryLock {
    const path = join(directory, LOCK_FILE)
    const draft = `${path}.${process.pid}.${drafts++}`
    try {
      writeFileSync(draft, `${ownIdentity()}\n`)
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (tryLink(draft, path)) return new DirectoryLock(path)
        refuseIfHeld(directory, path)
        if (takeOver(directory, draft, path, log)) return new DirectoryLock(path)
      }
      throw new StoreError(
        'IDENTITY_CONFLICT',
        `data directory ${directory} is being opened by several processes at once`,
      )
    } finally {
      rmSync(draft, { force: true })
    }
  }

  /** Safe to call twice. */
  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    rmSync(this.#path, { force: true })
  }
}

const refuseIfHeld = (directory: string, path: string): void => {
  const pid = livePid(readIfThere(path) ?? '')
  if (pid === undefined) return
  throw new StoreError('IDENTITY_CONFLICT', `data directory ${directory} is in use by process ${pid} (${path})`)
}

/** False if another process is at it too. */
const takeOver = (directory: string, draft: string, path: string, log: Log): boolean => {
  const guard = `${path}.takeover`
  const fresh = `${draft}.fresh`
  if (!tryLink(draft, guard)) {
    if (livePid(readIfThere(guard) ?? '') === undefined) rmSync(guard, { force: true })
    return false
  }
  try {
    const stale = readIfThere(path)
    if (stale === undefined) return false
    refuseIfHeld(directory, path)
    // A rename between two names of one file does nothing, and the guard is one: so a second draft.
    writeFileSync(fresh, readFileSync(draft))
    renameSync(fresh, path)
    log.warn({ directory, previous: stale.trim() }, 'data directory taken over from a process that did not close it')
    return true
  } finally {
    rmSync(fresh, { force: true })
    rmSync(guard, { force: true })
  }
}

const tryLink = (draft: string, path: string): boolean => {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

const readIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
