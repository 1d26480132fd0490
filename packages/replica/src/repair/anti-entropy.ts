import { DIGEST_LEAVES, leafOf, type PointId, type ReplicaId, type Timers } from '@meridian/core'
import type { DigestReader } from '@meridian/shard'
import type { Counters } from '../api.js'
import type { Member } from '../barriers/barriers.js'
import type { CollectionState } from '../collection-state.js'
import type { Sequencer } from '../sequencer.js'
import type { TransactionLog } from '../transaction-log.js'
import { Agreements, comparisonKey, type ShardAgreement } from './agreement.js'
import { type AppendParts, appendAgain } from './append-again.js'
import { DIGESTS_MAX, type DigestMessage, STATES_MAX } from './digest-message.js'
import { type Divergence, Divergences, IDS_SHOWN_MAX, shownOf } from './divergences.js'
import type { RepairPeer } from './repair.js'

/** Unequal shards that are narrowed in one round. */
const NARROWED_MAX = 4
/** Ids that are repaired in one round of a shard; the rest follows in the next. */
const IDS_MAX = 1000

export interface AntiEntropyParts extends AppendParts {
  readonly self: ReplicaId
  readonly log: TransactionLog
  readonly sequencer: Sequencer
  readonly timers: Timers
  readonly counters: Counters
  peers(): readonly RepairPeer[]
  /** Active and joining ones, but ourselves. */
  members(): readonly Member[]
  /** Whether more is here of an origin than the vector says, and the rest may yet come. */
  isPartial(): boolean
  /** Whether a replica has not taken, or not said that it took, all that is here beyond the vector of origins that will not bring the rest. */
  lacksPart(replica: ReplicaId): boolean
  isRetired(replica: ReplicaId): boolean
}

/**
 * Compares what peers show. Equal vectors mean equal live sets; where the digests say otherwise, something was lost or mangled
 * between the blocks and what is shown.
 *
 *   digests ──► digests (answer) ──unequal──► leaves ──► states ──► differ
 *   lower number     higher                    lower     higher     lower
 *
 *  1. Compared is only what is settled: equal vectors, nothing deferred, damaged or orphaned on either side, and no part of a
 *     state that the vector does not cover yet. Of a retired origin it never will: both sides have the same part once each knows
 *     that the other took its own. Those who voted do when it is retired; one that joins later has the vector before it has the part.
 *  2. For every id that differs each side appends the entries that its state of the id is made of once more, as survivors of
 *     cleaning are, with their old stamps. The merge of both is what everybody comes to show; to append what was not missing
 *     changes nothing.
 *  3. What differs again after that is an error that operators see.
 */
export class AntiEntropy {
  readonly #divergences: Divergences
  /** Shards and peers whose `states` we sent: only they may say what differs. */
  readonly #listed = new Set<string>()
  readonly #agreements: Agreements
  #roundAt = Number.NEGATIVE_INFINITY
  #keptAt = Number.NEGATIVE_INFINITY

  constructor(readonly parts: AntiEntropyParts) {
    this.#agreements = new Agreements(parts.timers, parts.settings.antiEntropyMs)
    this.#divergences = new Divergences(parts.data, parts.counters)
  }

