import { availableParallelism } from 'node:os'
import type { Log } from '@meridian/core'
import { PendingReplies } from './pending-replies.js'
import { type StartWorker, WorkerLink } from './worker-link.js'
import type { IndexReply } from './worker-protocol.js'

const WORKERS_MAX = 16

/** One core is left to the main thread; a single core is shared. */
export const workersDefault = (cores = availableParallelism()): number => Math.max(1, Math.min(WORKERS_MAX, cores - 1))

/** One worker thread as the main thread sees it, whichever thread it is at the moment. */
export interface IndexWorker {
  readonly link: WorkerLink
  /** Its requests that wait for an answer. */
  readonly replies: PendingReplies
}

export interface PoolHandler {
  reply(worker: IndexWorker, reply: IndexReply): void
  /** The thread is gone with all it held; another will be there after `started`. */
  lost(worker: IndexWorker): void
  started(worker: IndexWorker): void
}

export interface PoolOptions {
  readonly directory: string
  /** Most threads; at least one. */
  readonly count: number
  readonly log: Log
  readonly start?: StartWorker | undefined
}

/**
 * Up to `count` worker threads, started as they are needed: whoever has one space only has no use for a second. A space stays
 * with its worker for as long as it is open, so two workers never write the files of one space.
 */
export class WorkerPool {
  readonly #options: PoolOptions
  readonly #handler: PoolHandler
  readonly #workers: IndexWorker[] = []

  constructor(options: PoolOptions, handler: PoolHandler) {
    this.#options = options
    this.#handler = handler
    this.#add()
  }

  get workers(): readonly IndexWorker[] {
    return this.#workers
  }

  /** Requests under way in all of them. */
  get waiting(): number {
    return this.#workers.reduce((sum, { replies }) => sum + replies.size, 0)
  }

  /** The least loaded one, by what `loadOf` says of each; one that is idle, as long as there may be more. */
  leastLoaded(loadOf: (worker: IndexWorker) => number): IndexWorker {
    const loads = this.#workers.map(loadOf)
    const least = Math.min(...loads)
    if (least > 0 && this.#workers.length < this.#options.count) return this.#add()
    return this.#workers[loads.indexOf(least)]!
  }

  async close(reason: () => Error): Promise<void> {
    await Promise.all(this.#workers.map(({ link }) => link.close()))
    for (const { replies } of this.#workers) replies.rejectAll(reason())
  }

  #add(): IndexWorker {
    const { directory, log, start } = this.#options
    // What searches run on is the same for all: one of them says it.
    const data = { directory, announces: this.#workers.length === 0 }
    const worker: IndexWorker = {
      link: new WorkerLink(
        data,
        log,
        {
          reply: (reply) => this.#handler.reply(worker, reply),
          lost: () => this.#handler.lost(worker),
          started: () => this.#handler.started(worker),
        },
        start,
      ),
      replies: new PendingReplies(),
    }
    this.#workers.push(worker)
    return worker
  }
}
