import { BOOT_MAX, clientIdOf, type ReplicaId, replicaOfClient, StoreError } from '@meridian/core'
import { type Change, impossible, parseChange } from './change-bytes.js'
import { GENESIS } from './genesis.js'

/** The actor of one boot of one replica: its Yjs client id in 8 hex digits. */
export const actorOf = (replica: ReplicaId, boot: number): string => {
  if (!Number.isInteger(boot) || boot < 0 || boot > BOOT_MAX) {
    throw new StoreError('BAD_REQUEST', `boot ${boot} must be an integer from 0 to ${BOOT_MAX}`)
  }
  return clientIdOf(replica, boot).toString(16).padStart(8, '0')
}

/** The replica of an actor made by `actorOf`; undefined for any other. */
export const replicaOfActor = (actor: string): ReplicaId | undefined => {
  if (!/^[0-9a-f]{8}$/.test(actor)) return undefined
  const replica = replicaOfClient(Number.parseInt(actor, 16))
  return replica >= 1 ? replica : undefined
}

/** Bytes of changes that wait for others. Past it, changes whose dependencies are missing are refused. */
export const PARKED_BYTES_MAX = 16 * 1024 * 1024
const REFUSALS_MAX = 100

type Known = Omit<Change, 'bytes'>

/** What `plan` decided; nothing has happened yet. */
export interface LedgerPlan {
  /** Every dependency is known or stands before; to be applied in this order. */
  readonly ready: readonly Change[]
  readonly waiting: readonly Change[]
  /** Parked changes that turned out to be impossible, and why. */
  readonly refused: readonly string[]
}

/**
 * Which changes the document holds and which wait for their dependencies. Waiting ones stay out of Automerge, so that one
 * that turns out to be impossible is dropped alone instead of failing whoever brings its dependency.
 */
export class ChangeLedger {
  readonly #known = new Map<string, Known>()
  /** Newest sequence number by actor. */
  readonly #seqs = new Map<string, number>()
  #parked: readonly Change[] = []
  #refusals: readonly string[] = []

  constructor() {
    this.#learn(parseChange(GENESIS))
  }

  get parked(): readonly Change[] {
    return this.#parked
  }

  /** Changes that were parked and then refused; the newest hundred, in words. */
  get refusals(): readonly string[] {
    return this.#refusals
  }

  known(): Iterable<Known> {
    return this.#known.values()
  }

  /**
   * Orders what can be applied now. `barred` names parked changes that Automerge refused.
   * @throws StoreError `DECODE_FAILED` or `IDENTITY_CONFLICT` if one of `incoming` is impossible; `OVERLOADED` if too much
   * would wait.
   */
  plan(incoming: readonly Change[], barred: ReadonlyMap<string, string>): LedgerPlan {
    const offered = new Map<string, Change>()
    for (const each of [...this.#parked, ...incoming]) if (!this.#known.has(each.hash)) offered.set(each.hash, each)
    const blamed = new Set(incoming.map((each) => each.hash))
    const seqs = new Map<string, number>()
    const ends = new Map<string, number>()
    const endOf = (hash: string): number | undefined => ends.get(hash) ?? this.#known.get(hash)?.endOp
    const refused: string[] = []
    const ready: Change[] = []
    const missing = new Map<string, number>()
    const waiters = new Map<string, Change[]>()
    const queue: Change[] = []
    for (const each of offered.values()) {
      const deps = new Set(each.deps.filter((dep) => !this.#known.has(dep)))
      missing.set(each.hash, deps.size)
      if (deps.size === 0) queue.push(each)
      for (const dep of deps) {
        const list = waiters.get(dep)
        if (list === undefined) waiters.set(dep, [each])
        else list.push(each)
      }
    }
    for (let at = 0; at < queue.length; at++) {
      const each = queue[at]!
      const problem = barred.has(each.hash)
        ? impossible(each, barred.get(each.hash)!)
        : problemOf(each, seqs.get(each.actor) ?? this.#seqs.get(each.actor) ?? 0, endOf)
      offered.delete(each.hash)
      if (problem !== undefined) {
        if (blamed.has(each.hash)) throw problem
        refused.push(problem.message)
        continue
      }
      ready.push(each)
      seqs.set(each.actor, each.seq)
      ends.set(each.hash, each.endOp)
      for (const waiter of waiters.get(each.hash) ?? []) {
        const left = missing.get(waiter.hash)! - 1
        missing.set(waiter.hash, left)
        if (left === 0) queue.push(waiter)
      }
    }
    const waiting = [...offered.values()]
    const bytes = waiting.reduce((sum, each) => sum + each.bytes.length, 0)
    if (bytes > PARKED_BYTES_MAX && waiting.some((each) => blamed.has(each.hash))) {
      throw new StoreError('OVERLOADED', `more than ${PARKED_BYTES_MAX} bytes of catalog changes wait for others`)
    }
    return { ready, waiting, refused }
  }

  /** The document has taken `plan.ready`. */
  accept(plan: LedgerPlan): void {
    for (const each of plan.ready) this.#learn(each)
    this.#parked = plan.waiting
    this.#refusals = [...this.#refusals, ...plan.refused].slice(-REFUSALS_MAX)
  }

  #learn({ bytes: _, ...known }: Change): void {
    this.#known.set(known.hash, known)
    this.#seqs.set(known.actor, known.seq)
  }
}

/** Automerge numbers an actor's changes 1, 2, 3 … and starts a change's operations right above those it depends on. */
const problemOf = (
  change: Change,
  seqBefore: number,
  endOf: (hash: string) => number | undefined,
): StoreError | undefined => {
  if (change.deps.length === 0) return impossible(change, 'it does not descend from the genesis')
  if (change.seq <= seqBefore) {
    return new StoreError(
      'IDENTITY_CONFLICT',
      `actor ${change.actor} made two different changes numbered ${change.seq}`,
    )
  }
  if (change.seq !== seqBefore + 1) return impossible(change, `its author's changes end at ${seqBefore}`)
  const below = change.deps.reduce((max, dep) => Math.max(max, endOf(dep) ?? 0), 0)
  return change.startOp === below + 1
    ? undefined
    : impossible(change, `operations start at ${change.startOp}, not ${below + 1}`)
}
