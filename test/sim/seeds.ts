import { type SimulationOptions, type SimulationReport, simulate } from '@meridian/sim'

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
 *  643  the same as 895, once more: what was put anew showed in one region alone
 *  895  where the content decides, a region forgot a delete that in others won over what was put later from an older content
 */
export const PURGE_SEEDS = [11, 58, 115, 643, 895]

/**
 * Seeds that found a bug in changes of the membership when it was there:
 *  159  a region was lost that had told one other of a catalog change, in a transfer without an end; what was built on it waited for ever
 *  231  writes of a retired region that others had refused came in through one that joined, after what they hid had been forgotten
 *  294  what had left all lanes was not let go of: that waited for writes that were given up together with a lost region
 *  346  a joining region waited for the last word of a retired one before it let go of what others had forgotten
 *  894  a region that joined with a wrong clock went on showing a record whose deletion the others had forgotten
 *  1354 a retired region went on linking with joining ones, whose transfers of its state came to no end
 *  1470 the checker did not wait for what members hand to a region that joins late
 *  1578 a change that a joining region alone saw all votes for was forced away by those who did not hear of that
 *  3504, 5216  the operators of the simulator never retired joining regions that had to start over: two, and one beside one that lives
 *  4422 a region that joined late was compared before it had taken what the others held in part of a retired one
 *  9530 the checker counted what a retired region had heard, after it was asked to go, of one that was lost
 */
export const MEMBER_SEEDS = [159, 231, 294, 346, 894, 1354, 1470, 1578, 3504, 4422, 5216, 9530]

/**
 * Seeds that found a bug in repair when it was there:
 *  17   a part of a state whose transfer was interrupted was taken for a divergence
 *  637  a damaged block of a dropped collection, which the others had purged, held up its region for ever
 *  154  a row was written back beside the note that its block had been removed, and the region could not start again
 *  829  the checker read a collection whose blocks were back and that searches did not find again yet
 *  9601 a collection was read again when its damaged blocks were back, and a search at quorum came before the index found them
 */
export const REPAIR_SEEDS = [17, 154, 637, 829, 9601]

/**
 * Seeds that found a bug in changes of the conflict policy when it was there, in runs of 4 s without changes of the membership:
 *  16, 19  under the newest policy what carries content was forgotten before its block was cleaned: a later policy showed it again
 */
export const POLICY_SEEDS = [16, 19]

/**
 * The same in runs of the usual length, in which the membership changes in every other:
 *  6   the checker did not wait for what members had agreed on
 *  75, 79  a delete that was cleaned under another policy hid a record, and nobody knew that this was not to stay
 */
export const CHANGING_SEEDS = [6, 75, 79]

/** `PINNED_SEEDS` found them in runs of this length, before there were clients that ask for guarantees (`barriers: false`). */
export const PINNED_FOR_MS = 8000

/** Length of the three hundred runs of the suite: a third of the usual, for all of them are to take less than a minute. */
export const SUITE_FOR_MS = 2000

type Options = Pick<SimulationOptions, 'forMs' | 'barriers' | 'members' | 'drill' | 'contentModel' | 'policies'>

/** Runs seeds; a line for each that fails. */
export const runSeeds = (
  seeds: Iterable<number>,
  options: Options = {},
): { readonly failures: string[]; readonly reports: SimulationReport[] } => {
  const failures: string[] = []
  const reports: SimulationReport[] = []
  for (const seed of seeds)
    try {
      reports.push(simulate({ seed, ...options }))
    } catch (error) {
      const length = options.forMs === undefined ? '' : ` --for ${options.forMs}`
      const members = options.members === undefined ? '' : options.members ? ' --members' : ' --no-members'
      const policies = options.policies === undefined ? '' : options.policies ? ' --policies' : ' --no-policies'
      failures.push(`npm run sim -- --seed ${seed}${length}${members}${policies}: ${(error as Error).message}`)
    }
  return { failures, reports }
}

export const failuresOf = (seeds: Iterable<number>, options: Options = {}): string[] =>
  runSeeds(seeds, options).failures

/** In how many runs each fault occurred that the simulator is to know, at its full strength. */
export const faultsOf = (reports: readonly SimulationReport[]): Record<string, number> => {
  const count = (occurs: (report: SimulationReport) => boolean): number => reports.filter(occurs).length
  return {
    'loss of 30 %': count(({ loss }) => loss >= 0.3),
    'replay of 50 %': count(({ duplication }) => duplication >= 0.5),
    crash: count(({ crashes }) => crashes > 0),
    'a commit that a crash cut off': count(({ tails }) => tails > 0),
    'a clock that is off': count(({ skews }) => skews > 0),
    'a change of the membership': count(({ configuration }) => configuration > 0),
    'several changes': count(({ configuration }) => configuration > 1),
    'cleaning of blocks': count(({ cleaned }) => cleaned > 0),
    purge: count(({ purged }) => purged > 0),
    'state transfer': count(({ transfers }) => transfers > 0),
    'rotten rows': count(({ rotted }) => rotted > 0),
    'a policy other than the newest': count(({ marked }) => marked > 10),
    'changes of the policy': count(({ policies }) => policies > 1),
  }
}

export const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)
