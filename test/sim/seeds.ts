import { simulate } from '@meridian/sim'

/**
 * Seeds that found a bug when it was there:
 *  3    what a deferred write supersedes was cleaned by its owner
 *  8    a joining region waited for a collection that the full window of another origin kept from coming
 *  1022 a stamp whose time came during an fsync was shown and not observed by the clock
 *  1027 a frame from before a purge followed frames from after it
 *  1057 a record was gone after a restart while what superseded it waited for its time
 */
export const PINNED_SEEDS = [3, 8, 1022, 1027, 1057]

/**
 * Seeds of clients that ask for guarantees:
 *  7010  the checker took what had just been let in for missing
 *  30090 a region that was retired while it wrote at quorum threw instead of answering
 *  30094 the late index took two things in the wrong order, their times being equal but for rounding
 */
export const PINNED_BARRIER_SEEDS = [7010, 30090, 30094]

/**
 * Seeds that found a bug in forgetting when it was there:
 *  11   a slot was let go twice
 *  58   a region that caught up kept a record of which only a patch was left in the lanes
 *  115  a region that caught up let go of a record before what superseded it had come
 */
export const PURGE_SEEDS = [11, 58, 115]

/**
 * Seeds that found a bug in changes of the membership when it was there:
 *  159  a region was lost that had told one other of a catalog change, in a transfer without an end; what was built on it waited for ever
 *  231  writes of a retired region that others had refused came in through one that joined, after what they hid had been forgotten
 */
export const MEMBER_SEEDS = [159, 231]

/**
 * Seeds that found a bug in repair when it was there:
 *  17   a part of a state whose transfer was interrupted was taken for a divergence
 *  637  a damaged block of a dropped collection, which the others had purged, held up its region for ever
 *  154  a row was written back beside the note that its block had been removed, and the region could not start again
 */
export const REPAIR_SEEDS = [17, 154, 637]

/** `PINNED_SEEDS` found them in runs of this length, before there were clients that ask for guarantees (`barriers: false`). */
export const PINNED_FOR_MS = 8000

/** Length of the two hundred runs of the suite: half of the usual, for all of them are to take less than a minute. */
export const SUITE_FOR_MS = 3000

/** Runs seeds and gives a line for each that fails. */
export const failuresOf = (
  seeds: Iterable<number>,
  options: {
    readonly forMs?: number
    readonly barriers?: boolean
    readonly members?: boolean
    readonly drill?: boolean
  } = {},
): string[] => {
  const failures: string[] = []
  for (const seed of seeds)
    try {
      simulate({ seed, ...options })
    } catch (error) {
      const length = options.forMs === undefined ? '' : ` --for ${options.forMs}`
      const members = options.members === undefined ? '' : options.members ? ' --members' : ' --no-members'
      failures.push(`npm run sim -- --seed ${seed}${length}${members}: ${(error as Error).message}`)
    }
  return failures
}

export const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)
