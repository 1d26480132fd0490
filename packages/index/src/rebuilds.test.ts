import { type GraphStats, type RebuildReason, SILENT_LOG, type SpaceStats } from '@meridian/core'
import { expect, test } from 'vitest'
import { type Rebuildable, Rebuilds } from './rebuilds.js'

interface Fake extends Rebuildable {
  stats: SpaceStats
}

const MIB = 1024 * 1024
const spaceOf = (collection: string, graph: Partial<GraphStats> = {}): Fake => ({
  ref: { collection, vector: '' },
  stats: {
    live: 3000,
    pending: 0,
    dead: 1500,
    state: 'ready',
    bytes: 1,
    graph: { slots: 5000, rebuildBytes: 8 * MIB, ...graph },
  },
})

/** Two processors, a clock that is stepped, and workers that do what they are told at once. */
const stage = (spaces: Fake[], free: { bytes: number; reserve?: number } = { bytes: 100 * MIB }) => {
  let nowMs = 0
  let cpuMs = 0
  let due: (() => void) | undefined
  const told: string[] = []
  const done: Fake[] = []
  const rebuilds = new Rebuilds<Fake>({
    timers: {
      elapsedMs: () => nowMs,
      after: (_, run) => {
        due = run
        return {
          [Symbol.dispose]() {
            due = undefined
          },
        }
      },
    },
    log: SILENT_LOG,
    spaces: () => spaces,
    cpuMs: () => cpuMs,
    processors: 2,
    memoryFree: (reason: RebuildReason) => free.bytes + (reason === 'dead' ? (free.reserve ?? 0) : 0),
    pace: (space, pace) => {
      told.push(`${space.ref.collection} ${pace}`)
      const { wanted: _, ...graph } = space.stats.graph!
      space.stats = { ...space.stats, state: 'rebuilding', graph: { ...graph, progress: 0 } }
    },
    done: (space) => done.push(space),
  })
  const finish = (space: Fake): void => {
    const { progress: _, ...graph } = space.stats.graph!
    space.stats = { ...space.stats, state: 'ready', dead: 0, graph }
  }
  /** A quarter second in which searches take `searchMs` and others use `cpuShare` of the processors. */
  const pass = (looks: number, searchMs?: number, cpuShare = 0.2, rebuildMs = 0): void => {
    for (let look = 0; look < looks; look++) {
      if (searchMs !== undefined) for (let i = 0; i < 50; i++) rebuilds.times.add(searchMs)
      nowMs += 250
      cpuMs += 250 * 2 * cpuShare + rebuildMs
      rebuilds.worked(rebuildMs)
      due?.()
    }
  }
  return { rebuilds, told, done, finish, pass, free, isArmed: () => due !== undefined }
}

test('[RB1] one graph at a time is rebuilt; the next begins when it is done', () => {
  const [a, b] = [spaceOf('a', { wanted: 'dead' }), spaceOf('b', { wanted: 'recall' })]
  const { rebuilds, told, done, finish, pass } = stage([spaceOf('sound'), a, b])
  pass(8)
  expect(told).toEqual(['a 1'])
  expect(rebuilds.status()).toMatchObject({ space: a.ref, reason: 'dead', progress: 0, completed: 0 })
  finish(a)
  pass(1)
  expect(told).toEqual(['a 1', 'b 1'])
  expect(rebuilds.status()).toMatchObject({ space: b.ref, reason: 'recall', completed: 1 })
  expect(done).toEqual([a])
  finish(b)
  pass(1)
  expect(rebuilds.status()).toEqual({ breaker: 'closed', pace: 1, trips: 0, recentTrips: 0, completed: 2 })
})

test('[RB2] without memory for two graphs it does not begin, says so, and begins when there is some', () => {
  const [large, small] = [spaceOf('large', { wanted: 'dead', rebuildBytes: 90 * MIB }), spaceOf('small')]
  const { rebuilds, told, finish, pass, free } = stage([large, small])
  pass(4)
  expect(told).toEqual([])
  expect(rebuilds.status().shortOfMemory).toEqual(large.ref)
  // Another that fits is not held up.
  small.stats = { ...small.stats, graph: { ...small.stats.graph!, wanted: 'dead' } }
  pass(1)
  expect(told).toEqual(['small 1'])
  finish(small)
  free.bytes = 113 * MIB
  pass(1)
  expect(told).toEqual(['small 1', 'large 1'])
  expect(rebuilds.status().shortOfMemory).toBeUndefined()
})

test('[RB10] what gives memory back may take of a reserve that no other rebuild has', () => {
  const [worn, dead] = [spaceOf('worn', { wanted: 'recall' }), spaceOf('dead', { wanted: 'dead' })]
  const { rebuilds, told, finish, pass, free } = stage([worn, dead], { bytes: 0, reserve: 11 * MIB })
  pass(1)
  expect(told).toEqual(['dead 1'])
  finish(dead)
  pass(4)
  expect(told).toEqual(['dead 1'])
  expect(rebuilds.status().shortOfMemory).toEqual(worn.ref)
  free.bytes = 11 * MIB
  pass(1)
  expect(told).toEqual(['dead 1', 'worn 1'])
})

