import { decodeBlock, openFrame, type Storage, type StorageOp, type VectorIndex, VersionVector } from '@meridian/core'
import { frameOf } from '@meridian/core/testing'
import { Ballot } from '@meridian/catalog'
import {
  AntiEntropy,
  Barriers,
  decodeMessage,
  type Done,
  encodeMessage,
  Purge,
  Register,
  Repair,
  TransferOut,
} from '@meridian/replica'
import { ConflictWatch, MergedView } from '@meridian/shard'
import type { Check, Sabotage } from '@meridian/sim'

/** A rule of the store that is broken on purpose, and the checks of which one must notice. */
export interface Broken {
  readonly what: string
  readonly noticedBy: readonly Check[]
  /** A seed that is known to show it, tried first. */
  readonly bites?: number
  /** Seeds that are tried then; by default the first few. */
  readonly seeds?: { readonly from: number; readonly count: number }
  /** Runs in which the membership changes too. */
  readonly members?: boolean
  /** Runs in which the membership alone changes. */
  readonly drill?: boolean
  /** Runs in which the views of one region miss writes. */
  readonly amnesia?: boolean
  /** Runs in which the conflict policies change. */
  readonly policies?: boolean
  /** Runs in which the disk of one region rots. */
  readonly rot?: boolean
  /** For one run; `undo` comes after it. */
  make(): { readonly sabotage: Sabotage; undo?(): void }
}

/** Says "done" at once and writes later: a drive whose cache lies. */
const lying = (inner: Storage, later: (run: () => void) => void): Storage => {
  const cache = new Map<string, { readonly value: Uint8Array | undefined }>()
  const get = (key: string): Uint8Array | undefined => {
    const cached = cache.get(key)
    return cached === undefined ? inner.get(key) : cached.value
  }
  const keys: Storage['keys'] = (prefix, options = {}) => {
    const all = new Set([...inner.keys(prefix), ...[...cache.keys()].filter((key) => key.startsWith(prefix))])
    const found = [...all].filter((key) => get(key) !== undefined && key >= (options.from ?? '')).sort()
    if (options.reverse) found.reverse()
    return found.slice(0, options.limit)
  }
  const apply = (op: StorageOp): void => {
    if (op.type === 'put') cache.set(op.key, { value: op.value })
    else if (op.type === 'delete') cache.set(op.key, { value: undefined })
    else for (const key of keys(op.prefix)) cache.set(key, { value: undefined })
  }
  return {
    get,
    keys,
    scan: (prefix, options) => [...keys(prefix, options)].map((key) => [key, get(key)!] as const),
    commit: (ops, done) => {
      for (const op of ops) apply(op)
      inner.commit(ops, () => {})
      later(() => done())
    },
    close: () => inner.close(),
  }
}

/** Reads a row as something else. */
const misread = (inner: Storage, key: string, read: (value: Uint8Array) => Uint8Array | undefined): Storage => ({
  ...inner,
  get: (asked) => {
    const value = inner.get(asked)
    return asked === key && value !== undefined ? read(value) : value
  },
})

const indexThat = (inner: VectorIndex, change: Partial<VectorIndex>): VectorIndex => ({
  openSpace: (...args) => inner.openSpace(...args),
  set: (...args) => inner.set(...args),
  remove: (...args) => inner.remove(...args),
  search: (...args) => inner.search(...args),
  traces: (...args) => inner.traces(...args),
  terms: (...args) => inner.terms(...args),
  dropSpace: (...args) => inner.dropSpace(...args),
  stats: (...args) => inner.stats(...args),
  flush: () => inner.flush(),
  close: () => inner.close(),
  ...change,
})

/** Replaces a method of the merged view. */
const patched = <K extends keyof MergedView>(name: K, make: (original: MergedView[K]) => MergedView[K]) => {
  const original = MergedView.prototype[name]
  Object.defineProperty(MergedView.prototype, name, { value: make(original), writable: true, configurable: true })
  return () =>
    Object.defineProperty(MergedView.prototype, name, { value: original, writable: true, configurable: true })
}

