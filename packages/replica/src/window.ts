import type { ReplicaId, VersionVector } from '@meridian/core'

/** Unacknowledged transactions of one origin, oldest first. */
interface Lane {
  readonly frames: { readonly seq: number; readonly bytes: number }[]
  /** Index of the oldest that is not acknowledged. */
  head: number
  bytes: number
}

const COMPACT_AT = 1024
/** Of a fresh link: of two that a pair opens at a time one is given up, and what was sent on it is sent again. */
const START_BYTES = 256 << 10

/**
 * What was sent on a link and is not yet durable at the other end, by origin. An acknowledgement costs as much as it
 * acknowledges, however much is under way. There is little room at first, and as much more as is acknowledged, up to `bytesMax`.
 */
export class Window {
  readonly #lanes = new Map<ReplicaId, Lane>()
  #allowed: number

  constructor(readonly bytesMax: number) {
    this.#allowed = Math.min(bytesMax, START_BYTES)
  }

  /** Whether more of an origin may be sent. */
  hasRoom(origin: ReplicaId): boolean {
    return this.bytesOf(origin) < this.#allowed
  }

  /** Bytes under way of one origin. */
  bytesOf(origin: ReplicaId): number {
    return this.#lanes.get(origin)?.bytes ?? 0
  }

  get bytes(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + lane.bytes, 0)
  }

  get frames(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + lane.frames.length - lane.head, 0)
  }

  /** Seqs of an origin ascend. */
  sent(origin: ReplicaId, seq: number, bytes: number): void {
    let lane = this.#lanes.get(origin)
    if (lane === undefined) {
      lane = { frames: [], head: 0, bytes: 0 }
      this.#lanes.set(origin, lane)
    }
    lane.frames.push({ seq, bytes })
    lane.bytes += bytes
  }

  acknowledged(durable: VersionVector): void {
    for (const [origin, lane] of this.#lanes) {
      const upTo = durable.get(origin)
      while (lane.head < lane.frames.length && lane.frames[lane.head]!.seq <= upTo)
        this.#acknowledged(lane, lane.frames[lane.head++]!.bytes)
      if (lane.head === lane.frames.length) this.#lanes.delete(origin)
      else if (lane.head >= COMPACT_AT) {
        lane.frames.splice(0, lane.head)
        lane.head = 0
      }
    }
  }

  #acknowledged(lane: Lane, bytes: number): void {
    lane.bytes -= bytes
    this.#allowed = Math.min(this.bytesMax, this.#allowed + bytes)
  }

  clear(): void {
    this.#lanes.clear()
  }
}
