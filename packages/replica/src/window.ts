import type { ReplicaId, VersionVector } from '@meridian/core'

/** Unacknowledged transactions of one origin, oldest first. */
interface Lane {
  readonly frames: { readonly seq: number; readonly bytes: number }[]
  /** Index of the oldest that is not acknowledged. */
  head: number
  bytes: number
}

const COMPACT_AT = 1024

/**
 * What was sent on a link and is not yet durable at the other end, by origin. An acknowledgement costs as much as it
 * acknowledges, however much is under way.
 */
export class Window {
  readonly #lanes = new Map<ReplicaId, Lane>()

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
        lane.bytes -= lane.frames[lane.head++]!.bytes
      if (lane.head === lane.frames.length) this.#lanes.delete(origin)
      else if (lane.head >= COMPACT_AT) {
        lane.frames.splice(0, lane.head)
        lane.head = 0
      }
    }
  }

  clear(): void {
    this.#lanes.clear()
  }
}
