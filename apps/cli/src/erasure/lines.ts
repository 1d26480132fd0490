import type { ErasureInfo } from '@meridian/client'
import { table } from '../plain-table.js'
import { printable } from '../printable.js'

const HEAD = ['REGION', 'POINT', 'LOG', 'BLOCKS', 'CONFLICTS', 'GRAPH', 'INDEX FILES', 'SNAPSHOTS']

/** A line a region, then what each waits for, then the verdict. */
export const erasureLines = (erasure: ErasureInfo): string => {
  const rows = erasure.regions.map((each) => [
    each.region,
    each.state,
    each.log,
    each.blocks,
    each.conflicts,
    each.graph,
    each.index_files,
    each.unknown !== null ? 'unknown' : each.snapshots.length + (each.unread_snapshots ?? 0) > 0 ? 'holds' : 'clear',
  ])
  const notes = erasure.regions.flatMap(({ region, snapshots, waiting_for, unknown }) => [
    ...(unknown === null ? [] : [`${region} was not asked: ${printable(unknown)}`]),
    ...snapshots.map(
      ({ name, creation_time }) => `${region}: snapshot ${printable(name)} of ${printable(creation_time)}`,
    ),
    ...waiting_for.map((reason) => `${region} waits for ${printable(reason)}`),
  ])
  const retired =
    erasure.retired.length === 0 ? [] : [`retired, and not asked: ${erasure.retired.join(', ')}; destroy their disks`]
  return [table(HEAD, rows, HEAD.length), ...notes, ...retired, verdict(erasure), ''].join('\n')
}

const verdict = ({ id, state, deleted_at, erased }: ErasureInfo): string => {
  const point = `point ${printable(String(id))}`
  if (state === 'live') return `${point} is live: it was not deleted`
  const when = deleted_at === null ? '' : ` (deleted ${deleted_at})`
  if (!erased) return `${point}${when} is not erased everywhere yet`
  return state === 'deleted'
    ? `${point}${when} is erased; its delete is still remembered`
    : `nothing is left of ${point}`
}
