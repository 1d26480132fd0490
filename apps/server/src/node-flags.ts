import { availableParallelism } from 'node:os'

/**
 * How Node is to be started for a region. Room for young objects, in MB: by itself it grows to 16, and then each collection stops
 * requests for 4 to 6 ms under a load; with 1 or 2 they come more often, for about 1 ms. On few processors the threads that help
 * to collect take the one that requests wait for: the main thread alone is done sooner.
 */
export const nodeFlags = (processors = availableParallelism()): string[] =>
  processors <= 2 ? ['--max-semi-space-size=1', '--single-threaded-gc'] : ['--max-semi-space-size=2']