/** A read at quorum asks nobody: it takes what peers last happened to say. */
const answersFromMemory = (): (() => void) => {
  const original = Barriers.prototype.frontier
  Barriers.prototype.frontier = function (this: Barriers, level, timeoutMs, done) {
    const { self, peer, members, durable } = this.parts
    const heard = members().flatMap(({ replica }) => (replica === self ? [] : [peer(replica)?.acked]))
    const known = heard.filter((vector) => vector !== undefined)
    if (known.length + 1 < this.needed(level)) original.call(this, level, timeoutMs, done)
    else
      this.covered(
        known.reduce((all, each) => all.join(each), durable()),
        timeoutMs,
        done,
      )
  }
  return () => {
    Barriers.prototype.frontier = original
  }
}

/** A delete is forgotten as soon as all have acknowledged it, whatever is left of what it hides. */
const purgesOnCoverage = (): (() => void) => {
  const { upToMs, isHeldByAll } = Purge.prototype
  Purge.prototype.upToMs = () => Number.POSITIVE_INFINITY
  Purge.prototype.isHeldByAll = () => true
  const undo = patched(
    'isForgettable',
    () =>
      function (this: MergedView, slot, { mine, stable }) {
        const newest = slot < this.slotCount && !this.isLive(slot) && this.stamp(slot) !== undefined
        if (!newest) return false
        const { origin, seq } = this.history(slot)[0]!
        return origin === mine && stable.covers({ replica: origin, seq })
      },
  )
  return () => {
    Object.assign(Purge.prototype, { upToMs, isHeldByAll })
    undo()
  }
}

/** A change of the membership is in effect with the votes of most of its voters. */
const byMajority = (): (() => void) => {
  const { isComplete } = Ballot.prototype
  Ballot.prototype.isComplete = function (proposal) {
    return this.missing(proposal).length * 2 < proposal.voters.length
  }
  return () => Object.assign(Ballot.prototype, { isComplete })
}

/** A member votes for all that is proposed, however it has voted before. */
const votesFreely = (): (() => void) => {
  const { next } = Ballot.prototype
  Ballot.prototype.next = function (this: Ballot, self, isEligible) {
    return this.proposals.find((each) => each.voters.includes(self) && !this.hasVoted(self, each) && isEligible(each))
  }
  return () => Object.assign(Ballot.prototype, { next })
}

/** Digests are compared, and what differs is left as it is. */
const comparesOnly = (): (() => void) => {
  const { heard } = AntiEntropy.prototype
  AntiEntropy.prototype.heard = function (this: AntiEntropy, peer, message) {
    if (message.type === 'digests') heard.call(this, peer, message)
  }
  return () => Object.assign(AntiEntropy.prototype, { heard })
}

const TICK_MS = 5

/** A state transfer goes on from the log a tick after its last chunk: what was committed between is taken for sent. */
const livesATickLate = (): (() => void) => {
  const { pump } = TransferOut.prototype
  const late = new WeakSet<TransferOut>()
  TransferOut.prototype.pump = function (this: TransferOut) {
    if (!late.has(this)) {
      late.add(this)
      const { send, ended } = this
      const end = (frame: Uint8Array): void => {
        const message = decodeMessage(frame)
        if (message.type !== 'end') {
          send(frame)
          return
        }
        this.timers.after(TICK_MS, () => {
          const seq = this.log.vector.get(this.origin)
          send(encodeMessage({ ...message, seq }))
          ended(seq)
        })
      }
      Object.assign(this, { send: end, ended: () => {} })
    }
    pump.call(this)
  }
  return () => Object.assign(TransferOut.prototype, { pump })
}

/** A phase of the register takes no time and does nothing. */
const withoutPhase = (phase: 'writeBack' | 'beforeWrite'): (() => void) => {
  const original = Register.prototype[phase]
  Register.prototype[phase] = (...args: readonly unknown[]) => (args.at(-1) as Done<true>)({ ok: true, value: true })
  return () => Object.assign(Register.prototype, { [phase]: original })
}

