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

/** Orders looked at before a history is given up as too entangled to decide: far above any that was met. */
const STEPS_MAX = 5_000_000

/**
 * Whether some order of the operations explains them: each takes effect at one moment between call and return, and every read
 * sees the newest write (`initial` before any). The search of Wing and Gong, "Testing and Verifying Concurrent Objects" (1993),
 * with Lowe's memory of (operations placed, value) that led nowhere, "Testing for Linearizability" (2017). Registers are
 * independent, so histories of several are checked one by one (Herlihy and Wing's locality).
 *
 * @throws Error past a bound of steps.
 */
export const isLinearizable = <V extends string | number | undefined>(
  history: readonly Operation<V>[],
  initial: V,
): boolean => {
  const operations = relevant(history)
  const list = new EventList(operations)
  const known = new Set<string>()
  const bits = new Uint32Array(Math.ceil(operations.length / 32))
  /** What was placed, in order, with the value before it. */
  const trail: { readonly at: number; readonly before: V }[] = []
  let value = initial
  let left = operations.filter(({ returned }) => returned !== undefined).length
  let event = list.first
  let steps = 0
  const toggle = (at: number): void => {
    bits[at >>> 5]! ^= 1 << (at & 31)
  }
  while (left > 0) {
    if (++steps > STEPS_MAX) throw new Error(`no verdict on ${operations.length} operations after ${STEPS_MAX} steps`)
    if (event?.isCall) {
      const { kind, value: named, returned } = operations[event.at]!
      if (kind === 'write' || named === value) {
        const next = kind === 'write' ? named : value
        toggle(event.at)
        const key = `${bits.join()}=${typeof next}${String(next)}`
        if (!known.has(key)) {
          known.add(key)
          trail.push({ at: event.at, before: value })
          value = next
          list.lift(event.at)
          if (returned !== undefined) left--
          event = list.first
          continue
        }
        toggle(event.at)
      }
      event = event.next
      continue
    }
    // A return of what was not placed, or the end: the last choice was wrong.
    const last = trail.pop()
    if (last === undefined) return false
    toggle(last.at)
    list.unlift(last.at)
    value = last.before
    if (operations[last.at]!.returned !== undefined) left++
    event = list.call(last.at).next
  }
  return true
}

/** Without the writes of unknown outcome whose value nobody has seen: wherever they stand, they can as well be left out. */
const relevant = <V>(history: readonly Operation<V>[]): Operation<V>[] => {
  const seen = new Set<V>()
  for (const { kind, value, returned } of history) if (kind === 'read' && returned !== undefined) seen.add(value)
  return history.filter(({ kind, value, returned }) => returned !== undefined || (kind === 'write' && seen.has(value)))
}

interface Event {
  readonly at: number
  readonly isCall: boolean
  previous: Event | undefined
  next: Event | undefined
}

/** Calls and returns by time, doubly linked: an operation is taken out and put back in constant time. */
class EventList {
  readonly #head: Event = { at: -1, isCall: false, previous: undefined, next: undefined }
  readonly #calls: Event[] = []
  readonly #returns: (Event | undefined)[] = []

  constructor(operations: readonly Operation<unknown>[]) {
    const events: { readonly time: number; readonly event: Event }[] = []
    for (const [at, { called, returned }] of operations.entries()) {
      const make = (isCall: boolean, time: number): Event => {
        const event: Event = { at, isCall, previous: undefined, next: undefined }
        events.push({ time, event })
        return event
      }
      this.#calls.push(make(true, called))
      this.#returns.push(returned === undefined ? undefined : make(false, returned))
    }
    // What is called in the moment of a return overlaps it.
    events.sort((a, b) => a.time - b.time || Number(b.event.isCall) - Number(a.event.isCall))
    let last = this.#head
    for (const { event } of events) {
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
    for (const event of [this.#calls[at]!, this.#returns[at]]) {
      if (event === undefined) continue
      event.previous!.next = event.next
      if (event.next !== undefined) event.next.previous = event.previous
    }
  }

  /** In the reverse order of `lift`. */
  unlift(at: number): void {
    for (const event of [this.#returns[at], this.#calls[at]!]) {
      if (event === undefined) continue
      event.previous!.next = event
      if (event.next !== undefined) event.next.previous = event
    }
  }
}
