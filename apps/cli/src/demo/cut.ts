import { ClientError } from '@meridian/client'
import { CliError } from '../exit.js'
import { type DemoRegion, isLinked, until } from './demo-region.js'

/** One region cut off from all others on purpose. Whatever happens, `heal` must be called. */
export class Cut {
  readonly #lone: DemoRegion
  readonly #others: readonly DemoRegion[]

  private constructor(lone: DemoRegion, others: readonly DemoRegion[]) {
    this.#lone = lone
    this.#others = others
  }

  /** Closes every link of `lone`, from both ends, and waits until both ends say so; after a failure all links are back. */
  static async open(lone: DemoRegion, others: readonly DemoRegion[], signal: AbortSignal): Promise<Cut> {
    const cut = new Cut(lone, others)
    try {
      await cut.#set(false)
      await until(`the cut of ${lone.name}`, async () => ((await cut.#linkedEnds()) === 0 ? true : undefined), signal)
      return cut
    } catch (error) {
      await cut.heal().catch(() => undefined)
      if (error instanceof ClientError && error.status === 404)
        throw new CliError(`the server cannot cut links: ${error.message}`, 1, { cause: error })
      throw error
    }
  }

  /** Lets the links come back. Safe to call again; not stopped by an interruption. */
  heal(): Promise<void> {
    return this.#set(true)
  }

  /** Every end is told, even when one cannot be. */
  async #set(enabled: boolean): Promise<void> {
    const told = await Promise.allSettled(
      this.#others.flatMap((other) => [
        this.#lone.client.setLink(other.name, enabled),
        other.client.setLink(this.#lone.name, enabled),
      ]),
    )
    const failed = told.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #linkedEnds(): Promise<number> {
    const [lone, ...others] = await Promise.all([this.#lone, ...this.#others].map(({ client }) => client.cluster()))
    const there = this.#others.filter((other) => isLinked(lone!, other.name)).length
    return there + others.filter((info) => isLinked(info, this.#lone.name)).length
  }
}
