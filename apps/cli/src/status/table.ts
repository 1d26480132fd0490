import { table } from '../plain-table.js'
import { type Assessment, isUp, type RegionReport, type UpReport } from './assess.js'

const count = (value: number): string => value.toLocaleString('en')

const bytes = (value: number): string =>
  value < 1024
    ? `${value} B`
    : value < 1024 ** 2
      ? `${(value / 1024).toFixed(1)} KiB`
      : `${(value / 1024 ** 2).toFixed(1)} MiB`

const sum = (report: UpReport, of: (collection: UpReport['cluster']['collections'][number]) => number): number =>
  report.cluster.collections.reduce((total, collection) => total + of(collection), 0)

const stateOf = ({ cluster }: UpReport): string =>
  cluster.unready !== undefined
    ? `not ready: ${cluster.unready}`
    : cluster.readOnly !== undefined
      ? `read-only: ${cluster.readOnly}`
      : 'up'

/** The whole answer of `meridian status`. */
export const statusText = (reports: readonly RegionReport[], assessment: Assessment): string => {
  const up = reports.filter(isUp)
  const regions = table(
    ['region', 'url', 'state', 'replica', 'records', 'tombstones', 'index pending'],
    reports.map((report) =>
      isUp(report)
        ? [
            report.cluster.region,
            report.url,
            stateOf(report),
            String(report.cluster.replica),
            count(sum(report, (each) => each.points)),
            count(sum(report, (each) => each.tombstones)),
            count(sum(report, (each) => each.indexPending)),
          ]
        : ['?', report.url, `down: ${report.reason}`, '', '', '', ''],
    ),
    3,
  )
  const peers = up.flatMap(({ cluster }) =>
    cluster.peers.map((peer) => {
      const { seconds, writes, bytes: size } = peer.behind
      return [
        `${cluster.region} to ${peer.region}`,
        peer.enabled ? peer.state : 'cut on purpose',
        `${seconds.toFixed(1)} s`,
        count(writes),
        bytes(size),
      ]
    }),
  )
  const collections = assessment.collections.map((collection) => [
    collection.name,
    ...collection.live.map((live) => (live === undefined ? 'none' : count(live))),
    collection.isEqual ? 'equal' : 'differ',
  ])
  const losses = up.map(({ cluster: { region, onlyHere } }) => [
    region,
    `${onlyHere.seconds.toFixed(1)} s`,
    count(onlyHere.writes),
    bytes(onlyHere.bytes),
    onlyHere.unheard.length === 0 ? '' : `at most: ${onlyHere.unheard.join(', ')} not heard yet`,
  ])
  const faults = up.flatMap(({ cluster: { region, degradations } }) =>
    degradations.map(({ code, message, forSeconds }) => [region, `${forSeconds} s`, code, message]),
  )
  const parts = [regions]
  if (losses.length > 0) parts.push(table(['region', 'lost if it burns now', 'writes', 'bytes', ''], losses, 1))
  if (peers.length > 0) parts.push(table(['link', 'state', 'peer lags by', 'writes', 'bytes'], peers, 2))
  if (collections.length > 0)
    parts.push(table(['collection', ...up.map(({ cluster }) => cluster.region), 'digests'], collections, 1))
  if (faults.length > 0) parts.push(table(['region', 'wrong now for', 'what', ''], faults, 4))
  return `${[...parts, verdict(reports.length - up.length, assessment)].join('\n\n')}\n`
}

const verdict = (down: number, { isEqual, isCaughtUp, collections }: Assessment): string => {
  if (down > 0) return `${down} ${down === 1 ? 'region is' : 'regions are'} down.`
  if (collections.length === 0) return 'All regions are up; there is no collection yet.'
  if (isEqual) return 'All regions are up and hold the same records.'
  return isCaughtUp
    ? 'All regions have caught up, and their records DIFFER: this is not normal.'
    : 'All regions are up; some writes are still on their way.'
}
