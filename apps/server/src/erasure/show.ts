import type { PointId } from '@meridian/core'
import type { Erasure, RegionTrace } from '@meridian/replica'

/** Milliseconds of a stamp as ISO 8601; a stamp that no calendar has is left out. */
const timeOf = (ms: number | undefined): string | null =>
  ms === undefined || ms > 8.64e15 ? null : new Date(ms).toISOString()

/** What `GET …/erasure` answers, and the published document describes. */
export const shownErasure = (collection: string, id: PointId, { isErased, regions, retired }: Erasure) => {
  const reports = regions.flatMap((each) => ('unknown' in each ? [] : [each.report]))
  const deletedAtMs = Math.max(0, ...reports.map((report) => report.deletedAtMs ?? 0))
  const states = reports.map(({ state }) => state)
  return {
    collection,
    id,
    state: states.includes('live') ? 'live' : states.includes('deleted') ? 'deleted' : 'absent',
    deleted_at: timeOf(deletedAtMs === 0 ? undefined : deletedAtMs),
    erased: isErased,
    regions: regions.map(shownTrace),
    retired,
  }
}

const shownTrace = (trace: RegionTrace) => {
  const { region } = trace
  const replica = trace.replica ?? null
  if ('unknown' in trace)
    return {
      ...{ region, replica, state: 'unknown', deleted_at: null },
      ...{ log: 'unknown', blocks: 'unknown', conflicts: 'unknown', graph: 'unknown', index_files: 'unknown' },
      ...{ snapshots: [], unread_snapshots: null, waiting_for: [], unknown: trace.unknown },
    }
  const { state, deletedAtMs, log, blocks, conflicts, graph, files, snapshots, unread, waitingFor } = trace.report
  return {
    ...{ region, replica, state, deleted_at: timeOf(deletedAtMs), log, blocks, conflicts, graph, index_files: files },
    snapshots: snapshots.map(({ name, createdAt }) => ({ name, creation_time: createdAt })),
    ...{ unread_snapshots: unread, waiting_for: waitingFor, unknown: null },
  }
}
