import type { CatalogMutation } from '@meridian/catalog'
import { type CollectionConfig, type CollectionUid, type Random, type SpaceParams, StoreError } from '@meridian/core'
import type { AliasAction, Collection, Done, IndexSchema, Setting, WriteReceipt } from './api.js'
import type { CatalogPlane } from './catalog-plane.js'
import type { DataPlane } from './data-plane.js'
import type { Identity } from './identity.js'
import type { LocalClock } from './local-clock.js'
import type { WriteGate } from './write-gate.js'

export interface EditContext {
  readonly identity: Identity
  readonly random: Random
  readonly clock: LocalClock
  readonly data: DataPlane
  readonly catalog: CatalogPlane
  readonly gate: WriteGate
}

/**
 * What callers change in the catalog: collections, their aliases, indexes, settings and vector spaces. Collections are named by
 * visible name or alias. Every method throws why writes are refused, and `COLLECTION_NOT_FOUND`, before anything is staged;
 * what the catalog refuses once the turn of the edit has come, and errors of the disk, come through `done`.
 */
export class CollectionEdits {
  constructor(readonly context: EditContext) {}

  /** @throws StoreError also `COLLECTION_EXISTS`. */
  create(name: string, config: CollectionConfig, done: Done<WriteReceipt>, settings: readonly Setting[]): void {
    const { gate, data, random, identity } = this.context
    gate.check()
    if (data.find(name) !== undefined)
      throw new StoreError('COLLECTION_EXISTS', `Collection \`${name}\` already exists!`)
    const uid = [random.uint32(), random.uint32()]
      .map((word) => word.toString(16).padStart(8, '0'))
      .join('') as CollectionUid
    const { region } = identity
    this.#edit(() => ({ type: 'createCollection', uid, name, config, settings, region, ...this.#stamped() }), done)
  }

  /** `false` when there is none of that name, which is no alias here. */
  drop(name: string, done: Done<boolean>): void {
    const { gate, data, clock, identity } = this.context
    gate.check()
    const found = data.find(name)
    if (found === undefined) {
      done({ ok: true, value: false })
      return
    }
    this.#edit(
      () => ({ type: 'dropCollections', uids: found.uids, region: identity.region, nowMs: clock.wallMs }),
      (outcome) => {
        if (outcome.ok) done({ ok: true, value: true })
        else if (outcome.error.code === 'COLLECTION_NOT_FOUND') done({ ok: true, value: false })
        else done(outcome)
      },
    )
  }

  /** All actions, in order and as one change, or none. */
  changeAliases(actions: readonly AliasAction[], done: Done<WriteReceipt>): void {
    this.context.gate.check()
    this.#edit(() => ({ type: 'changeAliases', actions, ...this.#stamped() }), done)
  }

  /** Declares a payload index, or takes it away. */
  changeIndex(name: string, field: string, schema: IndexSchema | undefined, done: Done<WriteReceipt>): void {
    const collection = this.#named(name)
    this.#edit(() => ({ type: 'changeIndex', collection, field, schema, ...this.#stamped() }), done)
  }

  /** `settings` is asked when the change is built, from what is there then. */
  changeSettings(name: string, settings: (now: Collection) => readonly Setting[], done: Done<WriteReceipt>): void {
    const { data } = this.context
    const collection = this.#named(name)
    const now = (): readonly Setting[] => settings(data.collection(collection))
    this.#edit(() => ({ type: 'changeSettings', collection, settings: now(), ...this.#stamped() }), done)
  }

  addSpace(name: string, space: string, params: SpaceParams, done: Done<WriteReceipt>): void {
    const collection = this.#named(name)
    this.#edit(() => ({ type: 'addSpace', collection, name: space, params, ...this.#stamped() }), done)
  }

  dropSpace(name: string, space: string, done: Done<WriteReceipt>): void {
    const collection = this.#named(name)
    this.#edit(() => ({ type: 'dropSpace', collection, name: space, ...this.#stamped() }), done)
  }

  /** The visible name of a collection that may be changed. */
  #named(name: string): string {
    const { gate, data } = this.context
    gate.check()
    return data.collection(name).name
  }

  #stamped() {
    const { clock } = this.context
    return { stamp: clock.next(), nowMs: clock.wallMs }
  }

  #edit(mutation: () => CatalogMutation, done: Done<WriteReceipt>): void {
    this.context.catalog.edit(mutation, done)
  }
}
