import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Gauged } from './gauge.js'
import { rawBytes } from './records.js'
import { RegionChild } from './region-child.js'
import { Relay } from './relay.js'

export interface BootstrapPlan {
  /** Raw, of the records that the first region has. */
  readonly stateBytes: number
  readonly dims: number
  /** Of records, by the first region while the new one catches up. */
  readonly writesPerSecond: number
}

export const BOOTSTRAP_PLAN: BootstrapPlan = { stateBytes: 500_000_000, dims: 768, writesPerSecond: 200 }

export interface BootstrapResult {
  readonly records: number
  readonly stateBytes: number
  /** Written meanwhile, and sent too. */
  readonly writtenMeanwhile: number
  /** From the start of the new region's process until it held all that the first had at that moment. */
  readonly seconds: number
  /** Of these, until it was linked: the start of a process. */
  readonly startSeconds: number
  readonly megabytesPerSecond: number
  readonly wireBytes: number
  /** State transfers; 0: the log served. */
  readonly transfers: number
  readonly sender: Gauged
  readonly receiver: Gauged
}

const COLLECTION = 'bench'
const MEANWHILE_FROM = 100_000_000
/** Of the records, written twice: what they replaced is cleaned away, so that the log alone can serve nobody. */
const REWRITTEN = 0.02
const BATCH = 100

/** One region's process with data, and a second that joins it through a relay. */
export const bootstrap = async (plan: BootstrapPlan, index = 'none'): Promise<BootstrapResult> => {
  const { dims, writesPerSecond } = plan
  const dir = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const count = Math.max(BATCH, Math.round(plan.stateBytes / rawBytes(dims)))
  try {
    await using eu = await RegionChild.open('eu', index, { data: join(dir, 'eu') })
    await eu.ask({ type: 'create', collection: COLLECTION, dims })
    const write = { type: 'write', collection: COLLECTION, batch: BATCH, writers: 2, dims } as const
    const rewritten = Math.max(BATCH, Math.round(count * REWRITTEN))
    await eu.ask({ ...write, from: 0, to: rewritten })
    await eu.ask({ ...write, from: 0, to: count })
    await eu.ask({ type: 'settle' })

    await eu.ask({ type: 'sustain', collection: COLLECTION, from: MEANWHILE_FROM, perSecond: writesPerSecond, dims })
    await eu.ask({ type: 'gauge' })
    await using relay = await Relay.open(eu.port)
    const startedAt = performance.now()
    const peer = `eu=http://127.0.0.1:${relay.port}`
    await using us = await RegionChild.open('us', index, { data: join(dir, 'us'), peer, join: 'on' })
    await us.ask({ type: 'gauge' })
    await us.ask({ type: 'link', region: 'eu' })
    const startSeconds = (performance.now() - startedAt) / 1000
    const { vector } = await eu.peek(COLLECTION)
    await us.ask({ type: 'cover', vector })
    const seconds = (performance.now() - startedAt) / 1000
    const wireBytes = relay.bytes.toTarget + relay.bytes.fromTarget
    const [sender, receiver] = [await eu.tell(COLLECTION), await us.tell(COLLECTION)]

    await eu.ask({ type: 'rest' })
    await us.ask({ type: 'cover', vector: (await eu.tell(COLLECTION)).vector })
    const [last, there] = [await eu.tell(COLLECTION), await us.tell(COLLECTION)]
    if (last.digests.join() !== there.digests.join()) throw new Error('regions that hold the same writes differ')
    return {
      records: count,
      stateBytes: count * rawBytes(dims),
      writtenMeanwhile: sender.written,
      seconds,
      startSeconds,
      megabytesPerSecond: (count * rawBytes(dims)) / 1e6 / (seconds - startSeconds),
      wireBytes,
      transfers: there.transfersReceived,
      sender: sender.gauged!,
      receiver: receiver.gauged!,
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
