import { assert } from '@meridian/core'
import type { Job } from './sequencer.js'

const COMPACT_AT = 1024

/** First in, first out; taking one costs the same however many wait. */
export class JobQueue {
  #jobs: (Job | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#jobs.length - this.#head
  }

  push(job: Job): void {
    this.#jobs.push(job)
  }

  shift(): Job {
    const job = this.#jobs[this.#head]
    assert(job !== undefined, 'a job waits')
    this.#jobs[this.#head++] = undefined
    if (this.#head === this.#jobs.length || this.#head >= COMPACT_AT) {
      this.#jobs.splice(0, this.#head)
      this.#head = 0
    }
    return job
  }

  /** Takes all that wait. */
  clear(): Job[] {
    const left = this.#jobs.slice(this.#head) as Job[]
    this.#jobs = []
    this.#head = 0
    return left
  }
}
