import { AsyncLocalStorage } from 'node:async_hooks'
import type { Acknowledgement } from '@meridian/replica'

/** What a write that waits for more than the local disk asks for, and what became of it. */
export interface Written {
  /** Of the transaction; 0 when nobody noted any. */
  seq: number
  /** Milliseconds that a linearizable write may take; `undefined` when it need not be one. */
  readonly linearizableMs: number | undefined
  /** Of a linearizable write. */
  found: Acknowledgement | undefined
}

const scope = new AsyncLocalStorage<Written>()

/** The seq of what this request wrote, noted where it is known. */
export const noteWritten = (seq: number): void => {
  const written = scope.getStore()
  if (written !== undefined) written.seq = Math.max(written.seq, seq)
}

/** Of the request that is served, if its write must be linearizable. */
export const linearizableWrite = (): (Written & { readonly linearizableMs: number }) | undefined => {
  const written = scope.getStore()
  return written?.linearizableMs === undefined ? undefined : (written as Written & { readonly linearizableMs: number })
}

/** Runs a write. Tracking it through awaits costs a little: only for writes that wait. */
export const tracked = async (
  run: () => unknown,
  linearizableMs?: number,
): Promise<{ result: unknown; written: Written }> => {
  const written: Written = { seq: 0, linearizableMs, found: undefined }
  const result = await scope.run(written, run)
  return { result, written }
}
