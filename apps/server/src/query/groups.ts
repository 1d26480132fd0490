import type { JsonObject, JsonValue, PointId } from '@meridian/core'
import type { Path } from '@meridian/index'
import type { ReadFilter } from '../schema/filter.js'
import { execute, type Scope } from './execute.js'
import { type Hit, placeOf } from './hit.js'
import { bothFilters, matching } from './matching.js'
import type { Plan, Query } from './plan.js'

/** The value that the points of a group share. */
export type GroupId = string | number

export interface Grouping {
  /** Points without a string or integer there are in no group; with several in an array they are in several. */
  readonly path: Path
  readonly groupSize: number
  /** Groups. */
  readonly limit: number
}

export interface Group {
  readonly id: GroupId
  /** Best first; at least one. */
  readonly hits: readonly Hit[]
}

/** First asked for, as a multiple of what would do if no hit fell into a group that is full. */
const SPARE_FACTOR = 2
const GROWTH = 4

/**
 * The groups of the best hits, in the order of their best hits, each with its own best: what grouping the whole ranked list
 * would give. Searches of the index are not asked for the whole list: it grows until there are groups enough, and groups that
 * are not full then are searched one by one.
 */
export const groupHits = async (scope: Scope, query: Query, grouping: Grouping): Promise<Group[]> => {
  const { plan } = query
  if (plan.stage.kind !== 'nearest' || plan.sources.length > 0) return groupOnce(scope, query, grouping)
  for (let limit = SPARE_FACTOR * grouping.limit * grouping.groupSize; ; limit *= GROWTH) {
    const groups = new Groups(scope, grouping)
    const hits = await execute(scope, { ...query, plan: { ...plan, limit } })
    groups.add(hits)
    if (hits.length < limit) return groups.take()
    if (groups.size === grouping.limit) return fill(scope, query, groups.take(), grouping)
  }
}

/** What is scanned anyway, or found by prefetches, is ranked whole. */
const groupOnce = async (scope: Scope, query: Query, grouping: Grouping): Promise<Group[]> => {
  const most = Math.max(1, scope.collection.liveCount)
  const hasGroup: ReadFilter = {
    // The clause that always holds keeps it from looking empty.
    filter: { must: [{}] },
    matches: (_id, payload) => groupsOf(payload, grouping.path).size > 0,
    isNarrower: true,
  }
  const { stage } = query.plan
  const plan: Plan = {
    ...query.plan,
    // A point stands in a group once, so the whole list is as long as there are points.
    stage: stage.kind === 'order' ? { kind: 'order', by: { ...stage.by, isOnce: true } } : stage,
    filter: bothFilters(query.plan.filter, hasGroup),
    sources: query.plan.sources.map((source) => widened(source, grouping.limit, most)),
    limit: most,
  }
  const groups = new Groups(scope, grouping)
  groups.add(await execute(scope, { ...query, plan }))
  return groups.take()
}

/** Prefetches are to find enough for all groups. */
const widened = (plan: Plan, factor: number, most: number): Plan => ({
  ...plan,
  limit: Math.max(1, Math.min(plan.limit * factor, most)),
  sources: plan.sources.map((source) => widened(source, factor, most)),
})

/** Searches the groups that are not full, each among its own points. */
const fill = async (
  scope: Scope,
  query: Query,
  groups: readonly Group[],
  { path, groupSize }: Grouping,
): Promise<Group[]> => {
  const { collection } = scope
  const unfilled = groups.filter(({ hits }) => hits.length < groupSize)
  const members = new Map(unfilled.map(({ id }) => [id, new Set<PointId>()]))
  if (unfilled.length > 0)
    for (const ordinal of matching(collection, query.plan.filter))
      for (const group of groupsOf(collection.payload(ordinal), path)) members.get(group)?.add(collection.id(ordinal))
  const filled = await Promise.all(
    groups.map(async (group) => {
      const ids = members.get(group.id)
      if (ids === undefined) return group
      const ofGroup: ReadFilter = { filter: { must: [{ has_id: [...ids] }] }, matches: (id) => ids.has(id) }
      const plan = { ...query.plan, filter: bothFilters(ofGroup, query.plan.filter), limit: groupSize }
      return { id: group.id, hits: await execute(scope, { ...query, plan }) }
    }),
  )
  return filled.filter(({ hits }) => hits.length > 0)
}

/** The groups that a payload belongs to. */
export const groupsOf = (payload: JsonObject, path: Path): Set<GroupId> => {
  const ids = new Set<GroupId>()
  const add = (value: JsonValue): void => {
    if (typeof value === 'string' || (typeof value === 'number' && Number.isInteger(value))) ids.add(value)
  }
  path(payload, (value) => {
    if (Array.isArray(value)) value.forEach(add)
    else add(value)
    return false
  })
  return ids
}

/** Puts hits that come best first into groups. */
class Groups {
  readonly #groups = new Map<GroupId, Hit[]>()

  constructor(
    readonly scope: Scope,
    readonly grouping: Grouping,
  ) {}

  get size(): number {
    return this.#groups.size
  }

  add(hits: readonly Hit[]): void {
    const { collection } = this.scope
    const { path, groupSize, limit } = this.grouping
    for (const hit of hits) {
      const ordinal = placeOf(collection, hit)
      if (ordinal === undefined) continue
      for (const id of groupsOf(collection.payload(ordinal), path)) {
        const group = this.#groups.get(id)
        if (group === undefined) {
          if (this.#groups.size < limit) this.#groups.set(id, [hit])
        } else if (group.length < groupSize) group.push(hit)
      }
    }
  }

  take(): Group[] {
    return Array.from(this.#groups, ([id, hits]) => ({ id, hits }))
  }
}
