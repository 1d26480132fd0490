import type {
  CollectionConfig,
  CollectionUid,
  ConflictPolicy,
  LinkHandler,
  PeerLink,
  PointId,
  RegionId,
  SpaceParams,
  StoreError,
  VersionVector,
} from '@meridian/core'
import type { ShardDoc } from '@meridian/shard'
import type {
  AliasAction,
  Collection,
  Done,
  IndexSchema,
  RegionReceipt,
  ReplicaStatus,
  ResolveOps,
  Setting,
  WriteReceipt,
  WriteRequest,
} from './api.js'
import type { Barriers } from './barriers/barriers.js'
import { Tokens } from './barriers/tokens.js'
import { CollectionEdits } from './collection-edits.js'
import type { ConflictBook } from './conflicts/conflict-book.js'
import type { Resolution } from './conflicts/conflict-note.js'
import { type PolicyEffect, policyEffect } from './conflicts/policy-effect.js'
import { type Decision, decide } from './conflicts/resolve.js'
import { Engine } from './engine.js'
import type { Erasure } from './forgetting/erasure.js'
import type { Degradation } from './health/degradation.js'
import { Degradations } from './health/find.js'
import { statusOf } from './health/status.js'
import type { Identity } from './identity.js'
import type { Regions } from './membership/regions.js'
import { Register } from './register/register.js'
import type { ShardAgreement } from './repair/agreement.js'
import type { ReplicaOptions } from './replica-options.js'

/**
 * One region, as its callers see it: what may be asked of it, and how it is changed. How it works is in `Engine`. Knows ports
 * only; every method is synchronous, and what waits for the disk calls back.
 */
export class Replica {
  readonly identity: Identity
  /** Points as linearizable registers. */
  readonly register: Register
  readonly #engine: Engine
  readonly #edits: CollectionEdits
  readonly #tokens: Tokens
  readonly #degradations: Degradations

  /**
   * Loads everything that is durable and claims the identity; the replica is ready for reads, writes and links on return.
   * @throws StoreError `IDENTITY_CONFLICT`, `STORAGE_CORRUPT`.
   */
  static open(options: ReplicaOptions): Replica {
    return new Replica(new Engine(options), options.expects ?? [])
  }

  private constructor(engine: Engine, expects: readonly RegionId[]) {
    const { identity, data, cluster, timers, settings } = engine
    this.identity = identity
    this.#engine = engine
    this.#edits = new CollectionEdits(engine)
    this.#tokens = new Tokens(identity, engine.log, engine.catalog)
    this.#degradations = new Degradations({ timers, settings, expects, status: () => this.status() })
    this.register = new Register({
      timers,
      barriers: cluster.barriers,
      collection: (name) => {
        const state = data.lookUp(name)
        return state === undefined || data.hole(state) !== undefined ? undefined : state
      },
      isLinked: ({ region }) => cluster.peers.isLinked(region),
      write: (request, done) => {
        data.whole(request.collection)
        this.write(request, done)
      },
    })
  }

  get region(): RegionId {
    return this.identity.region
  }

  /** Durable here, folded into the views, and found by searches: each covers the next. */
  get vectors(): ReplicaStatus['vectors'] {
    return this.#engine.vectors
  }

  /** Waiting for vectors of this and other regions. */
  get barriers(): Barriers {
    return this.#engine.cluster.barriers
  }

  /** A session's token of a vector: opaque text of some 40 characters. */
  token(vector: VersionVector): string {
    return this.#tokens.format(vector)
  }

  /** @throws StoreError `BAD_REQUEST`: damaged, of another cluster, or of a future that cannot be. */
  parseToken(text: string): VersionVector {
    return this.#tokens.parse(text)
  }

  /** Where, as far as is known here, everything that `vector` covers has got to. */
  receipt(vector: VersionVector): RegionReceipt[] {
    return this.#engine.cluster.receipt(vector)
  }

