import { MeridianClient } from '@meridian/client'
import { CliError } from '../exit.js'
import type { RegionPlan } from './plan.js'
import { isPortFree } from './ports.js'
import { type Ending, RegionProcess } from './region-process.js'

export interface LocalClusterOptions {
  readonly env: NodeJS.ProcessEnv
  readonly apiKey?: string | undefined
  readonly onLine: (region: RegionPlan, line: string) => void
  /** A region that had been ready ended without being asked to; `left` others run on. */
  readonly onDeath: (region: RegionPlan, ending: Ending, left: number) => void
  /** Bound on the start of all regions. */
  readonly readyMs: number
  readonly signal: AbortSignal
}

const STOP_MS_MAX = 10_000
/** Regions work without links, so a start does not fail for want of them. */
const LINK_MS_MAX = 5_000
const POLL_MS = 100

/** Several regions as processes of this machine. Either all of them became ready, or none is left. */
export class LocalCluster {
  readonly regions: readonly RegionProcess[]
  /** Resolves when no region is left, whoever ended them. */
  readonly ended: Promise<void>
  #isStopping = false

  private constructor(regions: readonly RegionProcess[], onDeath: LocalClusterOptions['onDeath']) {
    this.regions = regions
    for (const region of regions)
      void region.ended.then((ending) => {
        if (!this.#isStopping) onDeath(region.plan, ending, regions.filter((other) => other.isRunning).length)
      })
    this.ended = Promise.all(regions.map((region) => region.ended)).then(() => undefined)
  }

  /** @throws CliError with one line when a port is taken, a region ends or is not ready in time; nothing is left running then. */
  static async start(plans: readonly RegionPlan[], options: LocalClusterOptions): Promise<LocalCluster> {
    for (const plan of plans)
      if (!(await isPortFree(plan.port)))
        throw new CliError(
          `port ${plan.port} (region ${plan.region}) is in use; stop what listens there or choose another --base-port`,
        )
    const regions = plans.map((plan) => new RegionProcess(plan, options.env, (line) => options.onLine(plan, line)))
    const over = new AbortController()
    const signal = AbortSignal.any([options.signal, over.signal])
    const deadlineMs = performance.now() + options.readyMs
    const failed = Promise.race(regions.map((region) => region.ended.then((ending) => ({ region, ending }))))
    try {
      const ready = Promise.all(regions.map((region) => untilReady(region.plan, options.apiKey, deadlineMs, signal)))
      const first = await Promise.race([ready.then(() => undefined), failed])
      if (first !== undefined && !options.signal.aborted)
        throw new CliError(
          `region ${first.region.plan.region} ${first.ending.text} before it was ready; all were stopped`,
        )
      await Promise.all(regions.map(({ plan }) => untilLinked(plan, regions.length - 1, options.apiKey, signal)))
      return new LocalCluster(regions, options.onDeath)
    } catch (error) {
      over.abort()
      await Promise.all(regions.map((region) => region.stop(STOP_MS_MAX)))
      throw error
    }
  }

  /** Stops every region gracefully; one that takes more than 10 s is killed. Safe to call twice. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.regions.map((region) => region.stop(STOP_MS_MAX)))
  }

  kill(): void {
    this.#isStopping = true
    for (const region of this.regions) region.kill()
  }
}

const untilReady = async (
  plan: RegionPlan,
  apiKey: string | undefined,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<void> => {
  const client = new MeridianClient({ url: plan.url, apiKey, timeoutMs: 2_000 })
  for (;;) {
    const { isReady, reason } = await client.ready({ signal })
    if (isReady || signal.aborted) return
    if (performance.now() > deadlineMs)
      throw new CliError(`region ${plan.region} is not ready: ${reason}; all were stopped`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Waits, a few seconds at most, for the links to the others: what is written first then arrives everywhere at once. */
const untilLinked = async (
  plan: RegionPlan,
  peers: number,
  apiKey: string | undefined,
  signal: AbortSignal,
): Promise<void> => {
  const client = new MeridianClient({ url: plan.url, apiKey, timeoutMs: 2_000 })
  const deadlineMs = performance.now() + LINK_MS_MAX
  while (!signal.aborted && performance.now() < deadlineMs) {
    const linked = await client.cluster().then(
      (info) => info.peers.filter(({ state }) => state === 'linked').length,
      () => 0,
    )
    if (linked >= peers) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
