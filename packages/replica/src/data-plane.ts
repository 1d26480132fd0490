import {
  type ClientId,
  type CollectionUid,
  type JsonObject,
  type Log,
  type Storage,
  StoreError,
  shardOf,
  type VectorIndex,
} from '@meridian/core'
import type { ResolvedCollection } from '@meridian/catalog'
import { blockPrefix, gonePrefix, type MergedView, WriteWindow } from '@meridian/shard'
import { ByteCache } from './byte-cache.js'
import type { CatalogPlane } from './catalog-plane.js'
import { CollectionState } from './collection-state.js'
import { DocChanges } from './doc-changes.js'
import { ConflictBook } from './conflicts/conflict-book.js'
import { ConflictRows, conflictPrefix } from './conflicts/conflict-rows.js'
import { isSamePolicy, policyOf } from './conflicts/policy-setting.js'
import { Damage } from './repair/damage.js'
import { ReturningBlocks } from './repair/returning-blocks.js'
import type { Settings } from './settings.js'
import { HeldBlocks, heldPrefix } from './held-blocks.js'
import { SpaceKeys } from './space-keys.js'
import { ShardStore } from './shard-store.js'
import type { Stage } from './stage.js'

/**
 * The documents of all collections and the merged views over them.
 *
 *  1. A document exists for every shard of every uid that the catalog has ever named, until the uid is purged: also of dropped
 *     collections, since peers may still need what was written to them.
 *  2. A uid that is visible under some name is folded into exactly one collection's views.
 */
export class DataPlane {
  readonly #stores = new Map<CollectionUid, ShardStore[]>()
  #collections = new Map<string, CollectionState>()
  #byUid = new Map<CollectionUid, CollectionState>()
  #aliases = new Map<string, CollectionState>()
  readonly #blocks: ByteCache<string, Uint8Array>
  readonly #held: HeldBlocks
  readonly #payloads: ByteCache<number, JsonObject>
  readonly conflictRows: ConflictRows
  readonly damage: Damage
  readonly #returning: ReturningBlocks
  /** On their way into documents, views and the index. */
  readonly changes: DocChanges
  readonly #window: WriteWindow

