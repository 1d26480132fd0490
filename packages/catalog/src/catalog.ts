import {
  applyChanges,
  change as changeDocument,
  clone,
  type Doc,
  free,
  getAllChanges,
  getLastLocalChange,
  init,
} from '@automerge/automerge'
import { assert, type CollectionUid, type ReplicaId, StoreError } from '@meridian/core'
import { type Change, parseChange, parseChanges } from './change-bytes.js'
import { ChangeLedger, replicaOfActor } from './change-ledger.js'
import { type CatalogDocument, GENESIS } from './genesis.js'
import { type CatalogEvent, newestEvents } from './history.js'
import type { Ballot } from './membership/ballot.js'
import { type Configuration, configurationOf } from './membership/configuration.js'
import { type CatalogMutation, planEdit } from './mutation.js'
import { type CatalogConflict, type ResolvedCollection, type Resolution, resolve } from './resolve.js'
import { type CatalogCollection, type CatalogMember, type CatalogState, readState, stateText } from './state.js'
import { tryChanges } from './trial.js'

export interface CatalogOptions {
  /**
   * Names the writer: 1-64 bytes in hex, best from `actorOf`. A fresh one after anything that may have lost a change already
   * sent (unclean stop, restore, copy): the same actor writing two different changes with one number splits the regions.
   */
  readonly actor: string
  /** From `save`. */
  readonly saved?: Uint8Array
}

/** An edit that nobody sees yet. Make `changes` durable, then `commit`; or `abort`. */
export interface CatalogDraft {
  /** To be logged, and given to `apply` elsewhere. Empty when the catalog already says so. */
  readonly changes: readonly Uint8Array[]
  /** Makes the edit visible. Once; nothing after `abort`. */
  commit(): void
  /** Forgets the edit. Only for changes that are known not to have left this process or reached its disk. */
  abort(): void
}

/** One change, and a document that holds it. */
interface Edit {
  readonly document: Doc<CatalogDocument>
  readonly change: Change
}

/**
 * The control plane: collections and members, in one Automerge document that every region edits. Pure and synchronous.
 *
 * Invariants: (1) the same set of changes, in any order and with any repeats, gives the same state, whatever is parked;
 * (2) nothing is visible before its draft is committed; (3) a call that throws has changed nothing; (4) the document's root
 * is what the genesis made.
 */
export class Catalog {
  readonly #actor: string
  #document: Doc<CatalogDocument>
  readonly #ledger: ChangeLedger
  #state: CatalogState
  #stateText: string
  #resolution: Resolution
  #version = 1
  #draft: CatalogDraft | undefined

  private constructor(actor: string, document: Doc<CatalogDocument>, ledger: ChangeLedger) {
    this.#actor = actor
    this.#document = document
    this.#ledger = ledger
    this.#state = readState(document)
    this.#stateText = stateText(this.#state)
    this.#resolution = resolve(this.#state.collections.values(), this.#state.details)
  }

  /** @throws StoreError `BAD_REQUEST` for an actor that is not hex, `DECODE_FAILED` for damaged bytes. */
  static open(options: CatalogOptions): Catalog {
    if (!/^([0-9a-f]{2}){1,64}$/.test(options.actor)) {
      throw new StoreError(
        'BAD_REQUEST',
        `actor ${JSON.stringify(options.actor)} must be 1 to 64 bytes in lower-case hex`,
      )
    }
    const empty = init<CatalogDocument>({ actor: options.actor })
    const [document] = applyChanges(empty, [GENESIS])
    const catalog = new Catalog(options.actor, document, new ChangeLedger())
    if (options.saved !== undefined) catalog.merge(options.saved)
    return catalog
  }

  /** Every change, parked ones last: plain Automerge change chunks, which `Automerge.load` reads too. */
  save(): Uint8Array {
    return Buffer.concat(this.changes())
  }

