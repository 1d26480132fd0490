import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { built } from './built.js'
import type { Beat } from './pulse.js'

export interface PulseData {
  readonly port: number
  readonly everyMs: number
  /** As `requestBytes` makes them; asked in turn. */
  readonly requests: readonly Uint8Array[]
}

/** `beats` in ms of `machineMs`. */
export type PulseResult = { readonly beats: readonly Beat[] } | { readonly failure: string }

/** A pulse in a thread of its own, over kept connections: the asker is kept waiting by nothing else that this process does. */
export class PulseThread {
  readonly #worker: Worker
  readonly #failed: Promise<never>

  private constructor(worker: Worker) {
    this.#worker = worker
    this.#failed = once(worker, 'exit').then(([code]) => {
      throw new Error(`the thread of a pulse ended with ${code}`)
    })
    // Told when it is stopped.
    this.#failed.catch(() => {})
  }

  /** It asks from now on. */
  static async open(data: PulseData): Promise<PulseThread> {
    const worker = new Worker(built('pulse-main'), { workerData: data })
    const pulse = new PulseThread(worker)
    await Promise.race([once(worker, 'message'), pulse.#failed])
    return pulse
  }

  /** What was asked and answered, once all is answered. @throws what a request failed with */
  async stop(): Promise<readonly Beat[]> {
    const told = once(this.#worker, 'message')
    this.#worker.postMessage('stop')
    const [result] = (await Promise.race([told, this.#failed])) as [PulseResult]
    await this.#worker.terminate()
    if ('failure' in result) throw new Error(result.failure)
    return result.beats
  }
}
