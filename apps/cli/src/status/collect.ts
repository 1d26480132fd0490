import { ClientError, type DigestInfo, type MeridianClient } from '@meridian/client'
import type { RegionReport } from './assess.js'

/** Asks every region once, all at the same time. A region that does not answer is a report, not an error. */
export const collect = (clients: readonly MeridianClient[]): Promise<RegionReport[]> => Promise.all(clients.map(report))

const report = async (client: MeridianClient): Promise<RegionReport> => {
  try {
    const cluster = await client.cluster({ retry: false })
    const digests = await Promise.all(cluster.collections.map(({ name }) => digestOf(client, name)))
    return {
      kind: 'up',
      url: client.url,
      cluster,
      digests: new Map(digests.flatMap((digest) => (digest ? [[digest.collection, digest]] : []))),
    }
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    return { kind: 'down', url: client.url, reason: error.message }
  }
}

/** `undefined`: deleted since it was listed. */
const digestOf = async (client: MeridianClient, name: string): Promise<DigestInfo | undefined> => {
  try {
    return await client.digest(name, { retry: false })
  } catch (error) {
    if (error instanceof ClientError && error.status === 404) return undefined
    throw error
  }
}
