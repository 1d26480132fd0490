import {
  assert,
  type CollectionUid,
  type CollectionConfig,
  type ConflictPolicy,
  type ContentMark,
  type JsonObject,
  orderOf,
  type PointId,
  type SpaceRef,
  shardOf,
  StoreError,
  type VectorIndex,
  type VectorValue,
} from '@meridian/core'
import { ConflictWatch, type Contribution, MergedView, type WriteWindow } from '@meridian/shard'
import type { Collection, IndexSchema, Setting, ShardDigest } from './api.js'
import type { ByteCache } from './byte-cache.js'
import type { ConflictBook } from './conflicts/conflict-book.js'
import { estimateBytes } from './estimate-bytes.js'
import { IndexFeed } from './index-feed.js'
import { readable } from './repair/readable.js'
import type { ShardStore } from './shard-store.js'
import { RecentChanges } from './recent-changes.js'
import type { SpaceKeys } from './space-keys.js'
import { Tallies } from './tally.js'
import { OrderedIds } from './ordered-ids.js'

let made = 0

/**
 * One visible collection: the merged views of its shards, and all that follows them. Several incarnations (uids) that were
 * created alike in different regions fold into the same views; new writes go to the eldest.
 *
 * An ordinal is `slot * shards + shard`.
 */
export class CollectionState implements Collection {
  readonly views: MergedView[]
  readonly conflicts: ConflictBook
  readonly feed: IndexFeed
  /** Keys cached payloads: a state that is held while another takes its place numbers its records differently. */
  readonly #number = made++
  readonly #ordered: OrderedIds
  readonly #tallies = new Tallies()
  readonly #recent = new RecentChanges()
  readonly #watchers = new Set<(id: PointId, ordinal: number) => void>()
  aliases: readonly string[] = []
  indexes: ReadonlyMap<string, IndexSchema> = new Map()
  #settings: readonly Setting[] = []
  #config: CollectionConfig
  #keys: SpaceKeys
  readonly #watches: ConflictWatch[] = []
  readonly #seen: Uint8Array[] = []

  constructor(
    public name: string,
    readonly uids: readonly CollectionUid[],
    config: CollectionConfig,
    keys: SpaceKeys,
    readonly stores: ReadonlyMap<CollectionUid, ShardStore[]>,
    index: VectorIndex,
    readonly payloads: ByteCache<number, JsonObject>,
    openBook: (state: CollectionState) => ConflictBook,
    readonly window: WriteWindow,
    readonly policy: ConflictPolicy,
    settings: readonly Setting[] = [],
  ) {
    this.#settings = settings
    this.#config = config
    this.#keys = keys
    const order = orderOf(policy)
    this.conflicts = openBook(this)
    this.views = Array.from({ length: config.shards }, (_, shard) => {
      const watch = new ConflictWatch(window, this.conflicts, order)
      this.#watches.push(watch)
      return new MergedView((ref) => this.#store(ref.doc, shard).read(ref.client, ref.clock), watch, order)
    })
    this.#seen = this.views.map(() => new Uint8Array(0))
    this.#ordered = new OrderedIds((ordinal) => this.id(ordinal))
    this.feed = new IndexFeed(this, index)
  }

  get config(): CollectionConfig {
    return this.#config
  }

  get settings(): readonly Setting[] {
    return this.#settings
  }

  set settings(settings: readonly Setting[]) {
    this.#settings = settings
    this.feed.settingsChanged()
  }

  get keys(): SpaceKeys {
    return this.#keys
  }

  /** Vector spaces were added, dropped or renamed. */
  reshape(config: CollectionConfig, keys: SpaceKeys): void {
    if (keys.text === this.#keys.text) return
    this.#config = config
    this.#keys = keys
    this.feed.reshaped()
    this.#recent.addAll()
  }

  /** All that is stored is in the views. */
  opened(): void {
    const points = this.views.map((): PointId[] => [])
    for (const id of this.conflicts.points()) points[shardOf(id, this.config.shards)]!.push(id)
    for (const [shard, view] of this.views.entries()) view.opened(points[shard]!)
  }

  get uid(): CollectionUid {
    return this.uids[0]!
  }

  #store(doc: number, shard: number): ShardStore {
    const store = this.stores.get(this.uids[doc]!)?.[shard]
    assert(store !== undefined, `shard ${shard} of incarnation ${doc} is open`)
    return store
  }

  get liveCount(): number {
    return this.views.reduce((sum, view) => sum + view.liveCount, 0)
  }

  get tombstoneCount(): number {
    return this.views.reduce((sum, view) => sum + view.tombstoneCount, 0)
  }

  #place(ordinal: number): { view: MergedView; slot: number } {
    const shards = this.config.shards
    return { view: this.views[ordinal % shards]!, slot: Math.floor(ordinal / shards) }
  }

