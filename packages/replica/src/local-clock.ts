import {
  ByteReader,
  ByteWriter,
  type Block,
  COUNTER_MAX,
  type Clock,
  decodeEntryHead,
  HLC_ZERO,
  type HlcState,
  observe,
  type ReplicaId,
  type Stamp,
  type Storage,
  tick,
} from '@meridian/core'
import type { FreshStruct } from '@meridian/shard'
import type { Stage } from './stage.js'

const KEY = 'meta/hlc'

/** The HLC of this replica. Its high-water mark is stored with every commit, so stamps never go backwards, restarts included. */
export class LocalClock {
  #state: HlcState = HLC_ZERO

  constructor(
    readonly writer: ReplicaId,
    readonly clock: Clock,
    storage: Storage,
    readonly guardMs: number,
  ) {
    const stored = storage.get(KEY)
    if (stored !== undefined) {
      const input = new ByteReader(stored)
      this.#state = { ms: input.u48(), counter: input.u16() }
    }
  }

  get wallMs(): number {
    return this.clock.nowMs()
  }

  /**
   * Stamps up to here count as of the present. Not below the newest known stamp: what was visible once stays so when the wall
   * clock is set back. That stamp earns no guard of its own, or stamps of the future would lift each other over the horizon.
   */
  get horizonMs(): number {
    return Math.max(this.wallMs + this.guardMs, this.#state.ms)
  }

  /** How far the newest known stamp is ahead of the wall clock: positive after the clock was set back. */
  get aheadMs(): number {
    return this.#state.ms - this.wallMs
  }

  /** Every stamp that `next` gives from now on is of a later millisecond than the returned one. Durable once the mark is staged. */
  settle(): number {
    this.observe(this.#state.ms)
    return this.#state.ms
  }

  next(): Stamp {
    this.#state = tick(this.#state, this.wallMs)
    return { ...this.#state, writer: this.writer }
  }

  /**
   * Later local stamps are above `stampMs`, unless it is from the future. Everything that becomes visible is observed, and the
   * mark is staged with it: a local write wins over what its writer saw, and nothing visible is set aside at the next start.
   */
  observe(stampMs: number): void {
    if (stampMs <= this.horizonMs) this.#state = observe(this.#state, { ms: stampMs, counter: COUNTER_MAX })
  }

  /** As `observe`, for every entry of blocks that are about to become visible. */
  observeBlocks(fresh: readonly FreshStruct[], matters: (block: Block) => boolean = () => true): void {
    for (const struct of fresh)
      if (struct.kind === 'block' && matters(struct.block))
        for (const entry of struct.block.entries) this.observe(decodeEntryHead(entry).stamp.ms)
  }

  stage(stage: Stage): void {
    const out = new ByteWriter(8)
    out.u48(this.#state.ms).u16(this.#state.counter)
    stage.put(KEY, out.finish())
  }
}
