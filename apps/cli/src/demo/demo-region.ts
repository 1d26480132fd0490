import { type ClusterInfo, digestKey, MeridianClient, type VectorJson } from '@meridian/client'
import { CliError } from '../exit.js'

export const COLLECTION = 'demo-products'

/** One region of the running cluster. */
export interface DemoRegion {
  readonly name: string
  readonly client: MeridianClient
}

const POLL_MS = 20

/** @throws CliError naming the region that does not answer and how to start one. */
export const connect = (urls: readonly string[], apiKey: string | undefined): Promise<DemoRegion[]> =>
  Promise.all(
    urls.map(async (url) => {
      const client = new MeridianClient({ url, apiKey, timeoutMs: 15_000 })
      const { isReady, reason } = await client.ready()
      if (!isReady) throw new CliError(`${url} is not ready: ${reason} (start the regions with: meridian cluster)`)
      return { name: (await client.cluster()).region, client }
    }),
  )

/** Asks again and again until `probe` gives a value. @throws CliError after `boundMs`, or when `signal` aborts. */
export const until = async <T>(
  what: string,
  probe: () => Promise<T | undefined>,
  signal: AbortSignal,
  boundMs = 30_000,
): Promise<T> => {
  const deadlineMs = performance.now() + boundMs
  for (;;) {
    signal.throwIfAborted()
    const value = await probe()
    if (value !== undefined) return value
    if (performance.now() > deadlineMs) throw new CliError(`${what} did not happen within ${boundMs / 1000} s`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

export interface Agreement {
  readonly live: number
  readonly digest: string
  /** From the call to the answer that showed it. */
  readonly afterMs: number
}

/** Waits until all regions hold the same records and searches in each find them all. */
export const untilEqual = async (regions: readonly DemoRegion[], signal: AbortSignal): Promise<Agreement> => {
  const startMs = performance.now()
  const equal = await until('equal records in all regions', () => agreement(regions), signal)
  const afterMs = performance.now() - startMs
  await until('every record in the index', () => areIndexed(regions), signal)
  return { ...equal, afterMs }
}

const agreement = async (regions: readonly DemoRegion[]): Promise<{ live: number; digest: string } | undefined> => {
  const digests = await Promise.all(regions.map(({ client }) => client.digest(COLLECTION)))
  const [first, ...others] = digests.map(digestKey)
  return others.every((key) => key === first)
    ? { live: digests[0]!.live, digest: digests[0]!.shards[0]?.digest ?? '' }
    : undefined
}

const areIndexed = async (regions: readonly DemoRegion[]): Promise<true | undefined> => {
  const states = await Promise.all(regions.map(({ client }) => client.cluster()))
  return states.every(({ vectors }) => covers(vectors.indexed, vectors.merged)) ? true : undefined
}

const covers = (have: VectorJson, want: VectorJson): boolean =>
  Object.entries(want).every(([replica, seq]) => (have[replica] ?? 0) >= seq)

/** Whether `info`'s region has a live link to `peer`. */
export const isLinked = (info: ClusterInfo, peer: string): boolean =>
  info.peers.some((other) => other.region === peer && other.state === 'linked')
