import { type ClusterInfo, type DigestInfo, digestKey } from '@meridian/client'
import { EXIT, type ExitCode } from '../exit.js'

/** What one region answered, or why it did not. */
export type RegionReport =
  | {
      readonly kind: 'up'
      readonly url: string
      readonly cluster: ClusterInfo
      /** By collection name. */
      readonly digests: ReadonlyMap<string, DigestInfo>
    }
  | { readonly kind: 'down'; readonly url: string; readonly reason: string }

export type UpReport = RegionReport & { readonly kind: 'up' }

export interface CollectionReport {
  readonly name: string
  /** Live records by region, in the order of the regions that are up; `undefined` where there is no such collection. */
  readonly live: readonly (number | undefined)[]
  readonly isEqual: boolean
}

export interface Assessment {
  readonly collections: readonly CollectionReport[]
  /** Every region that was asked is up. */
  readonly isWhole: boolean
  /** Nothing is on its way: all peers are linked and hold what the others hold. */
  readonly isCaughtUp: boolean
  readonly isEqual: boolean
  readonly exitCode: ExitCode
}

export const isUp = (report: RegionReport): report is UpReport => report.kind === 'up'

/** What the reports together say. Digests that differ while writes are on their way are normal; afterwards they are not. */
export const assess = (reports: readonly RegionReport[]): Assessment => {
  const up = reports.filter(isUp)
  const names = [...new Set(up.flatMap((report) => [...report.digests.keys()]))].sort()
  const collections = names.map((name) => {
    const digests = up.map((report) => report.digests.get(name))
    return {
      name,
      live: digests.map((digest) => digest?.live),
      isEqual: new Set(digests.map((digest) => (digest === undefined ? '' : digestKey(digest)))).size === 1,
    }
  })
  const isWhole = up.length === reports.length
  const isCaughtUp = up.every(({ cluster }) =>
    cluster.peers.every((peer) => peer.state === 'linked' && peer.behind.writes === 0),
  )
  const isEqual = collections.every((collection) => collection.isEqual)
  const exitCode = !isWhole ? EXIT.failed : isCaughtUp && !isEqual ? EXIT.differs : EXIT.ok
  return { collections, isWhole, isCaughtUp, isEqual, exitCode }
}