/** What loses is cleaned, though it would win under another policy. */
const cleansByPolicy = (): (() => void) => patched('isOrderFixed', () => () => true)

/** Every overwrite looks like a conflict. */
const knowingNothing = (): (() => void) => {
  const original = ConflictWatch.prototype.wrote
  ConflictWatch.prototype.wrote = function (this: ConflictWatch, view, head, ref, block, before) {
    const blind = {
      ...view,
      head: (row: Parameters<typeof view.head>[0]) => ({ ...view.head(row), seen: VersionVector.ZERO }),
    }
    original.call(this, blind, head, ref, block && { ...block, seen: VersionVector.ZERO }, before)
  }
  return () => {
    ConflictWatch.prototype.wrote = original
  }
}

/** What rotted stays as it is. */
const neverRepairs = (): (() => void) => {
  const { step } = Repair.prototype
  Repair.prototype.step = () => {}
  return () => Object.assign(Repair.prototype, { step })
}

/** The digit after a `t`: payloads hold `t0` to `t8`. */
const alteredText = (frame: Uint8Array): Uint8Array => {
  const body = openFrame(frame).slice()
  const at = body.findIndex((byte, i) => i > 20 && byte === 0x74 && body[i + 1]! >= 0x30 && body[i + 1]! < 0x38)
  if (decodeMessage(frame).type !== 'update' || at < 0) return frame
  body[at + 1]!++
  return frameOf(body)
}

/** Entries all get the stamp of a counter, so that whatever came last wins. The stamp is at one place in every entry. */
export const inOrderOfArrival = () => {
  let arrivals = 0
  return patched(
    'fold',
    (original) =>
      function (this: MergedView, ref, bytes, options) {
        const block = decodeBlock(bytes)
        const copy = bytes.slice()
        for (const entry of block.entries) {
          const view = new DataView(copy.buffer, copy.byteOffset + entry.byteOffset - bytes.byteOffset)
          view.setUint32(STAMP_AT + 2, ++arrivals)
        }
        // What was checked is the block as it came.
        return original.call(this, ref, copy, { ...options, checked: undefined })
      },
  )
}
const STAMP_AT = 1