  /** What `save` saves, one by one: each after those it is built on, as far as they are known. */
  changes(): Uint8Array[] {
    return [...getAllChanges(this.#document), ...this.#ledger.parked.map((each) => each.bytes)]
  }

  /** 16 hex digits: equal in two catalogs exactly when they hold the same changes, but for one chance in 2^64. */
  digest(): string {
    return this.#ledger.digest()
  }

  /** Increases whenever something that a reader can see changes. */
  get version(): number {
    return this.#version
  }

  /** Whether a draft is open: the next `propose` must wait. */
  get isDrafting(): boolean {
    return this.#draft !== undefined
  }

  /**
   * Stages an edit on top of what is visible now. Changes of others may be applied before it is committed.
   * @throws StoreError `OVERLOADED` while another draft is open; else as `planEdit`.
   */
  propose(mutation: CatalogMutation): CatalogDraft {
    if (this.#draft !== undefined) throw new StoreError('OVERLOADED', 'another catalog change is being made durable')
    const { message, write } = planEdit(mutation, this.#state, this.#resolution)
    const before = this.#document
    const edit = write === undefined ? undefined : this.#edit(Math.floor(mutation.nowMs / 1000), message, write)
    const end = (): void => {
      this.#draft = undefined
    }
    const draft: CatalogDraft = {
      changes: edit === undefined ? [] : [edit.change.bytes],
      commit: () => {
        assert(this.#draft === draft, 'a draft is committed once')
        end()
        if (edit === undefined) return
        if (this.#document === before && this.#adopt(edit)) return
        free(edit.document)
        this.#integrate([edit.change])
      },
      abort: () => {
        if (this.#draft !== draft) return
        end()
        if (edit !== undefined) free(edit.document)
      },
    }
    this.#draft = draft
    return draft
  }

  /** The document with an edit in it, which nobody sees. */
  #edit(time: number, message: string, write: (document: CatalogDocument) => void): Edit {
    const document = changeDocument(clone(this.#document, { actor: this.#actor }), { time, message }, write)
    const bytes = getLastLocalChange(document)
    assert(bytes !== undefined, 'an edit makes a change')
    try {
      return { document, change: parseChange(bytes) }
    } catch (error) {
      free(document)
      // What others would refuse must not be logged.
      throw new StoreError('VALIDATION', 'the edit is too large for one change of the catalog', { cause: error })
    }
  }

  /** Shows the document that an edit was made in, which saves making it again; `false` if something else waits for the edit. */
  #adopt({ document, change }: Edit): boolean {
    const plan = this.#ledger.plan([change], new Map())
    if (plan.ready.length !== 1 || plan.refused.length > 0) return false
    this.#show(document)
    this.#ledger.accept(plan)
    return true
  }

  /**
   * Takes in changes of any origin, repeated and in any order; those whose dependencies are missing are parked until they
   * come, over `save` and `open` too. With `by`, every change must be that replica's.
   * @throws StoreError, nothing being applied: `DECODE_FAILED` for bytes that no honest replica makes, `IDENTITY_CONFLICT` for
   * another's changes or one number used twice, `OVERLOADED` when too much would be parked.
   */
  apply(changes: readonly Uint8Array[], by?: ReplicaId): void {
    const incoming = changes.map(parseChange)
    const foreign = by === undefined ? undefined : incoming.find((each) => replicaOfActor(each.actor) !== by)
    if (foreign !== undefined) {
      throw new StoreError('IDENTITY_CONFLICT', `replica ${by} sent a catalog change of actor ${foreign.actor}`)
    }
    this.#integrate(incoming)
  }

  /** State transfer: takes in all that another catalog saved, parked changes included. Errors as `apply`. */
  merge(saved: Uint8Array): void {
    this.#integrate(parseChanges(saved))
  }

  /** Visible collections, sorted by name. */
  collections(): readonly ResolvedCollection[] {
    return [...this.#resolution.collections.values()]
  }

  /** By visible name, or by `name~uid` of any of its incarnations, so that a link to a conflict outlives the conflict. */
  find(name: string): ResolvedCollection | undefined {
    const found = this.#resolution.collections.get(name)
    if (found !== undefined) return found
    const tilde = name.lastIndexOf('~')
    if (tilde < 0) return undefined
    const uid = name.slice(tilde + 1) as CollectionUid
    if (this.#state.collections.get(uid)?.name !== name.slice(0, tilde)) return undefined
    return this.collections().find((each) => each.uids.includes(uid))
  }

  /** Aliases in sight with the collections they stand for, sorted by alias. */
  aliases(): ReadonlyMap<string, ResolvedCollection> {
    return this.#resolution.aliases
  }

  conflicts(): readonly CatalogConflict[] {
    return this.#resolution.conflicts
  }

  /** One incarnation, dropped ones included. */
  incarnation(uid: CollectionUid): CatalogCollection | undefined {
    return this.#state.collections.get(uid)
  }

  /** Every incarnation, dropped ones included, sorted by uid. */
  incarnations(): readonly CatalogCollection[] {
    return [...this.#state.collections.values()]
  }

  /** Sorted by replica number. */
  members(): readonly CatalogMember[] {
    return [...this.#state.members.values()]
  }

  /** The active members as `self` sees them. */
  configuration(self: ReplicaId): Configuration {
    return configurationOf(this.#state, self)
  }

  /** What was proposed and voted for configuration `index`. */
  ballot(index: number): Ballot | undefined {
    return this.#state.ballots.get(index)
  }

  /** What peers wrote that makes no sense or contradicts itself, in words. */
  problems(): readonly string[] {
    return [...this.#state.problems, ...this.#ledger.refusals]
  }

  /** Changes that wait for others. */
  get parkedCount(): number {
    return this.#ledger.parked.length
  }

  /** The newest `limit` edits, newest first: an edit stands before those it had seen, the same everywhere. */
  history(limit: number): CatalogEvent[] {
    return newestEvents(this.#ledger.known(), limit)
  }

  /** Equal in two regions exactly when they agree: canonical JSON of what is visible. */
  canonicalState(): string {
    return this.#stateText
  }

  /** Frees the document's memory, which the garbage collector cannot see. Nothing may be called afterwards. */
  close(): void {
    free(this.#document)
  }

  #integrate(incoming: readonly Change[]): void {
    const barred = new Map<string, string>()
    for (;;) {
      const plan = this.#ledger.plan(incoming, barred)
      const trial = tryChanges(this.#document, plan.ready)
      if (trial.type === 'failed') {
        barred.set(trial.change.hash, trial.why)
        continue
      }
      if (trial.type === 'taken') this.#show(trial.document)
      this.#ledger.accept(plan)
      return
    }
  }

  #show(document: Doc<CatalogDocument>): void {
    const state = readState(document)
    free(this.#document)
    this.#document = document
    const text = stateText(state)
    if (text === this.#stateText) return
    this.#state = state
    this.#stateText = text
    this.#resolution = resolve(state.collections.values(), state.details)
    this.#version += 1
  }
}