  /** How the shards of a collection compare with those of each other member. */
  agreements({ uid, views }: CollectionState): ShardAgreement[] {
    const members = this.parts.members()
    return views.map((_, shard) => ({
      shard,
      peers: members.map((member) => this.#agreements.of({ uid, shard }, member)),
    }))
  }

  divergences(): Divergence[] {
    return this.#divergences.all((replica) => this.parts.isRetired(replica))
  }

  /** Asked often; begins a round when it is due. */
  step(): void {
    const { timers, settings, self, log } = this.parts
    if (timers.elapsedMs() - this.#roundAt < settings.antiEntropyMs) return
    this.#keepAgreements()
    const peers = this.parts.peers().filter(({ replica }) => replica > self && !this.parts.lacksPart(replica))
    if (peers.length === 0 || !this.#isSettled()) return
    this.#roundAt = timers.elapsedMs()
    this.#listed.clear()
    const shards = this.parts.data.collections.flatMap((state) =>
      state.views.map((_, shard) => this.#digest(state, shard)),
    )
    for (let from = 0; from < shards.length; from += DIGESTS_MAX)
      for (const peer of peers)
        peer.send({
          type: 'digests',
          isAnswer: false,
          vector: log.vector,
          shards: shards.slice(from, from + DIGESTS_MAX),
        })
  }

  /** Also where others begin the rounds, and while nothing is settled: what is compared is noted on both sides. */
  #keepAgreements(): void {
    const { timers, settings, data } = this.parts
    if (timers.elapsedMs() - this.#keptAt < settings.antiEntropyMs) return
    this.#keptAt = timers.elapsedMs()
    const shown = new Set<string>(data.collections.map(({ uid }) => uid))
    this.#agreements.keep((uid, replica) => shown.has(uid) && !this.parts.isRetired(replica))
  }

  heard(peer: RepairPeer, message: DigestMessage): void {
    if (message.type === 'differ') {
      this.#differ(peer, message)
      return
    }
    if (!message.vector.equals(this.parts.log.vector) || !this.#isSettled()) return
    if (this.parts.lacksPart(peer.replica)) return
    if (message.type === 'digests') this.#compare(peer, message)
    else if (message.type === 'leaves') this.#list(peer, message)
    else this.#narrow(peer, message)
  }

  #isSettled(): boolean {
    const { data } = this.parts
    return (
      data.damage.size === 0 &&
      data.deferred === 0 &&
      !this.parts.isPartial() &&
      data.collections.every(({ orphanCount }) => orphanCount === 0)
    )
  }

  #digest(state: CollectionState, shard: number) {
    return { uid: state.uid, shard, digest: state.views[shard]!.digest.root() }
  }

  #compare(peer: RepairPeer, { isAnswer, shards }: Extract<DigestMessage, { type: 'digests' }>): void {
    const { log } = this.parts
    const own = []
    let narrowed = 0
    for (const { uid, shard, digest } of shards) {
      const state = shownOf(this.parts.data, { uid, shard })
      if (state === undefined) continue
      const mine = this.#digest(state, shard)
      own.push(mine)
      const isEqual = mine.digest === digest
      this.#agreements.compared(mine, peer.replica, isEqual)
      this.#divergences.compared(peer, mine, isEqual)
      if (isEqual || !isAnswer || narrowed++ >= NARROWED_MAX) continue
      peer.send({ type: 'leaves', uid, shard, vector: log.vector, leaves: leavesOf(state.views[shard]!.digest) })
    }
    if (!isAnswer) peer.send({ type: 'digests', isAnswer: true, vector: log.vector, shards: own })
  }

  /** Every live record of the leaves that differ, as far as they fit. */
  #list(peer: RepairPeer, { uid, shard, leaves: theirs }: Extract<DigestMessage, { type: 'leaves' }>): void {
    const state = shownOf(this.parts.data, { uid, shard })
    if (state === undefined) return
    const view = state.views[shard]!
    const slots = new Map<number, number[]>()
    const own = leavesOf(view.digest)
    for (let leaf = 0; leaf < DIGEST_LEAVES; leaf++)
      if (!own.subarray(leaf * 8, leaf * 8 + 8).equals(theirs.subarray(leaf * 8, leaf * 8 + 8))) slots.set(leaf, [])
    for (const slot of view.liveSlots()) slots.get(leafOf(view.id(slot)))?.push(slot)
    const leaves: number[] = []
    const records: { id: PointId; hash: string }[] = []
    for (const [leaf, found] of slots) {
      if (records.length + found.length > STATES_MAX) break
      leaves.push(leaf)
      for (const slot of found) records.push({ id: view.id(slot), hash: view.liveHash(slot)! })
    }
    this.#listed.add(comparisonKey({ uid, shard }, peer.replica))
    peer.send({ type: 'states', uid, shard, vector: this.parts.log.vector, leaves, records })
  }

  #narrow(peer: RepairPeer, { uid, shard, leaves, records }: Extract<DigestMessage, { type: 'states' }>): void {
    const state = shownOf(this.parts.data, { uid, shard })
    if (state === undefined) return
    const view = state.views[shard]!
    const listed = new Set(leaves)
    const theirs = new Map(records.map(({ id, hash }) => [id, hash]))
    const ids = new Set<PointId>()
    for (const [id, hash] of theirs) {
      const slot = view.find(id)
      if (slot === undefined || view.liveHash(slot) !== hash) ids.add(id)
    }
    for (const slot of view.liveSlots())
      if (listed.has(leafOf(view.id(slot))) && !theirs.has(view.id(slot))) ids.add(view.id(slot))
    const some = [...ids].slice(0, IDS_MAX)
    if (some.length === 0) {
      this.#divergences.unexplained(peer, { uid, shard })
      return
    }
    peer.send({ type: 'differ', uid, shard, ids: some })
    this.#repair(peer, state, shard, some)
  }

  #differ(peer: RepairPeer, { uid, shard, ids }: Extract<DigestMessage, { type: 'differ' }>): void {
    const state = shownOf(this.parts.data, { uid, shard })
    if (state === undefined || !this.#listed.delete(comparisonKey({ uid, shard }, peer.replica))) return
    this.#repair(peer, state, shard, ids.slice(0, IDS_MAX))
  }

  #repair(peer: RepairPeer, state: CollectionState, shard: number, ids: readonly PointId[]): void {
    const { data, counters, sequencer } = this.parts
    const some = ids.slice(0, IDS_SHOWN_MAX)
    // A full list may not have been all of it.
    this.#divergences.repaired(peer, { uid: state.uid, shard }, some, ids.length < IDS_MAX)
    counters.recordsRepaired += ids.length
    data.log.warn(
      { peer: peer.region, collection: state.name, shard, ids: some },
      `${ids.length} points of shard ${shard} of collection ${state.name} differ from region ${peer.region} though both hold the same; repaired: ${some.join(', ')}`,
    )
    sequencer.push({ bytes: 0, stage: (stage) => appendAgain(stage, this.parts, state, shard, ids), failed() {} })
  }
}

const leavesOf = (digest: DigestReader): Buffer =>
  Buffer.from(Array.from({ length: DIGEST_LEAVES }, (_, leaf) => digest.leaf(leaf)).join(''), 'hex')
