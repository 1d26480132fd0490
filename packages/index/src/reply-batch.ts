import type { IndexReply } from './worker-protocol.js'

/** Answers of one turn travel together: a message costs more than what is in it. */
export class ReplyBatch {
  #replies: IndexReply[] = []

  constructor(readonly post: (replies: readonly IndexReply[]) => void) {}

  /** Goes out at the end of the turn, in order. */
  add(reply: IndexReply): void {
    if (this.#replies.push(reply) === 1) queueMicrotask(() => this.send())
  }

  /** What is there goes out now: before something that takes its time. */
  send(): void {
    if (this.#replies.length === 0) return
    const replies = this.#replies
    this.#replies = []
    this.post(replies)
  }
}