  /** Visible collections by name. */
  collections(): Collection[] {
    return this.#engine.data.collections
  }

  /** By visible name or alias. @throws StoreError `COLLECTION_NOT_FOUND`; `STORAGE_CORRUPT` while blocks of it are missing here. */
  collection(name: string): Collection {
    return this.#engine.data.whole(name)
  }

  /** All incarnations that are folded into a collection, eldest first. */
  incarnationsOf(name: string): readonly CollectionUid[] {
    return this.#engine.data.collection(name).uids
  }

  /** Collections of one name that two regions made with different configurations; both are kept. */
  catalogConflicts() {
    return this.#engine.catalog.document.conflicts()
  }

  /** Why writes are refused now; `undefined` when they are taken. */
  readOnlyReason(): StoreError | undefined {
    return this.#engine.gate.reason
  }

  /** Why nothing is read or written here yet: it is joining, and has not caught up. */
  unservable(): StoreError | undefined {
    return this.#engine.cluster.membership.unready
  }

  /** Who is in the cluster, and changes of that. */
  get regions(): Regions {
    return this.#engine.cluster.regions
  }

  /** @throws StoreError why writes are refused; `COLLECTION_EXISTS`, `VALIDATION` and disk errors come through `done`. */
  createCollection(
    name: string,
    config: CollectionConfig,
    done: Done<WriteReceipt>,
    settings: readonly Setting[] = [],
  ): void {
    this.#edits.create(name, config, done, settings)
  }

  /**
   * All actions, in order and as one change, or none. Collections are named by visible names.
   * @throws StoreError why writes are refused; `COLLECTION_NOT_FOUND`, `COLLECTION_EXISTS`, `VALIDATION` come through `done`.
   */
  changeAliases(actions: readonly AliasAction[], done: Done<WriteReceipt>): void {
    this.#edits.changeAliases(actions, done)
  }

  /** Declares a payload index, or takes it away. `collection` may be an alias. @throws StoreError also `COLLECTION_NOT_FOUND`. */
  changeIndex(collection: string, field: string, schema: IndexSchema | undefined, done: Done<WriteReceipt>): void {
    this.#edits.changeIndex(collection, field, schema, done)
  }

  /**
   * Merges settings, leaf by leaf, in one change. `settings` is asked when the change is built, from what is there then.
   * `collection` may be an alias. @throws StoreError also `COLLECTION_NOT_FOUND`.
   */
  changeSettings(
    collection: string,
    settings: (now: Collection) => readonly Setting[],
    done: Done<WriteReceipt>,
  ): void {
    this.#edits.changeSettings(collection, settings, done)
  }

  /**
   * Adds a vector space; one that is there alike is no error. `collection` may be an alias.
   * @throws StoreError why writes are refused, `COLLECTION_NOT_FOUND`; `WRONG_INPUT`, `VALIDATION` come through `done`.
   */
  addSpace(collection: string, name: string, params: SpaceParams, done: Done<WriteReceipt>): void {
    this.#edits.addSpace(collection, name, params, done)
  }

  /** Drops a vector space with all of its vectors; one that is not there is no error. Errors as `addSpace`. */
  dropSpace(collection: string, name: string, done: Done<WriteReceipt>): void {
    this.#edits.dropSpace(collection, name, done)
  }

  /** `false` when there is none of that name. */
  dropCollection(name: string, done: Done<boolean>): void {
    this.#edits.drop(name, done)
  }

  /**
   * @throws StoreError before anything is staged: unknown collection or vector name, wrong dimension, writes refused. For ops
   * that are resolved when the commit is built, all but the first and the last come through `done`.
   */
  write(request: WriteRequest, done: Done<WriteReceipt>): void {
    this.#engine.gate.check()
    this.#engine.writer.write(request, done)
  }

  /** The listed conflicts of a collection, by visible name or alias. @throws StoreError `COLLECTION_NOT_FOUND`. */
  conflicts(collection: string): ConflictBook {
    return this.#engine.data.collection(collection).conflicts
  }