test('[RB3] searches that get slower stop it; it is tried slowly, backs off when that hurts, gets faster, and completes', () => {
  const space = spaceOf('a')
  const { rebuilds, told, finish, pass } = stage([space])
  pass(8, 1)
  space.stats = { ...space.stats, graph: { ...space.stats.graph!, wanted: 'dead' } }
  pass(1, 1)
  pass(1, 4)
  expect(rebuilds.status()).toMatchObject({ breaker: 'open', pace: 0, trips: 1 })
  pass(2, 1)
  expect(rebuilds.status()).toMatchObject({ breaker: 'half-open', pace: 0.1 })
  pass(1, 4)
  expect(rebuilds.status()).toMatchObject({ breaker: 'open', trips: 2, recentTrips: 2 })
  pass(4, 1)
  pass(16, 1)
  expect(told).toEqual(['a 1', 'a 0', 'a 0.1', 'a 0', 'a 0.1', 'a 0.2', 'a 0.4', 'a 0.8', 'a 1'])
  finish(space)
  pass(1, 1)
  expect(rebuilds.status()).toMatchObject({ breaker: 'closed', trips: 2, recentTrips: 0, completed: 1 })
})

test('[RB4] what is normal is learned while it stands still: a load that came meanwhile does not hold it up for ever', () => {
  const space = spaceOf('a', { wanted: 'dead' })
  const { rebuilds, told, pass } = stage([space])
  pass(1)
  pass(1, 6)
  expect(told).toEqual(['a 1', 'a 0'])
  pass(20, 6)
  expect(rebuilds.status().breaker).toBe('closed')
  expect(rebuilds.status().calmMs).toBeCloseTo(6)
})

test('[RB9] whatever the load, a worn graph is rebuilt: the more of it is dead, the faster, half of the time when half is', () => {
  const shares = [1500, 2000, 2300, 2500, 3500].map((dead) => {
    const space = spaceOf('a', { wanted: 'dead' })
    space.stats = { ...space.stats, dead }
    const { rebuilds, pass } = stage([space])
    pass(8, 1, 0.9)
    let sum = 0
    for (let look = 0; look < 200; look++) {
      // Never calm: each look finds searches slower than the last one that was made while it stood still.
      pass(1, rebuilds.status().pace === 0 ? 1 : 9, 0.95)
      sum += rebuilds.status().pace
    }
    return sum / 200
  })
  expect(shares[0]).toBeLessThan(0.05)
  for (let i = 1; i < shares.length; i++) expect(shares[i]).toBeGreaterThanOrEqual(shares[i - 1]!)
  expect(shares[1]).toBeGreaterThan(0.15)
  expect(shares[3]).toBeGreaterThan(0.4)
})

test('[RB5] processors that others use stop it; its own work does not', () => {
  const space = spaceOf('a', { wanted: 'dead' })
  const { rebuilds, pass } = stage([space])
  pass(1)
  pass(20, undefined, 0.5, 250)
  expect(rebuilds.status()).toMatchObject({ breaker: 'closed', trips: 0 })
  pass(1, undefined, 0.9)
  expect(rebuilds.status()).toMatchObject({ breaker: 'open', trips: 1 })
})

test('[RB1] a graph that is worn again when it is done counts as rebuilt, and is rebuilt again', () => {
  const space = spaceOf('a', { wanted: 'dead' })
  const { rebuilds, told, finish, pass } = stage([space])
  pass(2)
  finish(space)
  space.stats = { ...space.stats, dead: 1500, graph: { ...space.stats.graph!, wanted: 'dead' } }
  pass(1)
  expect(told).toEqual(['a 1', 'a 1'])
  expect(rebuilds.status()).toMatchObject({ space: space.ref, completed: 1 })
  pass(1)
  finish(space)
  pass(1)
  expect(rebuilds.status()).toEqual({ breaker: 'closed', pace: 1, trips: 0, recentTrips: 0, completed: 2 })
})

test('[RB11] a graph of which a tenth is dead is rebuilt when nobody changed it for half a minute', () => {
  const worn = { slots: 12_000, rebuildBytes: 8 * MIB }
  const space = spaceOf('a', worn)
  const { rebuilds, told, finish, pass, free } = stage([spaceOf('sound', { slots: 15_001 }), space])
  const put = (): void => {
    const graph = space.stats.graph!
    space.stats = { ...space.stats, dead: space.stats.dead + 1, graph: { ...graph, slots: graph.slots + 1 } }
  }
  for (let i = 0; i < 10; i++) {
    pass(100)
    put()
  }
  // What waits is a change that comes.
  space.stats = { ...space.stats, pending: 1 }
  pass(200)
  space.stats = { ...space.stats, pending: 0 }
  pass(119)
  expect(told).toEqual([])
  // It can do without, so nobody is told that there is no memory for it.
  free.bytes = 0
  pass(4)
  expect(rebuilds.status().shortOfMemory).toBeUndefined()
  free.bytes = 100 * MIB
  pass(1)
  expect(told).toEqual(['a 1'])
  expect(rebuilds.status()).toMatchObject({ space: space.ref, reason: 'dead', completed: 0 })
  finish(space)
  pass(400)
  expect(told).toEqual(['a 1'])
  expect(rebuilds.status()).toMatchObject({ completed: 1 })
})

test('[RB6] a space that is dropped or opened anew is let go of; one that did not hear is told again', () => {
  const spaces = [spaceOf('a', { wanted: 'dead' })]
  const { rebuilds, told, pass } = stage(spaces)
  pass(1)
  spaces[0]!.stats = spaceOf('a', { wanted: 'dead' }).stats
  pass(1)
  expect(told).toEqual(['a 1', 'a 1'])
  spaces.splice(0, 1, spaceOf('b', { wanted: 'outgrown' }))
  pass(1)
  expect(told.at(-1)).toBe('b 1')
  expect(rebuilds.status()).toMatchObject({ reason: 'outgrown', completed: 0 })
})

test('[RB7] it looks as long as it is not disposed of', () => {
  const { rebuilds, isArmed } = stage([])
  expect(isArmed()).toBe(true)
  rebuilds[Symbol.dispose]()
  expect(isArmed()).toBe(false)
})
