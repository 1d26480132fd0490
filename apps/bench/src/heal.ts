import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Told, Vector } from './child-message.js'
import type { Request } from './http-load.js'
import { Pulse } from './pulse.js'
import { quantiles, type Quantiles } from './quantiles.js'
import { DIMS, rawBytes, record } from './records.js'
import { RegionChild } from './region-child.js'
import { Relay } from './relay.js'

export interface HealPlan {
  /** For how long one region is cut off. */
  readonly cutSeconds: number
  /** All linked and writing, before the cut: what requests are compared with. */
  readonly steadySeconds: number
  /** Of records, by each region. */
  readonly writesPerSecond: number
  /** Over HTTP, of each of the regions that stay linked: reads and writes in turn. */
  readonly requestsPerSecond: number
}

export const HEAL_PLAN: HealPlan = { cutSeconds: 60, steadySeconds: 20, writesPerSecond: 500, requestsPerSecond: 50 }

export interface HealResult {
  /** From healing until every region holds all that any held at that moment. */
  readonly equalMs: number
  /** Of that, until the region that was cut off was linked with both others again. */
  readonly linkedMs: number
  /** Frames that the regions got twice or too early, from healing until equal. */
  readonly framesDropped: number
  /** From the end of all writing, some time later, until vectors and digests are equal everywhere. */
  readonly restedMs: number
  /** Records that were written and did not reach all, over the raw bytes of which the wire is counted. */
  readonly missedRecords: number
  readonly missedBytes: number
  /** On the links of the region that was cut off, from healing until equal. */
  readonly wireBytes: number
  /** Share of the writes asked for that were answered in time before the cut: where a region has not even kept that pace, times say nothing. */
  readonly keptPace: number
  /** The longest time that each event loop did nothing else, from healing until equal. */
  readonly blockedMs: readonly { readonly region: string; readonly longest: number; readonly ran: number }[]
  /** Processor time from healing until equal: of each region, and of the relays and the load together. */
  readonly processorMs: readonly { readonly name: string; readonly ms: number }[]
  /** By region, of requests before the cut, while it lasts, and from healing until equal, two seconds at least. */
  readonly requests: readonly {
    readonly region: string
    readonly before: Quantiles
    readonly cut: Quantiles
    readonly heal: Quantiles
  }[]
}

const COLLECTION = 'bench'
/** Numbers of records, so that no two writers share one. */
const REGION_STEP = 100_000_000
const PULSE_OFFSET = 50_000_000
const HEAL_LEAST_MS = 2000
const LINGER_MS = 2000

