import { Worker } from 'node:worker_threads'
import type { Log } from '@meridian/core'
import { Outbox } from './outbox.js'
import { Restarts } from './restarts.js'
import { type IndexReply, transfersOf, type WorkerData } from './worker-protocol.js'

export type StartWorker = (data: WorkerData) => Worker

/** Node 20 loads no TypeScript in a worker: from the sources, the built file is started. */
const startWorker: StartWorker = (workerData) => {
  const file = import.meta.url.endsWith('.ts') ? '../dist/worker-main.js' : './worker-main.js'
  return new Worker(new URL(file, import.meta.url), {
    workerData,
    execArgv: [],
    name: 'index',
    // Its young objects are messages, which die at once: the default keeps 33 MB for them.
    resourceLimits: { maxYoungGenerationSizeMb: 12 },
  })
}

export interface LinkHandler {
  reply(reply: IndexReply): void
  /** The worker is gone with all it held; another will be there after `started`. */
  lost(): void
  started(): void
}

/** A worker that is always there, or about to be again. Requests of one tick travel together, in order. */
export class WorkerLink {
  readonly outbox = new Outbox()
  #worker: Worker | undefined
  #restart: NodeJS.Timeout | undefined
  readonly #restarts = new Restarts()
  #isFlushing = false
  #isClosing = false
  #exited: () => void = () => {}

  constructor(
    readonly data: WorkerData,
    readonly log: Log,
    readonly handler: LinkHandler,
    readonly start: StartWorker = startWorker,
  ) {
    this.#spawn()
  }

  /** Sends what is in the outbox at the end of the tick, or now. While there is no worker, it waits for the next one. */
  flush(isUrgent = false): void {
    if (isUrgent) this.#send()
    if (isUrgent || this.#isFlushing) return
    this.#isFlushing = true
    queueMicrotask(() => {
      this.#isFlushing = false
      this.#send()
    })
  }

  /** Asks the worker to end what it is writing, and waits until it is gone. */
  async close(): Promise<void> {
    this.#isClosing = true
    clearTimeout(this.#restart)
    if (!this.#worker) return
    const exited = new Promise<void>((resolve) => {
      this.#exited = resolve
    })
    this.outbox.push({ type: 'close' })
    this.#send()
    await exited
  }

  #send(): void {
    if (!this.#worker) return
    const requests = this.outbox.take()
    if (requests.length > 0) this.#worker.postMessage(requests, transfersOf(requests))
  }

  #spawn(): void {
    const worker = this.start(this.data)
    this.#worker = worker
    worker.on('message', (replies: IndexReply[]) => {
      // A closed worker ends by itself: ended from here in the midst of a native call, it would take the process along.
      for (const reply of replies) if (reply.type !== 'closed') this.handler.reply(reply)
    })
    worker.on('error', (error) => this.log.error({ error: String(error) }, 'index worker failed'))
    worker.on('exit', (code) => this.#exit(code))
  }

  #exit(code: number): void {
    this.#worker = undefined
    this.outbox.take()
    this.handler.lost()
    if (this.#isClosing) {
      this.#exited()
      return
    }
    const delayMs = this.#restarts.delayMs(performance.now())
    this.log.error({ code, delayMs }, 'index worker died; starting another')
    this.#restart = setTimeout(() => {
      this.#spawn()
      this.#send()
      this.handler.started()
    }, delayMs)
  }
}
