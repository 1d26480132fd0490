import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, type RunningServer, startServer } from '@meridian/server'
import { MemoryStorage } from '@meridian/storage'
import { freePort } from '../../e2e/kit/free-port.js'
import { until } from '../../e2e/kit/until.js'
import { Rotation } from './rotation.js'

const NAMES = ['eu', 'us', 'ap']

/** Regions in this process, their data in memory, linked with one another, and the one address that a client is given. */
export interface Regions extends AsyncDisposable {
  readonly servers: readonly RunningServer[]
  /** The region itself when there is one; of several, an address that sends each request to the next of them. */
  readonly url: string
  readonly port: number
  /** Requests that each region has answered; empty with one region. */
  readonly answered: readonly number[]
}

export const openServers = async (count: number, directory?: string): Promise<RunningServer[]> => {
  const places = await Promise.all(
    NAMES.slice(0, count).map(async (region) => ({ region, port: String(await freePort()) })),
  )
  const servers = await Promise.all(
    places.map(({ region, port }) => {
      const peer = places
        .filter((other) => other.region !== region)
        .map((other) => `${other.region}=http://127.0.0.1:${other.port}`)
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
  return servers
}

export const openRegions = async (count: number): Promise<Regions> => {
  const directory = mkdtempSync(join(tmpdir(), 'meridian-clients-'))
  const servers = await openServers(count, directory)
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
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