  find(id: PointId): number | undefined {
    const shard = shardOf(id, this.config.shards)
    const view = this.views[shard]!
    const slot = view.find(id)
    return slot === undefined || !view.isLive(slot) ? undefined : slot * this.config.shards + shard
  }

  /** Whether a write of the id is here and not shown, because its stamp waits for its time. */
  isDeferred(id: PointId): boolean {
    return this.views[shardOf(id, this.config.shards)]!.isDeferred(id)
  }

  isLive(ordinal: number): boolean {
    const { view, slot } = this.#place(ordinal)
    return slot < view.slotCount && view.isLive(slot)
  }

  id(ordinal: number): PointId {
    const { view, slot } = this.#place(ordinal)
    return view.id(slot)
  }

  payload(ordinal: number): JsonObject {
    const key = this.#payloadKey(ordinal)
    const cached = this.payloads.get(key)
    if (cached !== undefined) return cached
    const { view, slot } = this.#place(ordinal)
    const payload = view.payload(slot)
    this.payloads.set(key, payload, estimateBytes(payload))
    return payload
  }

  vector(ordinal: number, name: string): VectorValue | undefined {
    const { view, slot } = this.#place(ordinal)
    const key = this.#keys.key(name)
    return key === undefined ? undefined : view.vector(slot, key)
  }

  vectorNames(ordinal: number): string[] {
    const { view, slot } = this.#place(ordinal)
    return this.#keys.names(view.vectorNames(slot))
  }

  version(ordinal: number): number {
    const { view, slot } = this.#place(ordinal)
    return view.newestSeq(slot)
  }

  /** Of the write that a new one of the record would have to win over. */
  newestContent(id: PointId): ContentMark | undefined {
    const view = this.views[shardOf(id, this.config.shards)]!
    const slot = view.find(id)
    return slot === undefined ? undefined : view.newestContent(slot)
  }

  history(id: PointId): Contribution[] {
    const view = this.views[shardOf(id, this.config.shards)]!
    const slot = view.find(id)
    if (slot === undefined) return []
    return view.history(slot).flatMap((each) => {
      if (each.what !== 'vector') return each
      const name = this.#keys.name(each.name!)
      return name === undefined ? [] : { ...each, name }
    })
  }

  *ordinals(): Iterable<number> {
    for (let shard = 0; shard < this.views.length; shard++)
      for (const slot of this.views[shard]!.liveSlots()) yield slot * this.config.shards + shard
  }

  *inOrder(from?: PointId): Iterable<number> {
    for (const ordinal of this.#ordered.from(from)) if (this.isLive(ordinal)) yield ordinal
  }

  tally(name: string, test: (payload: JsonObject) => boolean): number {
    return this.#tallies.count(name, test, () => this.#payloads())
  }

  /** A number, since text is made for every record that changes. */
  #payloadKey(ordinal: number): number {
    return this.#number * 2 ** 32 + ordinal
  }

