/**
 * One operation on one register, as a client saw it. Times are of one clock; an operation that returned before another was
 * called comes before it. A write that has no `returned` may take effect at any time after its call, or never; a read without
 * one says nothing and is left out of a history.
 */
export interface Operation<V> {
  readonly kind: 'read' | 'write'
  /** Written or seen. */
  readonly value: V
  readonly called: number
  readonly returned: number | undefined
}

/** Steps before a history is given up as too entangled to decide; far above any that was met. */
const STEPS_MAX = 5_000_000

/**
 * Whether some order of the operations explains them: each takes effect at one moment between call and return, and every read
 * sees the newest write (`initial` before any). The search of Wing and Gong, "Testing and Verifying Concurrent Objects" (1993),
 * with Lowe's memory of (operations placed, value) that led nowhere, "Testing for Linearizability" (2017). Registers are
 * independent, so histories of several are checked one by one (Herlihy and Wing's locality).
 *
 * A read of the present value is placed at once: no later place is better, and it changes nothing. A write without a return matters only to a read that sees it, so it is placed right before such a read or not at all; of
 * several of one value it does not matter which.
 *
 * @throws Error past a bound of steps.
 */
export const isLinearizable = <V extends string | number | undefined>(
  history: readonly Operation<V>[],
  initial: V,
): boolean => {
  const operations = history.filter(({ returned }) => returned !== undefined)
  const spares = new Spares(history)
  const list = new EventList(operations)
  const known = new Set<string>()
  const bits = new Uint32Array(Math.ceil(operations.length / 32))
  /** What was placed, in order, with the value before it. */
  const trail: {
    readonly at: number
    readonly before: V
    readonly spare: V | typeof NONE
    readonly isForced: boolean
  }[] = []
  let value = initial
  let event = list.first
  let steps = 0
  const toggle = (at: number): void => {
    bits[at >>> 5]! ^= 1 << (at & 31)
  }
  const place = (at: number, spare: V | typeof NONE, isForced: boolean): void => {
    trail.push({ at, before: value, spare, isForced })
    value = operations[at]!.value
    list.lift(at)
  }
  const placeReads = (): void => {
    for (let each = list.first; each?.isCall; each = each.next) {
      const { kind, value: named } = operations[each.at]!
      if (kind !== 'read' || named !== value) continue
      toggle(each.at)
      place(each.at, NONE, true)
    }
  }
  placeReads()
  event = list.first
  while (list.first !== undefined) {
    if (++steps > STEPS_MAX) throw new Error(`no verdict on ${operations.length} operations after ${STEPS_MAX} steps`)
    if (event?.isCall) {
      const { at } = event
      const { kind, value: named } = operations[at]!
      const spare = kind === 'read' && named !== value ? named : NONE
      if (spare === NONE || spares.take(spare, firstReturn(event))) {
        toggle(at)
        const key = `${bits.join()}=${typeof named}${String(named)}${spares.used}`
        if (!known.has(key)) {
          known.add(key)
          place(at, spare, false)
          placeReads()
          event = list.first
          continue
        }
        toggle(at)
        if (spare !== NONE) spares.giveBack(spare)
      }
      event = event.next
      continue
    }
    // A return of what was not placed: the last choice was wrong.
    for (;;) {
      const last = trail.pop()
      if (last === undefined) return false
      toggle(last.at)
      if (last.spare !== NONE) spares.giveBack(last.spare)
      list.unlift(last.at)
      value = last.before
      event = list.call(last.at).next
      if (!last.isForced) break
    }
  }
  return true
}

const NONE = Symbol('none')

/** Time of the first return at or after a call: what is placed next takes effect before it. */
const firstReturn = (event: Event): number => {
  let at: Event | undefined = event
  while (at?.isCall) at = at.next
  return at?.time ?? Number.POSITIVE_INFINITY
}

/** Writes without a return, by value: when they were called, and how many are placed. */
class Spares<V> {
  readonly #called = new Map<V, number[]>()
  readonly #used = new Map<V, number>()
  /** Names how many of each value are placed. */
  used = ''

  constructor(history: readonly Operation<V>[]) {
    for (const { kind, value, called, returned } of history) {
      if (kind !== 'write' || returned !== undefined) continue
      const times = this.#called.get(value) ?? []
      times.push(called)
      this.#called.set(value, times)
    }
    for (const times of this.#called.values()) times.sort((a, b) => a - b)
  }

  /** Whether there is one left that was called by `time`; it is then placed. */
  take(value: V, time: number): boolean {
    const used = this.#used.get(value) ?? 0
    const called = this.#called.get(value)?.[used]
    if (called === undefined || called > time) return false
    this.#set(value, used + 1)
    return true
  }

  giveBack(value: V): void {
    this.#set(value, this.#used.get(value)! - 1)
  }

  #set(value: V, used: number): void {
    this.#used.set(value, used)
    const inUse = [...this.#used].filter(([, count]) => count > 0).map(([of, count]) => `${String(of)}:${count}`)
    this.used = `/${inUse.sort().join()}`
  }
}

interface Event {
  readonly at: number
  readonly isCall: boolean
  readonly time: number
  previous: Event | undefined
  next: Event | undefined
}

/** Calls and returns of answered operations by time, doubly linked: an operation is taken out and put back in constant time. */
class EventList {
  readonly #head: Event = { at: -1, isCall: false, time: 0, previous: undefined, next: undefined }
  readonly #calls: Event[] = []
  readonly #returns: Event[] = []

  constructor(operations: readonly Operation<unknown>[]) {
    const events: Event[] = []
    for (const [at, { called, returned }] of operations.entries()) {
      const make = (isCall: boolean, time: number): Event => {
        const event: Event = { at, isCall, time, previous: undefined, next: undefined }
        events.push(event)
        return event
      }
      this.#calls.push(make(true, called))
      this.#returns.push(make(false, returned!))
    }
    // What is called in the moment of a return overlaps it.
    events.sort((a, b) => a.time - b.time || Number(b.isCall) - Number(a.isCall))
    let last = this.#head
    for (const event of events) {
      last.next = event
      event.previous = last
      last = event
    }
  }

  get first(): Event | undefined {
    return this.#head.next
  }

  call(at: number): Event {
    return this.#calls[at]!
  }

  lift(at: number): void {
    for (const event of [this.#calls[at]!, this.#returns[at]!]) {
      event.previous!.next = event.next
      if (event.next !== undefined) event.next.previous = event.previous
    }
  }

  /** In the reverse order of `lift`. */
  unlift(at: number): void {
    for (const event of [this.#returns[at]!, this.#calls[at]!]) {
      event.previous!.next = event
      if (event.next !== undefined) event.next.previous = event
    }
  }
}
