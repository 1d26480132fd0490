import {
  type CollectionUid,
  type PointId,
  type RegionId,
  type ReplicaId,
  StoreError,
  type Timers,
} from '@meridian/core'
import type { Done } from '../api.js'
import type { Member } from '../barriers/barriers.js'
import type { TraceMessage, TraceReport } from './trace-message.js'
import type { Traces } from './traces.js'

/** Questions of callers, and of peers, that are being answered at a time. */
const ASKED_MAX = 64

/** What is known of a point in one region. */
export type RegionTrace =
  | { readonly region: RegionId; readonly replica: ReplicaId; readonly report: TraceReport }
  /** The region could not be asked. */
  | { readonly region: RegionId; readonly replica: ReplicaId | undefined; readonly unknown: string }

/** Where a point that was deleted still is. */
export interface Erasure {
  /** No active or joining region has anything of it but, maybe, the delete. */
  readonly isErased: boolean
  readonly regions: readonly RegionTrace[]
  /** Regions that were retired: nobody asks them, and what their disks held, they hold. */
  readonly retired: readonly RegionId[]
}

export interface ErasureParts {
  readonly self: ReplicaId
  readonly timers: Timers
  readonly traces: Traces
  /** Active and joining ones, ourselves included. */
  members(): readonly Member[]
  /** Configured, and never heard of. */
  missing(): readonly RegionId[]
  retired(): readonly RegionId[]
  /** `false`: there is no link. */
  send(replica: ReplicaId, message: TraceMessage): boolean
}

/**
 * Asks all regions what they still have of a point.
 *
 *  1. A region that cannot be asked, or does not answer in time, is unknown: no region speaks for another.
 *  2. Erased is what all regions were found clear of twice, the second time after the first: then nothing was on its way from one
 *     that was asked later to one that was asked before. Who drops a block knows that all hold what superseded it.
 */
export class Erasures {
  readonly #waiting = new Map<number, (from: ReplicaId, report: TraceReport) => void>()
  #nonce = 0
  #asked = 0
  #answering = 0

  constructor(readonly parts: ErasureParts) {}

  /** @throws StoreError `OVERLOADED`. */
  find(uid: CollectionUid, id: PointId, timeoutMs: number, done: Done<Erasure>): void {
    if (this.#asked >= ASKED_MAX)
      throw new StoreError('OVERLOADED', 'many erasures are being looked at; try again soon')
    this.#asked++
    const untilMs = this.parts.timers.elapsedMs() + timeoutMs
    this.#round(uid, id, timeoutMs, (first) => {
      const leftMs = untilMs - this.parts.timers.elapsedMs()
      if (!first.every(isClear) || leftMs <= 0) this.#end(first, false, done)
      else this.#round(uid, id, leftMs, (second) => this.#end(second, second.every(isClear), done))
    })
  }

  #end(regions: readonly RegionTrace[], isErased: boolean, done: Done<Erasure>): void {
    this.#asked--
    done({ ok: true, value: { isErased, regions, retired: this.parts.retired() } })
  }

  /** Each region once. */
  #round(uid: CollectionUid, id: PointId, timeoutMs: number, done: (found: RegionTrace[]) => void): void {
    const { self, timers, traces } = this.parts
    const nonce = ++this.#nonce >>> 0
    const found: RegionTrace[] = this.parts
      .missing()
      .map((region) => ({ region, replica: undefined, unknown: 'it was never heard of, though it is configured' }))
    const open = new Map(this.parts.members().map((member) => [member.replica, member]))
    const end = (): void => {
      timer[Symbol.dispose]()
      this.#waiting.delete(nonce)
      for (const { region, replica } of open.values())
        found.push({ region, replica, unknown: `it did not answer in ${timeoutMs} ms` })
      open.clear()
      done(found.sort((a, b) => (a.region < b.region ? -1 : 1)))
    }
    const timer = timers.after(timeoutMs, end)
    const told = (replica: ReplicaId, report: TraceReport): void => {
      const member = open.get(replica)
      if (member === undefined) return
      open.delete(replica)
      found.push({ region: member.region, replica, report })
      if (open.size === 0) end()
    }
    this.#waiting.set(nonce, told)
    for (const { region, replica } of [...open.values()])
      if (replica !== self && !this.parts.send(replica, { type: 'trace', nonce, uid, id })) {
        open.delete(replica)
        found.push({ region, replica, unknown: 'there is no link with it' })
      }
    traces.report(uid, id, (report) => told(self, report))
  }

  /** From a peer. */
  heard(from: ReplicaId, message: TraceMessage): void {
    if (message.type === 'traced') {
      this.#waiting.get(message.nonce)?.(from, message.report)
      return
    }
    // Who is not answered hears of it when its time is over.
    if (this.#answering >= ASKED_MAX) return
    this.#answering++
    const { nonce, uid, id } = message
    this.parts.traces.report(uid, id, (report) => {
      this.#answering--
      this.parts.send(from, { type: 'traced', nonce, report })
    })
  }
}

const isClear = (trace: RegionTrace): boolean => {
  if ('unknown' in trace) return false
  const { state, log, blocks, conflicts, graph, files, snapshots, unread, waitingFor } = trace.report
  const isGone = [log, blocks, conflicts, graph, files].every((each) => each === 'clear')
  return state !== 'live' && isGone && snapshots.length === 0 && unread === 0 && waitingFor.length === 0
}