export const BROKEN: readonly Broken[] = [
  {
    what: 'a change of the membership is in effect with a majority of the votes',
    noticedBy: ['membership'],
    drill: true,
    // It takes two changes while one member is away.
    seeds: { from: 18, count: 100 },
    make: () => ({ sabotage: {}, undo: byMajority() }),
  },
  {
    what: 'a vote moves freely',
    noticedBy: ['membership', 'liveness'],
    drill: true,
    make: () => ({ sabotage: {}, undo: votesFreely() }),
  },
  {
    what: 'digests are compared and nothing is repaired',
    noticedBy: ['convergence'],
    amnesia: true,
    make: () => ({ sabotage: {}, undo: comparesOnly() }),
  },
  {
    what: 'a state transfer goes live a tick late',
    noticedBy: ['coverage', 'convergence', 'regression', 'liveness', 'linearizability', 'barrier'],
    bites: 71,
    seeds: { from: 1, count: 400 },
    make: () => ({ sabotage: {}, undo: livesATickLate() }),
  },
  {
    what: 'writes are answered before the fsync',
    noticedBy: ['lost-write', 'regression', 'identity', 'coverage', 'stamps'],
    make: () => ({ sabotage: { storage: (storage, node) => lying(storage, (run) => node.time.at(0.01, run)) } }),
  },
  {
    what: 'a boot number is used again after a crash',
    noticedBy: ['identity', 'convergence', 'coverage', 'liveness', 'regression', 'lost-write'],
    make: () => ({
      sabotage: {
        storage: (storage, node) => {
          const clean = (value: Uint8Array): Uint8Array => value.map((byte, i) => (i === 1 ? 1 : byte))
          return lying(misread(storage, 'meta/identity', clean), (run) => node.time.at(0.01, run))
        },
      },
    }),
  },
  {
    what: 'the newest stamp is forgotten by a restart with a clock that went back',
    noticedBy: ['stamps', 'regression', 'coverage'],
    make: () => ({
      sabotage: {
        storage: (storage, node) => {
          if (node.boots > 1) node.clock.jump(-1500)
          return misread(storage, 'meta/hlc', () => undefined)
        },
      },
    }),
  },
  {
    what: 'the index forgets removals',
    noticedBy: ['search'],
    make: () => ({ sabotage: { index: (index) => indexThat(index, { remove: () => {} }) } }),
  },
  {
    what: 'the index misses every twentieth vector',
    noticedBy: ['search'],
    make: () => {
      let sets = 0
      return {
        sabotage: { index: (index) => indexThat(index, { set: (...args) => ++sets % 20 > 0 && index.set(...args) }) },
      }
    },
  },
  {
    what: 'a frame is altered and sealed again',
    noticedBy: ['identity', 'coverage'],
    make: () => ({ sabotage: { tamper: alteredText } }),
  },
  {
    what: 'the last arrival wins',
    noticedBy: ['coverage', 'regression', 'convergence', 'identity'],
    make: () => ({ sabotage: {}, undo: inOrderOfArrival() }),
  },
  {
    what: 'a delete is forgotten once all have it',
    noticedBy: ['coverage', 'regression', 'convergence'],
    make: () => ({ sabotage: {}, undo: purgesOnCoverage() }),
  },
  {
    what: 'what loses under the policy of the moment is cleaned',
    policies: true,
    noticedBy: ['lost-write', 'coverage', 'regression', 'convergence'],
    make: () => ({ sabotage: {}, undo: cleansByPolicy() }),
  },
  {
    what: 'rotten rows are not repaired',
    rot: true,
    noticedBy: ['liveness'],
    make: () => ({ sabotage: {}, undo: neverRepairs() }),
  },
  {
    what: 'a state transfer leaves out a part and says it is complete',
    noticedBy: ['coverage', 'convergence', 'regression', 'liveness', 'barrier', 'linearizability'],
    make: () => ({
      sabotage: {
        tamper: (frame) => {
          const message = decodeMessage(frame)
          return message.type === 'chunk' ? encodeMessage({ ...message, update: new Uint8Array([0, 0]) }) : frame
        },
      },
    }),
  },
  {
    what: 'a state transfer ends one transaction beyond the state',
    noticedBy: ['coverage', 'convergence', 'regression', 'liveness', 'barrier', 'linearizability'],
    make: () => ({
      sabotage: {
        tamper: (frame) => {
          const message = decodeMessage(frame)
          return message.type === 'end' ? encodeMessage({ ...message, seq: message.seq + 1 }) : frame
        },
      },
    }),
  },
  {
    what: 'a barrier waits for what is merged instead of what is indexed',
    noticedBy: ['barrier'],
    make: () => ({ sabotage: { searchable: (done) => done() } }),
  },
  {
    what: 'a writer is taken to have known of nothing',
    noticedBy: ['conflict'],
    make: () => ({ sabotage: {}, undo: knowingNothing() }),
  },
  {
    what: 'an answer counts that was given before the question',
    noticedBy: ['barrier', 'linearizability'],
    bites: 8,
    make: () => ({ sabotage: {}, undo: answersFromMemory() }),
  },
  {
    what: 'a linearizable read is answered before a majority has what it shows',
    noticedBy: ['linearizability'],
    // It takes a read in the moment in which the write is on one disk, and another elsewhere before it is on two.
    bites: 206,
    seeds: { from: 1, count: 1000 },
    make: () => ({ sabotage: {}, undo: withoutPhase('writeBack') }),
  },
  {
    what: 'a linearizable write is stamped without asking a majority',
    noticedBy: ['linearizability'],
    bites: 38,
    seeds: { from: 1, count: 1000 },
    make: () => ({ sabotage: {}, undo: withoutPhase('beforeWrite') }),
  },
]
