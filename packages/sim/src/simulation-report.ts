/** What happened in a run that broke no promise. Plain data. */
export interface SimulationReport {
  readonly seed: number
  readonly regions: number
  readonly acknowledged: number
  readonly refused: number
  readonly boots: number
  readonly transfers: number
  readonly cleaned: number
  /** Deletes and lone patches that were forgotten for good. */
  readonly purged: number
  readonly resyncs: number
  readonly framesRefused: number
  readonly networkBytes: number
  /** Searches under a barrier that were answered in time, and checked. */
  readonly barriers: number
  /** Linearizable calls that were answered in time. */
  readonly registers: number
  /** Block rows that rotted, and those that were written again with the bytes of a peer since the last start. */
  readonly rotted: number
  readonly repaired: number
  /** Chances of a frame of being lost and repeated while faults go on. */
  readonly loss: number
  readonly duplication: number
  readonly crashes: number
  /** Commits that a crash found on their way to a disk. */
  readonly tails: number
  /** How often a clock was wrong by a second, or was set wrong. */
  readonly skews: number
  /** Writes that said what they were made from, where the content decides. */
  readonly marked: number
  /** Changes of a conflict policy that were made. */
  readonly policies: number
  /** The index of the configuration that the members use in the end. */
  readonly configuration: number
  /** Virtual time from healing to equality. */
  readonly healedInMs: number
}
