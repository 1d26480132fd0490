import {
  type Log,
  parseRegionId,
  type Random,
  type ReplicaId,
  SILENT_LOG,
  type Storage,
  type VectorIndex,
} from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import { ExactIndex } from '@meridian/index'
import { DEFAULT_SETTINGS, Replica, type Settings } from '@meridian/replica'
import { LateIndex } from './late-index.js'
import type { SimClock } from './sim-clock.js'
import type { SimDisk } from './sim-disk.js'
import { ProcessTimers, type VirtualTime } from './virtual-time.js'

export interface NodeHooks {
  /** Wrap the ports of a process: for sabotage. */
  readonly storage?: (storage: Storage, node: SimNode) => Storage
  readonly index?: (index: ExactIndex) => VectorIndex
  /** In place of the late index's word that all before it is searchable. */
  readonly searchable?: (done: () => void) => void
}

/** One region: a disk and a clock that stay, and a process that comes and goes. */
export class SimNode {
  replica: Replica | undefined
  index: ExactIndex
  /** What searches under a barrier see; only when the run has such clients. */
  late: LateIndex | undefined
  boots = 0
  #timers: ProcessTimers | undefined

  constructor(
    readonly number: number,
    readonly region: string,
    readonly time: VirtualTime,
    readonly clock: SimClock,
    readonly disk: SimDisk,
    readonly random: Random,
    readonly settings: Partial<Settings>,
    readonly trace: (node: string, text: string) => void,
    readonly hooks: NodeHooks,
    /** Draws how late the late index is; none without. */
    readonly lateness: SeededRandom | undefined,
    /** Regions that its configuration names. */
    readonly expects: readonly string[] = [],
    /** Whether its first start joins the cluster instead of founding it. */
    readonly joins = false,
  ) {
    this.index = new ExactIndex()
  }

  /** How far ahead of its clock a stamp counts at once. */
  get guardMs(): number {
    return this.settings.clockGuardMs ?? DEFAULT_SETTINGS.clockGuardMs
  }

  get isUp(): boolean {
    return this.replica !== undefined
  }

  start(): void {
    this.boots++
    this.#timers = new ProcessTimers(this.time)
    this.index = new ExactIndex()
    const mounted = this.disk.mount()
    const index = this.hooks.index?.(this.index) ?? this.index
    const late = this.lateness === undefined ? undefined : new LateIndex(this.#timers, this.lateness)
    this.late = late
    this.replica = Replica.open({
      region: parseRegionId(this.region),
      replica: (this.number + 1) as ReplicaId,
      storage: this.hooks.storage?.(mounted, this) ?? mounted,
      index: late === undefined ? index : late.tee(index),
      ...(late === undefined
        ? {}
        : {
            searchable: this.hooks.searchable ?? ((done) => late.later(done)),
            events: { released: () => late.retold() },
          }),
      clock: this.clock,
      timers: this.#timers,
      random: this.random,
      log: this.#log(),
      settings: this.settings,
      expects: this.expects.map(parseRegionId),
      joins: this.joins,
    })
    this.trace(this.region, `started, boot ${this.replica.identity.boot}`)
  }

  #log(): Log {
    const write = (_: unknown, message: string): void => this.trace(this.region, message)
    return { ...SILENT_LOG, info: write, warn: write, error: write }
  }

  /** The process ends between two instructions and power goes: what was not flushed is lost. */
  crash(): void {
    this.trace(this.region, 'crashed')
    this.#timers?.kill()
    this.replica?.stop()
    this.replica = undefined
    this.disk.crash()
  }

  /** A clean stop; `down` runs when it is complete. */
  shutDown(down: () => void): void {
    const { replica } = this
    if (replica === undefined) return
    this.trace(this.region, 'stops cleanly')
    replica.shutDown(() => {
      if (this.replica !== replica) return
      this.#timers?.kill()
      this.replica = undefined
      down()
    })
  }
}