/** Three regions' processes, each naming both others as peers; `eu` is cut off in both directions, packets lost without a word. */
export const heal = async (plan: HealPlan, index = 'none'): Promise<HealResult> => {
  const dir = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const regions: RegionChild[] = []
  const relays = new Map<string, Relay>()
  const pulses: Pulse[] = []
  try {
    const names = ['eu', 'us', 'ap']
    for (const from of names)
      for (const to of names)
        if (from !== to)
          relays.set(`${from}-${to}`, await Relay.open(() => regions.find(({ region }) => region === to)?.port ?? 1))
    for (const name of names) {
      const peer = names
        .filter((other) => other !== name)
        .map((other) => `${other}=http://127.0.0.1:${relays.get(`${name}-${other}`)!.port}`)
        .join()
      regions.push(await RegionChild.open(name, index, { data: join(dir, name), peer }))
    }
    const [eu, us, ap] = regions as [RegionChild, RegionChild, RegionChild]
    for (const one of regions)
      for (const { region } of regions) if (region !== one.region) await one.ask({ type: 'link', region })
    const created = await eu.ask({ type: 'create', collection: COLLECTION, dims: DIMS })
    for (const other of [us, ap]) await other.ask({ type: 'reach', replica: eu.replica, seq: created })

    const links = [...relays].filter(([name]) => name.includes(eu.region)).map(([, relay]) => relay)
    const carried = (): number => links.reduce((sum, { bytes }) => sum + bytes.toTarget + bytes.fromTarget, 0)
    const tellAll = (): Promise<Told[]> => Promise.all(regions.map((each) => each.tell(COLLECTION)))
    for (const [n, each] of regions.entries()) {
      const from = n * REGION_STEP
      await each.ask({ type: 'sustain', collection: COLLECTION, from, perSecond: plan.writesPerSecond, dims: DIMS })
    }
    for (const each of [us, ap]) {
      const from = regions.indexOf(each) * REGION_STEP
      pulses.push(Pulse.of(each.port, 1000 / plan.requestsPerSecond, (i) => requestOf(from, i)))
    }

    await pause(HEAL_LEAST_MS)
    const steadyMs = performance.now()
    const atSteady = await tellAll()
    await pause(plan.steadySeconds * 1000)
    for (const link of links) link.cut()
    const cutMs = performance.now()
    const atCut = await tellAll()
    const steadily = regions.reduce((sum, _, n) => sum + atCut[n]!.written - atSteady[n]!.written, 0)
    const steadyRate = steadily / regions.length / ((cutMs - steadyMs) / 1000)
    await pause(plan.cutSeconds * 1000)

    const atHeal = await tellAll()
    for (const each of regions) await each.ask({ type: 'gauge' })
    const carriedBefore = carried()
    const usage = process.cpuUsage()
    for (const link of links) link.heal()
    const healMs = performance.now()
    const vector = joined(atHeal.map((told) => told.vector))
    const linkedMs: number[] = []
    const covered = regions.map(async (each) => {
      if (each === eu)
        for (const { region } of [us, ap]) {
          await each.ask({ type: 'link', region })
          linkedMs.push(performance.now() - healMs)
        }
      await each.ask({ type: 'cover', vector })
    })
    await Promise.all(covered)
    const equalMs = performance.now() - healMs
    const wireBytes = carried() - carriedBefore
    const { user, system } = process.cpuUsage(usage)
    const atEqual = await tellAll()
    // Of every region: what was written since the cut. What the region that was cut off wrote goes to two, the others' to one.
    const since = regions.map((_, n) => atEqual[n]!.written - atCut[n]!.written)
    const pulsed = pulses.map((pulse) => pulse.times(cutMs, healMs + equalMs).length / 2)
    const missedRecords = 2 * since[0]! + since[1]! + since[2]! + Math.round(pulsed[0]! + pulsed[1]!)

    await pause(Math.max(LINGER_MS, HEAL_LEAST_MS - equalMs))
    const endMs = healMs + Math.max(HEAL_LEAST_MS, equalMs)
    const requests = pulses.map((pulse, n) => ({
      region: [us, ap][n]!.region,
      before: quantiles(pulse.times(steadyMs, cutMs)),
      cut: quantiles(pulse.times(cutMs, healMs)),
      heal: quantiles(pulse.times(healMs, endMs)),
    }))
    for (const pulse of pulses.splice(0)) await pulse.stop()
    await Promise.all(regions.map((each) => each.ask({ type: 'rest' })))
    const restMs = performance.now()
    const last = joined((await tellAll()).map((told) => told.vector))
    await Promise.all(regions.map((each) => each.ask({ type: 'cover', vector: last })))
    const restedMs = performance.now() - restMs
    const digests = new Set((await tellAll()).map((told) => `${told.live} ${told.digests.join()}`))
    if (digests.size > 1) throw new Error(`regions that hold the same writes differ: ${[...digests].join(' | ')}`)
    return {
      keptPace: steadyRate / plan.writesPerSecond,
      blockedMs: regions.map(({ region }, n) => ({
        region,
        longest: atEqual[n]!.gauged!.blockedMs,
        ran: atEqual[n]!.gauged!.ranMs,
      })),
      processorMs: [
        ...regions.map(({ region }, n) => ({ name: region, ms: atEqual[n]!.gauged!.processorMs })),
        { name: 'relays and load', ms: Math.round((user + system) / 1000) },
      ],
      equalMs: Math.round(equalMs),
      linkedMs: Math.round(linkedMs[1]!),
      framesDropped: regions.reduce((sum, _, n) => sum + atEqual[n]!.framesDropped - atHeal[n]!.framesDropped, 0),
      restedMs: Math.round(restedMs),
      missedRecords,
      missedBytes: missedRecords * rawBytes(DIMS),
      wireBytes,
      requests,
    }
  } finally {
    await Promise.allSettled(pulses.map((pulse) => pulse.stop()))
    for (const each of regions) await each[Symbol.asyncDispose]()
    for (const relay of relays.values()) await relay[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  }
}

/** Reads and writes in turn, each of one point. */
const requestOf = (from: number, i: number): Request => {
  const number = from + PULSE_OFFSET + Math.floor(i / 2)
  const { id, vectors, payload } = record(number, DIMS)
  if (i % 2 === 1)
    return { method: 'POST', path: `/collections/${COLLECTION}/points`, body: JSON.stringify({ ids: [id] }) }
  const vector = [...(vectors.get('') as Float32Array)]
  return {
    method: 'PUT',
    path: `/collections/${COLLECTION}/points?wait=true`,
    body: JSON.stringify({ points: [{ id, vector, payload }] }),
  }
}

const joined = (vectors: readonly Vector[]): Vector => {
  const join = new Map<number, number>()
  for (const vector of vectors)
    for (const [replica, seq] of vector) join.set(replica, Math.max(seq, join.get(replica) ?? 0))
  return [...join]
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
