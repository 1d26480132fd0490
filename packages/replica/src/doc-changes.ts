import { type CheckedBlock, type CollectionUid, type Log, StoreError } from '@meridian/core'
import type { ClockRange, LaneStruct } from '@meridian/shard'
import type { CollectionState } from './collection-state.js'
import type { HeldBlocks } from './held-blocks.js'
import type { Damage } from './repair/damage.js'
import type { ReturningBlocks } from './repair/returning-blocks.js'
import type { ShardStore } from './shard-store.js'
import type { Stage } from './stage.js'

/** A change of one document that is durable and now enters memory. */
export interface DocChange {
  readonly store: ShardStore
  readonly fresh: readonly (LaneStruct & { readonly bytes?: Uint8Array; readonly block?: CheckedBlock })[]
  readonly removed: readonly ClockRange[]
}

export interface DocChangesParts {
  readonly held: HeldBlocks
  readonly damage: Damage
  readonly returning: ReturningBlocks
  readonly log: Log
  /** Stamps above wait for their time. */
  readonly horizonMs: () => number
  /** The collection that an incarnation is folded into, if one is visible. */
  stateOf(uid: CollectionUid): CollectionState | undefined
}

/** The way of changes from a commit under construction, through the disk, into documents, views and the index. */
export class DocChanges {
  #stagedHorizonMs = 0
  /** Changes of the commit under construction, or under way, by document. */
  #staged: { readonly stage: Stage | undefined; readonly changes: Map<ShardStore, DocChange[]> } = {
    stage: undefined,
    changes: new Map(),
  }

  constructor(readonly parts: DocChangesParts) {}

  /**
   * Stages a change: once it is durable, with all others of its document in the same commit, it enters the document, the view
   * and the index. What it shows is decided now: a stamp whose time comes while the disk is busy was not observed by the clock.
   */
  stage(stage: Stage, change: DocChange): void {
    this.#stagedHorizonMs = this.parts.horizonMs()
    this.#applyWith(stage, change)
    for (const struct of change.fresh)
      if (struct.kind === 'block') stage.block(change.store, struct.client, struct.clock, struct.bytes!)
      else stage.gap(change.store, struct.client, struct.clock, struct.length)
    stage.remove(change.store, change.removed)
    // Their rows are gone before the view lets go of them, and it may still need an entry whose superseder is deferred here.
    const state = this.parts.stateOf(change.store.uid)
    if (state === undefined) return
    const view = state.views[change.store.shard]!
    const doc = state.docOf(change.store.uid)
    for (const { client, clock } of change.store.doc.blocksIn(change.removed))
      try {
        if (view.hold({ doc, client, clock }) && view.deferredCount > 0)
          this.parts.held.stage(stage, change.store, client, clock)
      } catch (error) {
        // A row that cannot be read is named when its values are asked for; its end must not be refused for ever.
        if (!(error instanceof StoreError)) throw error
        this.parts.log.error({ error_code: error.code }, `a removed block is unreadable: ${error.message}`)
      }
  }

  /** A Yjs transaction costs as much as some dozen blocks in it: those of a commit share one for each document. */
  #applyWith(stage: Stage, change: DocChange): void {
    if (this.#staged.stage !== stage) this.#staged = { stage, changes: new Map() }
    const { changes } = this.#staged
    const earlier = changes.get(change.store)
    if (earlier !== undefined) {
      earlier.push(change)
      return
    }
    const all = [change]
    changes.set(change.store, all)
    stage.durable.push(() => {
      changes.delete(change.store)
      this.#apply(change.store, all)
    })
  }

  /**
   * Takes durable changes into the document, the view and the index. Removals go last, as if they all stood in the last change:
   * whatever the view was held to by a block that goes, it is so no longer if a later change replaced it.
   */
  #apply(store: ShardStore, changes: readonly DocChange[]): void {
    const fresh = changes.flatMap((change) => change.fresh)
    const removed = changes.flatMap((change) => change.removed)
    for (const struct of fresh) if (struct.kind === 'block') store.remember(struct.client, struct.clock, struct.bytes!)
    const gone = store.doc.integrate({ fresh, removed })
    const state = this.parts.stateOf(store.uid)
    if (state !== undefined) {
      const view = state.views[store.shard]!
      const doc = state.docOf(store.uid)
      const slots = new Set<number>()
      for (const struct of fresh) {
        if (struct.kind !== 'block') continue
        const { client, clock, bytes, block } = struct
        const options = { deferAbove: this.#stagedHorizonMs, checked: block }
        for (const slot of view.fold({ doc, client, clock }, bytes!, options)) slots.add(slot)
      }
      state.changed(store.shard, slots, true)
    }
    for (const { client, clock } of gone) {
      if (state !== undefined) state.views[store.shard]!.drop({ doc: state.docOf(store.uid), client, clock })
      store.forget(client, clock)
      if (!this.parts.damage.has(store.key(client, clock))) continue
      this.parts.damage.forget(store.key(client, clock))
      this.parts.returning.add(store.uid)
    }
  }

  /** Stages the bytes of a damaged block, which were checked. Views and index follow once they are durable. */
  stageRepaired(stage: Stage, store: ShardStore, client: number, clock: number, bytes: Uint8Array, from: string): void {
    this.#stagedHorizonMs = this.parts.horizonMs()
    stage.put(store.key(client, clock), bytes)
    stage.durable.push(() => {
      this.parts.damage.healed(store.key(client, clock), from)
      store.remember(client, clock, bytes)
      const state = this.parts.stateOf(store.uid)
      if (state === undefined) return
      const view = state.views[store.shard]!
      const ref = { doc: state.docOf(store.uid), client, clock }
      if (view.isFolded(ref)) state.changed(store.shard, view.slotsIn(ref), true)
      else this.fold(state, store, client, clock, bytes, true)
      this.parts.returning.add(store.uid)
    })
  }

  /** Takes a block into the view that it is of, and, with `feed`, into the index. */
  fold(
    state: CollectionState,
    store: ShardStore,
    client: number,
    clock: number,
    bytes: Uint8Array,
    feed: boolean,
  ): void {
    const view = state.views[store.shard]!
    const ref = { doc: state.docOf(store.uid), client, clock }
    const slots = view.fold(ref, bytes, { deferAbove: feed ? this.#stagedHorizonMs : this.parts.horizonMs() })
    state.changed(store.shard, slots, feed)
  }
}