  /**
   * Carries out a decision as an ordinary write, which every region gets. @throws StoreError as `write`; through `done` also
   * `POINT_NOT_FOUND` when the conflict is not listed any more, and `VALIDATION`.
   */
  resolveConflict(collection: string, id: string, decision: Decision, done: Done<WriteReceipt>): void {
    const { data } = this.#engine
    let resolution: Resolution | undefined
    const { name } = data.collection(collection)
    const ops: ResolveOps = (now) => {
      const { conflicts, keys } = data.collection(name)
      const decided = decide(conflicts, id, decision, now, keys)
      resolution = decided.resolution
      return decided.ops
    }
    this.write({ collection: name, ops }, (outcome) => {
      if (outcome.ok && resolution !== undefined) data.lookUp(name)?.conflicts.resolved(id, resolution)
      done(outcome)
    })
  }

  /**
   * Where a point that was deleted still is, in all regions, as they say themselves.
   * @throws StoreError `COLLECTION_NOT_FOUND`, `OVERLOADED`.
   */
  erasure(collection: string, id: PointId, timeoutMs: number, done: Done<Erasure>): void {
    const { cluster, data } = this.#engine
    cluster.erasures.find(data.collection(collection).uid, id, timeoutMs, done)
  }

  /** What shows under which write wins: see `policyEffect`. To be run in steps. @throws StoreError `COLLECTION_NOT_FOUND`. */
  policyEffect(collection: string, policy: ConflictPolicy): Generator<undefined, PolicyEffect> {
    const { data, clock } = this.#engine
    return policyEffect(data.collection(collection), policy, clock.horizonMs)
  }

  /** Takes over a fresh link to any peer; the handshake follows. */
  attach(link: PeerLink, how: { readonly dialed: boolean }): LinkHandler {
    return this.#engine.cluster.links.attach(link, how.dialed)
  }

  /** Whether a live link to that region exists: a dialer then need not dial. */
  isLinked(region: RegionId): boolean {
    return this.#engine.cluster.peers.isLinked(region)
  }

  /** Cuts, or allows again, links with a region; in memory only. */
  setLinkEnabled(region: RegionId, isEnabled: boolean): void {
    this.#engine.cluster.links.setEnabled(region, isEnabled)
  }

  isLinkEnabled(region: RegionId): boolean {
    return this.#engine.cluster.links.isEnabled(region)
  }

  /** The document of a collection's shard, to be followed by stock clients: never written to by callers. */
  shardDocument(collection: string, shard: number): ShardDoc | undefined {
    const { data } = this.#engine
    const state = data.lookUp(collection)
    return state === undefined ? undefined : data.store(state.uid, shard)?.doc
  }

  /** The index lost a space (its worker died): everything of it is handed over again. */
  resyncSpace(collection: string, vector: string): void {
    this.#engine.data.resync(collection as CollectionUid, vector)
  }

  /** By shard of a collection: whether each other region shows the same. @throws StoreError `COLLECTION_NOT_FOUND`. */
  agreements(collection: string): ShardAgreement[] {
    const { cluster, data } = this.#engine
    return cluster.antiEntropy.agreements(data.collection(collection))
  }

  /** What is wrong now, as far as the engine knows. */
  degradations(): Degradation[] {
    return this.#degradations.find()
  }

  status(): ReplicaStatus {
    return statusOf(this.#engine)
  }

  /** As `close`, for callers that live without promises. `done` runs once per call. */
  shutDown(done: () => void): void {
    this.#engine.shutDown(done)
  }

  /** Stops taking writes, makes durable what was taken, ends links, marks a clean stop. Safe to call twice. */
  close(): Promise<void> {
    return new Promise((resolve) => this.shutDown(resolve))
  }

  /** Ends at once, as a crash would: nothing more is written, sent or called back. */
  stop(): void {
    this.#engine.stop()
  }
}
