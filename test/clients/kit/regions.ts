import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { MemoryStorage } from '@meridian/storage'
import { freePort } from '../../e2e/kit/free-port.js'
import { until } from '../../e2e/kit/until.js'
import { Rotation } from './rotation.js'
import { openSlowLink, type SlowLink } from './slow-link.js'

const NAMES = ['eu', 'us', 'ap']
/** One way, between regions of a rotation: longer than a request takes, so that only a session token makes its next one see it. */
const LINK_DELAY_MS = 60

/** Regions in this process, their data in memory, linked with one another, and the one address that a client is given. */
export interface Regions extends AsyncDisposable {
  readonly servers: readonly RunningServer[]
  /** The region itself when there is one; of several, an address that sends each request to the next of them. */
  readonly url: string
  readonly port: number
  /** Requests that each region has answered; empty with one region. */
  readonly answered: readonly number[]
}

/** @param peerUrl the address that regions reach one of them at; its own when absent */
export const openServers = async (
  count: number,
  directory?: string,
  peerUrl: (port: number) => Promise<string> = async (port) => `http://127.0.0.1:${port}`,
): Promise<RunningServer[]> => {
  const places = await Promise.all(
    NAMES.slice(0, count).map(async (region) => {
      const port = await freePort()
      return { region, port: String(port), url: await peerUrl(port) }
    }),
  )
  const servers = await Promise.all(
    places.map(({ region, port }) => {
      const peer = places.filter((other) => other.region !== region).map((other) => `${other.region}=${other.url}`)
      const data = directory === undefined ? {} : { data: join(directory, region) }
      const config = parseConfig({ region, port, peer, 'log-level': 'silent', ...data })
      return startServer(config, createLog(config), {
        openStorage: async () => new MemoryStorage(),
        openIndex: () => new ExactIndex(),
      })
    }),
  )
  await until('every region is linked with every other', () =>
    servers.every(({ replica }) => {
      const { peers } = replica.status()
      return peers.length === count - 1 && peers.every(({ state }) => state === 'linked')
    }),
  )
  await until('every region has taken in what the others did at their start', () => {
    const vectors = servers.map(({ replica }) => replica.status().vectors.merged)
    return vectors.every((each) => vectors.every((other) => each.dominates(other)))
  })
  return servers
}

export const openRegions = async (count: number): Promise<Regions> => {
  const directory = mkdtempSync(join(tmpdir(), 'meridian-clients-'))
  const links: SlowLink[] = []
  const servers = await openServers(count, directory, async (port) => {
    const link = await openSlowLink(port, LINK_DELAY_MS)
    links.push(link)
    return link.url
  })
  const rotation = count > 1 ? await Rotation.open(servers) : undefined
  const { url, port } = rotation ?? servers[0]!
  return {
    servers,
    url,
    port,
    answered: rotation?.answered ?? [],
    [Symbol.asyncDispose]: async () => {
      await rotation?.close()
      await Promise.all(servers.map((server) => server.close()))
      await Promise.all(links.map((link) => link[Symbol.asyncDispose]()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
