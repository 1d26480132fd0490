import { setTimeout as pause } from 'node:timers/promises'

export interface UntilOptions {
  /** Default 30,000 ms. */
  readonly deadlineMs?: number
  /** Between two looks. Default 20 ms. */
  readonly everyMs?: number
}

/**
 * The first answer of `look` that is neither `undefined` nor `false`. A look that throws counts as "not yet"; past the deadline
 * the last error, or what `describe` says of the state, is in the message.
 */
export const until = async <T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  { deadlineMs = 30_000, everyMs = 20 }: UntilOptions = {},
  describe?: () => unknown,
): Promise<T> => {
  const endMs = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const found = await look()
      if (found !== undefined && found !== false) return found
      last = undefined
    } catch (error) {
      last = error
    }
    if (performance.now() > endMs) {
      const state = describe === undefined ? '' : `: ${JSON.stringify(await describe())}`
      throw new Error(`not within ${deadlineMs} ms: ${what}${state}`, { cause: last })
    }
    await pause(everyMs)
  }
}
