import { AsyncLocalStorage } from 'node:async_hooks'

const scope = new AsyncLocalStorage<{ seq: number }>()

/** The seq of what this request wrote, noted where it is known. */
export const noteWritten = (seq: number): void => {
  const written = scope.getStore()
  if (written !== undefined) written.seq = Math.max(written.seq, seq)
}

/** Runs a write; `seq` is 0 when nobody noted any. Tracking it through awaits costs a little: only for writes that wait. */
export const tracked = async (run: () => unknown): Promise<{ result: unknown; seq: number }> => {
  const written = { seq: 0 }
  const result = await scope.run(written, run)
  return { result, seq: written.seq }
}