  *#payloads(): Iterable<readonly [number, JsonObject]> {
    for (const ordinal of this.ordinals()) yield [ordinal, this.payload(ordinal)]
  }

  get mark(): number {
    return this.#recent.mark
  }

  changedSince(mark: number): ReadonlySet<number> | undefined {
    return this.#recent.since(mark)
  }

  /** Another state takes its place: what the index says is from now on of that one's ordinals. */
  replaced(): void {
    this.#recent.addAll()
  }

  watch(changed: (id: PointId, ordinal: number) => void): Disposable {
    const watcher = (id: PointId, ordinal: number): void => changed(id, ordinal)
    this.#watchers.add(watcher)
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) }
  }

  space(vector: string): SpaceRef {
    return this.feed.space(this.#keys.key(vector) ?? vector)
  }

  searchable(vector: string): SpaceRef {
    const space = this.space(vector)
    const missing = this.feed.missing(space.vector)
    if (missing.size > 0) throw missingVectors(this.name, vector, missing.size, this.id(missing.values().next().value!))
    return space
  }

  digests(): ShardDigest[] {
    return this.views.map((view, shard) => ({
      shard,
      epoch: 0,
      live: view.liveCount,
      tombstones: view.tombstoneCount,
      digest: view.digest.root(),
    }))
  }

  /** Numbers the incarnation for block references. */
  docOf(uid: CollectionUid): number {
    return this.uids.indexOf(uid)
  }

  /** After a fold: keeps scroll order, cached payloads and the index in step with the slots that changed. */
  changed(shard: number, slots: Iterable<number>, feed: boolean): void {
    const view = this.views[shard]!
    this.#seen[shard] = grown(this.#seen[shard]!, view.slotCount)
    const seen = this.#seen[shard]!
    for (const slot of slots) {
      const ordinal = slot * this.config.shards + shard
      this.payloads.delete(this.#payloadKey(ordinal))
      this.#recent.add(ordinal)
      if (seen[slot] === 0) {
        seen[slot] = 1
        this.#ordered.add(ordinal)
      }
      for (const watcher of this.#watchers) watcher(view.id(slot), ordinal)
      if (
        readable(() =>
          this.#tallies.changed(ordinal, () => (view.isLive(slot) ? this.payload(ordinal) : undefined)),
        ) === undefined
      )
        this.#tallies.clear()
      if (feed) this.feed.changed(view, slot, ordinal)
    }
  }

  /** Ids that no lane names, or that rest on removed blocks. */
  get looseCount(): number {
    return this.views.reduce((sum, view) => sum + view.looseCount, 0)
  }

  /** Live records among them. */
  get orphanCount(): number {
    return this.views.reduce((sum, view) => sum + view.orphanCount, 0)
  }

  /** Begins a round of `letGo`. */
  collectLoose(max: number): void {
    for (const view of this.views) view.collectLoose(max)
  }

  /**
   * Lets go of what rests on removed blocks since the round began, at most `max` ids. Returns how many it looked at. While a write
   * waits for its time, what it supersedes stays.
   */
  letGo(max: number): number {
    let count = 0
    for (const [shard, view] of this.views.entries()) {
      if (view.deferredCount > 0) continue
      const slots = view.looseSlots(max - count)
      const changed = view.letGo(slots)
      if (changed.length > 0) this.changed(shard, changed, true)
      const seen = this.#seen[shard]!
      const gone = slots.filter((slot) => view.free(slot) && seen[slot] === 1)
      for (const slot of gone) seen[slot] = 0
      this.#ordered.remove(gone.map((slot) => slot * this.config.shards + shard))
      count += slots.length
    }
    return count
  }

  /** Another state takes over, or the collection is gone. */
  giveUp(): void {
    for (const watch of this.#watches) this.window.drop(watch)
  }
}

const missingVectors = (collection: string, vector: string, count: number, some: PointId): StoreError =>
  new StoreError(
    'STORAGE_CORRUPT',
    `collection \`${collection}\` cannot be searched${vector === '' ? '' : ` by vector \`${vector}\``} in this region: the index lacks vectors in damaged blocks, ${count} in all, that of point ${some} among them, which are fetched from its peers: retry in a second, or ask another region`,
  )

const grown = (bytes: Uint8Array, length: number): Uint8Array => {
  if (length <= bytes.length) return bytes
  const wider = new Uint8Array(Math.max(1024, Math.ceil(length * 1.5)))
  wider.set(bytes)
  return wider
}
