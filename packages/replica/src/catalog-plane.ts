import { actorOf, Catalog, type CatalogDraft, type CatalogMutation } from '@meridian/catalog'
import { type CollectionUid, type Log, type Storage, StoreError } from '@meridian/core'
import type { Done, WriteReceipt } from './api.js'
import type { Identity } from './identity.js'
import { logKey } from './log-entry.js'
import type { LocalClock } from './local-clock.js'
import type { Sequencer } from './sequencer.js'
import type { Stage } from './stage.js'
import type { Transactions } from './transactions.js'

const PREFIX = 'catalog/'
const STATE_KEY = 'catalog/state'
const OFFERED_KEY = 'catalog/state-offered'
const PURGED_PREFIX = 'purged/'

/** The catalog document, its rows, and the edits of this replica. A catalog edit is a transaction of the same log. */
export class CatalogPlane {
  readonly document: Catalog
  readonly #purged = new Set<string>()
  #changedVersion = 0

  constructor(
    readonly storage: Storage,
    readonly identity: Identity,
    readonly clock: LocalClock,
    readonly sequencer: Sequencer,
    readonly transactions: Transactions,
    readonly logger: Log,
    readonly onChange: () => void,
    /** Why this replica makes no edits but of the membership. */
    readonly silence: () => StoreError | undefined,
  ) {
    this.document = Catalog.open({ actor: actorOf(identity.replica, identity.boot) })
    this.#load([...storage.scan(PREFIX)])
    for (const key of storage.keys(PURGED_PREFIX)) this.#purged.add(key.slice(PURGED_PREFIX.length))
    this.#changedVersion = this.document.version
  }

  /** Makes an edit durable, then visible. `mutation` is made when its turn comes, from what is visible then. */
  edit(mutation: (stage: Stage) => CatalogMutation, done: Done<WriteReceipt>): void {
    const { document, transactions, clock, identity } = this
    let draft: CatalogDraft | undefined
    this.sequencer.push({
      bytes: 0,
      isLast: true,
      stage: (stage) => {
        const edit = mutation(stage)
        const isOfMembership = ['proposeMember', 'voteMember', 'sawMember'].includes(edit.type)
        const refusal = isOfMembership ? undefined : this.silence()
        if (refusal !== undefined) throw refusal
        draft = document.propose(edit)
        const staged = draft
        const seq =
          staged.changes.length === 0
            ? stage.vector.get(identity.replica)
            : transactions.stageCatalog(stage, edit.nowMs, staged.changes)
        if (staged.changes.length > 0) this.stageChanges(stage, identity.replica, seq, staged.changes)
        clock.stage(stage)
        stage.durable.push(() => {
          staged.commit()
          draft = undefined
          this.notify()
          done({ ok: true, value: { replica: identity.replica, seq, merged: transactions.log.vector } })
        })
      },
      failed: (error: StoreError) => {
        // A full disk refused it; after any other failure nothing is written any more, so the change cannot come back changed.
        draft?.abort()
        done({ ok: false, error })
      },
    })
  }

  stageChanges(stage: Stage, origin: Identity['replica'], seq: number, changes: readonly Uint8Array[]): void {
    stage.put(PREFIX + logKey(origin, seq), Buffer.concat(changes))
  }

  /** A whole catalog from a peer: stored beside what is known, then merged. */
  stageState(stage: Stage, saved: Uint8Array): void {
    // Rows of their own: should Automerge refuse what was offered, it is left out at every start, and nothing with it.
    stage.put(STATE_KEY, this.document.save())
    stage.put(OFFERED_KEY, saved)
    stage.durable.push(() => {
      this.#merge(saved, OFFERED_KEY)
      this.notify()
    })
  }

  /** A peer's durable changes. They were parsed; what Automerge then still refuses is left out, here and at every start. */
  apply(changes: readonly Uint8Array[], origin: Identity['replica']): void {
    this.#merge(Buffer.concat(changes), `changes of replica ${origin}`)
  }

  /** All rows in one step, which costs a fraction; one by one only when one of them holds what must be left out. */
  #load(rows: readonly (readonly [string, Uint8Array])[]): void {
    if (rows.length === 0) return
    try {
      this.document.merge(Buffer.concat(rows.map(([, bytes]) => bytes)))
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      for (const [key, bytes] of rows) this.#merge(bytes, key)
    }
  }

  #merge(saved: Uint8Array, from: string): void {
    try {
      this.document.merge(saved)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      this.logger.error({ error_code: error.code, from }, `left out catalog changes: ${error.message}`)
    }
  }

  /** Lets documents and views follow when something visible changed. */
  notify(): void {
    if (this.document.version === this.#changedVersion) return
    this.#changedVersion = this.document.version
    this.onChange()
  }

  /** Every incarnation whose documents must exist: dropped ones too, until they are purged. */
  incarnations(): { uid: CollectionUid; shards: number; isDropped: boolean }[] {
    return this.document
      .incarnations()
      .filter(({ uid }) => !this.#purged.has(uid))
      .map(({ uid, config, dropped }) => ({ uid, shards: config.shards, isDropped: dropped !== undefined }))
  }

  /** Whether the catalog has ever named the uid. */
  knows(uid: CollectionUid): boolean {
    return this.document.incarnations().some((each) => each.uid === uid)
  }

  isDropped(uid: CollectionUid): boolean {
    return this.document.incarnation(uid)?.dropped !== undefined
  }

  isPurged(uid: CollectionUid): boolean {
    return this.#purged.has(uid)
  }

  stagePurged(stage: Stage, uid: CollectionUid): void {
    stage.put(PURGED_PREFIX + uid, new Uint8Array([1]))
    stage.durable.push(() => this.#purged.add(uid))
  }
}
