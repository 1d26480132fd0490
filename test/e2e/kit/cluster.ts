import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClusterInfo, digestKey } from '@meridian/client'
import { freePort } from './free-port.js'
import { Links } from './links.js'
import { RegionProcess } from './region-process.js'
import { until } from './until.js'

export interface ClusterOptions {
  /** Default `eu`, `us`, `ap`. */
  readonly regions?: readonly string[]
  /** Puts a proxy into every link (see `noFaults`). */
  readonly faults?: boolean
  /** More flags of `meridian serve`, for every region. */
  readonly flags?: Readonly<Record<string, string>>
  /** More of the environment of every region. */
  readonly env?: Readonly<Record<string, string>>
  /** Beside `env`, of one region. */
  readonly envOf?: (region: string) => Readonly<Record<string, string>> | undefined
  /** Where a region stores; by default in a temporary directory that goes with the cluster. */
  readonly dataDir?: (region: string) => string | undefined
}

/** What one region says of one collection. */
export interface View {
  readonly region: string
  readonly count: number
  readonly digest: string
}

/** Several regions, each a process of its own, that know each other. Disposing of it kills what runs and removes the data. */
export class Cluster implements AsyncDisposable {
  private constructor(
    readonly regions: readonly RegionProcess[],
    /** Absent without `faults`. */
    readonly links: Links | undefined,
    readonly dir: string,
  ) {}

  /** All processes started, ready and linked with one another. */
  static async open(options: ClusterOptions = {}): Promise<Cluster> {
    const names = options.regions ?? ['eu', 'us', 'ap']
    const dir = await mkdtemp(join(tmpdir(), 'meridian-e2e-'))
    const ports: Record<string, number> = {}
    for (const name of names) ports[name] = await freePort()
    const links = options.faults ? await Links.open(ports) : undefined
    const peersOf = (own: string): Record<string, string> =>
      Object.fromEntries(
        names
          .filter((name) => name !== own)
          .map((name) => [name, `http://127.0.0.1:${links?.proxy(own, name).port ?? ports[name]}`]),
      )
    const regions = names.map(
      (region) =>
        new RegionProcess({
          region,
          port: ports[region]!,
          dataDir: options.dataDir?.(region) ?? join(dir, region),
          peers: peersOf(region),
          ...(options.flags === undefined ? {} : { flags: options.flags }),
          env: { ...options.env, ...options.envOf?.(region) },
        }),
    )
    const cluster = new Cluster(regions, links, dir)
    try {
      await Promise.all(regions.map((region) => region.start()))
      await cluster.linked()
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  region(name: string): RegionProcess {
    const found = this.regions.find((region) => region.name === name)
    if (found === undefined) throw new Error(`no region ${name}`)
    return found
  }

  /** Of the regions that run. */
  status(): Promise<ClusterInfo[]> {
    return Promise.all(this.running.map((region) => region.client.cluster()))
  }

  get running(): RegionProcess[] {
    return this.regions.filter((region) => region.isRunning)
  }

  /** Until every running region is linked with every other running one. */
  async linked(deadlineMs = 30_000): Promise<void> {
    const names = this.running.map((region) => region.name)
    await until(
      'all regions are linked',
      async () =>
        (await this.status()).every(({ region, peers }) =>
          names.every(
            (name) => name === region || peers.some((peer) => peer.region === name && peer.state === 'linked'),
          ),
        ),
      { deadlineMs },
      async () => ({
        ended: this.regions.flatMap(({ lastWords }) => lastWords ?? []),
        peers: (await this.status()).map(({ region, peers }) => ({ region, peers })),
      }),
    )
  }

  /** What every running region says of the collection now. A region that does not know it yet throws. */
  views(collection: string): Promise<View[]> {
    return Promise.all(
      this.running.map(async ({ name, client }) => {
        const [digest, count] = await Promise.all([client.digest(collection), client.count(collection)])
        return { region: name, count, digest: digestKey(digest) }
      }),
    )
  }

  /**
   * Until every running region knows the collection, nothing is on its way, and counts and digests are equal.
   * @returns what they agree on
   */
  async agreed(collection: string, deadlineMs = 60_000): Promise<View> {
    return until(
      `the regions agree on ${collection}`,
      async () => {
        const names = this.running.map((region) => region.name)
        const statuses = await this.status()
        const isQuiet = statuses.every(({ peers }) =>
          peers.every((peer) => !names.includes(peer.region) || (peer.state === 'linked' && peer.behind.writes === 0)),
        )
        if (!isQuiet) return false
        const [first, ...others] = await this.views(collection)
        return others.every((view) => view.count === first!.count && view.digest === first!.digest) && first
      },
      { deadlineMs },
      async () => ({
        ended: this.regions.flatMap(({ lastWords }) => lastWords ?? []),
        views: await this.views(collection),
        peers: (await this.status()).map(({ region, peers }) => ({ region, peers })),
      }),
    )
  }

  /** Until no region has vectors that its graph lacks: from then on searches walk the graph. */
  async indexed(collection: string, deadlineMs = 300_000): Promise<void> {
    await until(
      `the graphs of ${collection} are complete`,
      async () =>
        (await this.status()).every(({ collections }) =>
          collections.some((each) => each.name === collection && each.indexPending === 0),
        ),
      { deadlineMs, everyMs: 200 },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.regions.map((region) => region.kill()))
    await this.links?.[Symbol.asyncDispose]()
    await rm(this.dir, { recursive: true, force: true })
  }
}