  constructor(
    readonly storage: Storage,
    readonly index: VectorIndex,
    readonly client: ClientId,
    readonly settings: Settings,
    readonly log: Log,
    /** Stamps above wait for their time. */
    readonly horizonMs: () => number,
    /** As of `ReplicaOptions`. */
    searchable: (done: () => void) => void = (done) => done(),
  ) {
    this.damage = new Damage(log)
    this.#held = new HeldBlocks(storage, log)
    this.#returning = new ReturningBlocks(searchable)
    this.changes = new DocChanges({
      ...{ held: this.#held, damage: this.damage, returning: this.#returning, log, horizonMs },
      stateOf: (uid) => this.#byUid.get(uid),
    })
    this.conflictRows = new ConflictRows(storage)
    this.#window = new WriteWindow(settings.conflictWindowWrites)
    this.#blocks = new ByteCache(settings.blockCacheBytes)
    this.#payloads = new ByteCache(settings.payloadCacheBytes)
  }

  get collections(): CollectionState[] {
    return [...this.#collections.values()]
  }

  /** Whether a state is one of `collections`: another takes its place when the catalog changes what is folded into it. */
  isCurrent(state: CollectionState): boolean {
    return this.#byUid.get(state.uid) === state
  }

  /** By visible name or alias. @throws StoreError `COLLECTION_NOT_FOUND`. */
  collection(name: string): CollectionState {
    const found = this.lookUp(name)
    if (found === undefined) throw new StoreError('COLLECTION_NOT_FOUND', `Collection \`${name}\` doesn't exist!`)
    return found
  }

  /** By visible name only. */
  find(name: string): CollectionState | undefined {
    return this.#collections.get(name)
  }

  /** By visible name or alias. */
  lookUp(name: string): CollectionState | undefined {
    return this.#collections.get(name) ?? this.#aliases.get(name)
  }

  /**
   * Why a collection cannot be read: blocks that were damaged when it was loaded are missing from its views, and nobody knows of
   * which records they tell. Nor can it while the index does not find yet what came back: that is older than what `indexed`
   * covers, so no barrier waits for it.
   */
  hole(state: CollectionState): StoreError | undefined {
    if (this.damage.size === 0 && this.#returning.isEmpty) return undefined
    let count = this.#returning.count(state.uids)
    for (const { uid, shard, client, clock } of this.damage.list())
      if (this.#byUid.get(uid) === state)
        if (!state.views[shard]!.isFolded({ doc: state.docOf(uid), client, clock })) count++
    if (count === 0) return undefined
    return new StoreError(
      'STORAGE_CORRUPT',
      `${count} stored blocks of collection \`${state.name}\` are damaged in this region and are fetched from its peers: retry in a second, or ask another region`,
    )
  }

  /** By visible name or alias. @throws StoreError `COLLECTION_NOT_FOUND`; `STORAGE_CORRUPT` while it has a hole. */
  whole(name: string): CollectionState {
    const state = this.collection(name)
    const hole = this.hole(state)
    if (hole !== undefined) throw hole
    return state
  }

  /** As `MergedView.matches`. */
  matches(uid: CollectionUid, shard: number, client: number, clock: number, bytes: Uint8Array): boolean | undefined {
    const state = this.#byUid.get(uid)
    return state?.views[shard]?.matches({ doc: state.docOf(uid), client, clock }, bytes)
  }

  /** The transaction that wrote a block, as far as it was folded. */
  seqOf(uid: CollectionUid, shard: number, client: number, clock: number): number | undefined {
    const state = this.#byUid.get(uid)
    return state?.views[shard]?.seqOf({ doc: state.docOf(uid), client, clock })
  }

  /** `undefined` while the catalog has not named the uid, or after it was purged. */
  store(uid: CollectionUid, shard: number): ShardStore | undefined {
    return this.#stores.get(uid)?.[shard]
  }

  stores(): ShardStore[] {
    return [...this.#stores.values()].flat()
  }

  /** Brings documents and views in line with the catalog. Called after every change of it. */
  reconcile(catalog: CatalogPlane): void {
    for (const { uid, shards } of catalog.incarnations()) if (!this.#stores.has(uid)) this.#open(uid, shards)
    const visible = new Map<string, CollectionState>()
    const byUid = new Map<CollectionUid, CollectionState>()
    for (const resolved of catalog.document.collections()) {
      const state = this.#keep(resolved) ?? this.#build(resolved)
      state.reshape(resolved.config, new SpaceKeys(resolved.spaces, resolved.config))
      state.aliases = resolved.aliases
      state.indexes = resolved.indexes
      state.settings = resolved.settings
      visible.set(resolved.name, state)
      for (const uid of state.uids) byUid.set(uid, state)
    }
    const kept = new Set(visible.values())
    for (const old of this.#collections.values()) {
      if (kept.has(old)) continue
      old.replaced()
      old.giveUp()
      // One that merely gained an incarnation, or changed its name, has spaces of the same names: they were opened anew and stay.
      const next = byUid.get(old.uid)
      old.feed.drop(next?.uid === old.uid ? next : undefined)
    }
    this.#collections = visible
    this.#byUid = byUid
    this.#aliases = new Map([...visible.values()].flatMap((state) => state.aliases.map((alias) => [alias, state])))
  }

  #open(uid: CollectionUid, shards: number): void {
    const stores = Array.from({ length: shards }, (_, shard) =>
      ShardStore.open(uid, shard, this.storage, this.#blocks, this.client, this.damage),
    )
    this.#stores.set(uid, stores)
  }

  #keep(resolved: ResolvedCollection): CollectionState | undefined {
    const state = this.#byUid.get(resolved.uid)
    if (state === undefined || state.uids.join() !== resolved.uids.join()) return undefined
    // Another policy shows other writes: everything is folded anew.
    if (!isSamePolicy(state.policy, policyOf(resolved.settings))) return undefined
    state.name = resolved.name
    return state
  }

  #build(resolved: ResolvedCollection): CollectionState {
    const state = new CollectionState(
      resolved.name,
      resolved.uids,
      resolved.config,
      new SpaceKeys(resolved.spaces, resolved.config),
      this.#stores,
      this.index,
      this.#payloads,
      (of) => this.#openBook(of),
      this.#window,
      policyOf(resolved.settings),
      resolved.settings,
    )
    for (const uid of resolved.uids)
      for (const store of this.#stores.get(uid)!)
        for (const { client, clock, bytes } of store.blocks())
          this.changes.fold(state, store, client, clock, bytes, false)
    for (const uid of resolved.uids)
      for (const store of this.#stores.get(uid)!)
        for (const { client, clock, bytes } of this.#held.blocks(store)) {
          this.changes.fold(state, store, client, clock, bytes, false)
          state.views[store.shard]!.dropHeld({ doc: state.docOf(uid), client, clock }, bytes)
        }
    state.opened()
    state.feed.openAll()
    return state
  }

  #openBook(state: CollectionState): ConflictBook {
    return new ConflictBook(
      state.uid,
      state.uids,
      this.conflictRows,
      this.settings,
      this.log,
      (id, { place }) => {
        if (place === undefined) return undefined
        const bytes = state.views[shardOf(id, state.config.shards)]!.entryAt(place)
        return bytes && { uid: state.uids[place.ref.doc]!, bytes }
      },
      (entry) => state.keys.shown(entry),
    )
  }

  /** Whether a removed block that is held until its superseder's time has come may have content of the shard's ids. */
  isHolding(store: ShardStore): boolean {
    return this.#held.isHolding(store)
  }

  /** Lets go of conflicts that are too old. */
  expireConflicts(nowMs: number): void {
    for (const state of this.collections) state.conflicts.expire(nowMs)
  }

  /** The newest of the stamps that `release(nowMs)` would let in; 0 if there is none. */
  newestDueMs(nowMs: number): number {
    return this.#views().reduce((newest, view) => Math.max(newest, view.newestDueMs(nowMs) ?? 0), 0)
  }

  /** The newest visible stamp. */
  get newestMs(): number {
    return this.#views().reduce((newest, view) => Math.max(newest, view.newestMs), 0)
  }

  #views(): MergedView[] {
    return this.collections.flatMap((state) => state.views)
  }

  /** Stamps up to `nowMs`, whose time has come, enter the views. */
  release(nowMs: number): void {
    for (const state of this.#collections.values())
      for (const [shard, view] of state.views.entries()) {
        if ((view.nextDeferredMs() ?? Number.POSITIVE_INFINITY) > nowMs) continue
        try {
          state.changed(shard, view.release(nowMs), true)
        } catch (error) {
          // Nothing was let in: it is tried again until the block that it is in has been repaired.
          if (!(error instanceof StoreError)) throw error
        }
      }
  }

  /** Stages the end of held blocks where nothing is deferred any more. */
  cleanHeld(stage: Stage): void {
    this.#held.clean(stage, (uid, shard) => (this.#byUid.get(uid)?.views[shard]?.deferredCount ?? 0) === 0)
  }

  get deferred(): number {
    return this.collections.flatMap((state) => state.views).reduce((sum, view) => sum + view.deferredCount, 0)
  }

  /** Bytes of all block rows. */
  get blockBytes(): number {
    return this.collections.flatMap((state) => state.views).reduce((sum, view) => sum + view.logBytes, 0)
  }

  /** The index lost a space: hand its vectors over again. */
  resync(uid: CollectionUid, vector: string): void {
    this.#byUid.get(uid)?.feed.open(vector)
  }

  /** Stages the end of a dropped collection's documents. */
  purge(stage: Stage, uid: CollectionUid): void {
    stage.ops.push(
      { type: 'deletePrefix', prefix: blockPrefix(uid) },
      { type: 'deletePrefix', prefix: gonePrefix(uid) },
      { type: 'deletePrefix', prefix: heldPrefix(uid) },
      { type: 'deletePrefix', prefix: conflictPrefix(uid) },
    )
    stage.durable.push(() => {
      this.#stores.delete(uid)
      this.conflictRows.forget(uid)
      this.damage.forgetAll(uid)
      this.log.info({ collection_uid: uid }, 'purged a dropped collection')
    })
  }
}
