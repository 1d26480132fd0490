import {
  canonicalJson,
  type ConflictPolicy,
  EMPTY_STATE,
  numbersOf,
  type PointId,
  type RecordState,
  type Stamp,
  stateOf,
  type VersionVector,
  type VisibleRecord,
  visible,
} from '@meridian/core'
import { Bootstrap } from './bootstrap.js'
import { type Collection, policyOf } from '@meridian/replica'
import type { Merge, Oracle } from './oracle.js'
import { isSameRecord, isSameStamp, isSameState } from './record-equality.js'
import { Shadow } from './shadow.js'
import type { SimNode } from './sim-node.js'
import { stampKey } from './stamp-key.js'
import { Violation } from './violation.js'

/** A stamp whose time has come shows after this long at the latest: a release waits for the disk, which may be full. */
const RELEASE_WITHIN_MS = 3000

type History = ReturnType<Collection['history']>

interface Seen {
  /** The state that the node last showed. */
  readonly state: RecordState
  readonly history: History
  /** What it had to show at least when that was checked. */
  readonly atLeast: RecordState | undefined
}

/**
 * Compares one node's visible records with what they must be, at any moment, faults or not.
 *
 *  1. Everything a record shows was written, durably, by the writer that its stamp names, and shows as it was written.
 *  2. It shows no less than the fold of all writes that the node's merged vector covers. More is right while the state of a
 *     peer arrives; less while a write of its future waits, since what that supersedes may never arrive, and before a new
 *     region has caught up (`Bootstrap`).
 *  3. It shows no less than at the last look, restarts included: no record blinks out, none comes back from the dead.
 *
 * A delete that its vector covers may be forgotten, as long as nothing shows because of that.
 *
 * All that is meant under the policy that the node has at the moment: when it has taken another, what it showed before must be
 * there still, shown or below what shows now, but for disputed writes (`Disputes`).
 */
export class RecordWatch {
  /** By policy; one where none changes. */
  readonly #shadows = new Map<string, { readonly shadow: Shadow; readonly disputes: number }>()
  readonly #bootstrap: Bootstrap
  readonly #seen = new Map<string, Map<PointId, Seen>>()

  constructor(
    readonly node: SimNode,
    readonly oracle: Oracle,
    nodes: readonly SimNode[],
  ) {
    this.#bootstrap = new Bootstrap(node, nodes)
  }

  /** `merged`: the node's merged vector. */
  check(merged: VersionVector): void {
    const { node } = this
    if (node.replica === undefined) return
    const surelyMs = node.clock.leastRecentMs(RELEASE_WITHIN_MS) + node.guardMs
    const isWhole = this.#bootstrap.isOver(merged)
    for (const collection of node.replica.collections()) {
      const uids = node.replica.incarnationsOf(collection.name)
      const name = uids.join()
      const seen = this.#seen.get(name) ?? new Map<PointId, Seen>()
      this.#seen.set(name, seen)
      const shadow = this.#shadowOf(policyOf(collection.settings))
      shadow.advance(merged, surelyMs)
      const states = shadow.states(uids)
      const waiting = shadow.waiting(uids)
      const check = (id: PointId): void => {
        const before = seen.get(id)
        const isWaiting = waiting.has(id)
        const atLeast = !isWhole || isWaiting ? undefined : states.get(id)
        const covered = isWaiting ? shadow.withWaiting(uids, id) : (states.get(id) ?? EMPTY_STATE)
        const now = this.#checkRecord(collection, id, before, atLeast, covered, shadow.merge)
        if (now !== before) seen.set(id, now)
      }
      for (const id of states.keys()) check(id)
      for (const id of seen.keys()) if (!states.has(id)) check(id)
    }
  }

