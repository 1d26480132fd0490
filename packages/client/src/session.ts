/**
 * The tokens of one session: what its calls have seen and written. Calls may run at once, and tokens are opaque, so the answer of
 * a call takes the place of those tokens only that it was sent with.
 */
export class Session {
  readonly #tokens = new Set<string>()

  /** As sent with the next call; empty at first. */
  get tokens(): readonly string[] {
    return [...this.#tokens]
  }

  answered(sent: readonly string[], token: string | null): void {
    if (token === null) return
    for (const each of sent) this.#tokens.delete(each)
    this.#tokens.add(token)
  }
}
