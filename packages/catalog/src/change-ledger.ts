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
const DIGEST_BYTES = 8

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
  /** Newest change by actor. */
  readonly #newest = new Map<string, Known>()
  #parked: readonly Change[] = []
  /** All known hashes, folded into 64 bits. */
  readonly #digest = new Uint8Array(DIGEST_BYTES)
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

  /** 16 hex digits: equal for equal sets of changes, parked ones included. */
  digest(): string {
    const digest = this.#digest.slice()
    for (const each of this.#parked) fold(digest, each.hash)
    return Buffer.from(digest).toString('hex')
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
    const newest = new Map<string, Change>()
    const placed = new Map<string, Change>()
    const find = (hash: string): Known | undefined => placed.get(hash) ?? this.#known.get(hash)
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
        : problemOf(each, newest.get(each.actor) ?? this.#newest.get(each.actor), find)
      offered.delete(each.hash)
      if (problem !== undefined) {
        if (blamed.has(each.hash)) throw problem
        refused.push(problem.message)
        continue
      }
      ready.push(each)
      newest.set(each.actor, each)
      placed.set(each.hash, each)
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
    fold(this.#digest, known.hash)
    this.#known.set(known.hash, known)
    this.#newest.set(known.actor, known)
  }
}

/**
 * Automerge numbers an actor's changes 1, 2, 3 …, each built on the one before, and starts a change's operations right above
 * those it depends on. It trusts that: a change that does otherwise can give one number to two operations.
 */
const problemOf = (
  change: Change,
  previous: Known | undefined,
  find: (hash: string) => Known | undefined,
): StoreError | undefined => {
  if (change.deps.length === 0) return impossible(change, 'it does not descend from the genesis')
  const seqBefore = previous?.seq ?? 0
  if (change.seq <= seqBefore) {
    return new StoreError(
      'IDENTITY_CONFLICT',
      `actor ${change.actor} made two different changes numbered ${change.seq}`,
    )
  }
  if (change.seq !== seqBefore + 1) return impossible(change, `its author's changes end at ${seqBefore}`)
  const below = change.deps.reduce((max, dep) => Math.max(max, find(dep)?.endOp ?? 0), 0)
  if (change.startOp !== below + 1) {
    return impossible(change, `operations start at ${change.startOp}, not ${below + 1}`)
  }
  if (previous === undefined || descends(change, previous, find)) return undefined
  return impossible(change, 'it is not built on the change before it')
}

/** Whether `ancestor` is below `change`. Looks no further down than its operations. */
const descends = (change: Known, ancestor: Known, find: (hash: string) => Known | undefined): boolean => {
  const seen = new Set<string>()
  const queue = [...change.deps]
  for (let hash = queue.pop(); hash !== undefined; hash = queue.pop()) {
    if (hash === ancestor.hash) return true
    const dep = find(hash)
    if (seen.has(hash) || dep === undefined || dep.endOp < ancestor.endOp) continue
    seen.add(hash)
    for (const hash of dep.deps) queue.push(hash)
  }
  return false
}

const fold = (digest: Uint8Array, hash: string): void => {
  for (let i = 0; i < digest.length; i++) digest[i]! ^= Number.parseInt(hash.slice(2 * i, 2 * i + 2), 16)
}