  #shadowOf(policy: ConflictPolicy): Shadow {
    const { disputes } = this.oracle
    const text = disputes === undefined ? '' : canonicalJson({ ...policy })
    const count = disputes?.count ?? 0
    const known = this.#shadows.get(text)
    if (known?.disputes === count) return known.shadow
    const shadow = new Shadow(this.oracle, this.oracle.mergeOf(policy))
    this.#shadows.set(text, { shadow, disputes: count })
    return shadow
  }

  /** What a record was made of when it was last looked at, under the policy of now. */
  #shownBefore(before: Seen | undefined, merge: Merge): RecordState {
    const { disputes } = this.oracle
    if (before === undefined) return EMPTY_STATE
    if (disputes === undefined) return before.state
    return before.history
      .filter(({ stamp }) => !disputes.has(stamp))
      .reduce((state, { stamp }) => merge(state, stateOf(this.oracle.written(stamp)!)), EMPTY_STATE)
  }

  #checkRecord(
    collection: Collection,
    id: PointId,
    before: Seen | undefined,
    atLeast: RecordState | undefined,
    /** What its vector covers, whether it shows yet or not. */
    covered: RecordState,
    merge: Merge,
  ): Seen {
    const where = `${this.node.region}, ${collection.name}, record ${id}`
    const history = collection.history(id)
    if (before !== undefined && before.atLeast === atLeast && isSameHistory(before.history, history)) return before
    let state = EMPTY_STATE
    for (const { stamp } of history) {
      const entry = this.oracle.written(stamp)
      if (entry === undefined)
        throw new Violation(
          'identity',
          `${where}: shows a write of ${stampKey(stamp)} that was never durable on its writer's disk`,
        )
      state = merge(state, stateOf(entry))
    }
    const shown = this.#shownBefore(before, merge)
    const isKept = [shown, merge(covered, shown)].some((known) =>
      covers(merge, withForgotten(merge, state, known), shown),
    )
    if (!isKept)
      throw new Violation(
        'regression',
        `${where}: showed ${describeHistory(before!.history)}; now ${describeHistory(history)}`,
      )
    if (atLeast !== undefined && !covers(merge, withForgotten(merge, state, atLeast), atLeast))
      throw new Violation(
        'coverage',
        `${where}: shows ${describeHistory(history)}; its vector covers ${describeState(atLeast)}`,
      )
    const ordinal = collection.find(id)
    const found = ordinal === undefined ? undefined : recordOf(collection, ordinal)
    const wanted = visible(state)
    if (!isSameShown(found, wanted))
      throw new Violation('coverage', `${where}: is ${describeShown(found)}, written was ${describeShown(wanted)}`)
    return { state: withForgotten(merge, state, merge(atLeast ?? EMPTY_STATE, shown)), history, atLeast }
  }
}

/** The state with what of a deleted record may have been forgotten: none of it makes a difference to what shows. */
const withForgotten = (merge: Merge, state: RecordState, covered: RecordState): RecordState => {
  if (visible(covered) !== undefined) return state
  const whole = merge(state, covered)
  return isSameShown(visible(whole), visible(state)) ? whole : state
}

const isSameHistory = (a: History, b: History): boolean =>
  a.length === b.length &&
  a.every((each, i) => {
    const { what, stamp, seq, origin } = b[i]!
    return each.what === what && each.seq === seq && each.origin === origin && isSameStamp(each.stamp, stamp)
  })

const describeHistory = (history: History): string =>
  history.map(({ what, stamp, seq, origin }) => `${what} ${stampKey(stamp)} in ${origin}/${seq}`).join(', ') ||
  'nothing'

/** Whether merging `less` into `state` changes nothing. */
const covers = (merge: Merge, state: RecordState, less: RecordState): boolean => isSameState(merge(state, less), state)

const describeState = ({ presence, cleared, vectors, payload }: RecordState): string => {
  const stamp = (of: Stamp | undefined): string => (of === undefined ? '-' : stampKey(of))
  const cells = (of: ReadonlyMap<string, { readonly stamp: Stamp }>): string =>
    [...of]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, cell]) => `${name}=${stampKey(cell.stamp)}`)
      .join(' ')
  return `${presence?.alive === false ? 'delete' : 'put'} ${stamp(presence?.stamp)} cleared ${stamp(cleared)} [${cells(vectors)}] {${cells(payload)}}`
}

/** A live record as its node reads it. */
export const recordOf = (collection: Collection, ordinal: number): VisibleRecord => {
  const names = collection.vectorNames(ordinal)
  const vectors = new Map(names.map((name) => [name, collection.vector(ordinal, name)!]))
  return { vectors, payload: collection.payload(ordinal) }
}

type Shown = VisibleRecord | undefined

export const isSameShown = (a: Shown, b: Shown): boolean =>
  a === undefined || b === undefined ? a === b : isSameRecord(a, b)

export const describeShown = (record: Shown): string => (record === undefined ? 'absent' : describe(record))

/** As text, to the last float. */
export const describe = ({ vectors, payload }: VisibleRecord): string =>
  `${[...vectors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, vector]) => `${name}:${numbersOf(vector).join()}`)
    .join(' ')} ${canonicalJson(payload)}`
