import type { CollectionConfig, CollectionUid, RegionId } from '@meridian/core'
import { type CatalogDetails, type IndexSchema, mergedDetails, NO_DETAILS, type Setting } from './details.js'
import { configOf, type ResolvedSpace, resolveSpaces } from './spaces.js'
import { byAge, type CatalogCollection } from './state.js'

/** A collection as callers see it: every live incarnation of one name and one configuration, as one. */
export interface ResolvedCollection {
  /** The name it is visible under: its own, or `name~uid` if an elder one with another configuration holds that. */
  readonly name: string
  /** The eldest incarnation. It changes when an elder one arrives or the eldest is dropped. */
  readonly uid: CollectionUid
  /** All incarnations merged into it, eldest first. */
  readonly uids: readonly CollectionUid[]
  /** As it is now: with the vector spaces that were added, without those dropped. */
  readonly config: CollectionConfig
  /** Those of `config`, eldest first. */
  readonly spaces: readonly ResolvedSpace[]
  /** Sorted. */
  readonly aliases: readonly string[]
  /** By payload key, sorted by it. */
  readonly indexes: ReadonlyMap<string, IndexSchema>
  /** Sorted by the JSON text of their paths. */
  readonly settings: readonly Setting[]
  /** The name it was created with, if another collection holds that name. */
  readonly conflictOf?: string
}

/** Two regions gave one name to collections with different configurations. Both are kept. */
export interface CatalogConflict {
  readonly name: string
  readonly keptUid: CollectionUid
  readonly keptConfig: CollectionConfig
  readonly keptBy: RegionId
  readonly otherUid: CollectionUid
  /** Where the other is to be found. */
  readonly otherName: string
  readonly otherConfig: CollectionConfig
  readonly otherBy: RegionId
}

export interface Resolution {
  /** By visible name, sorted by it. */
  readonly collections: ReadonlyMap<string, ResolvedCollection>
  /** By alias, sorted by it. */
  readonly aliases: ReadonlyMap<string, ResolvedCollection>
  readonly conflicts: readonly CatalogConflict[]
}

export const conflictName = (name: string, uid: CollectionUid): string => `${name}~${uid}`

/**
 * What each name stands for. Pure, and independent of order:
 *
 * 1. Live incarnations of one name with equal canonical configurations are one collection; its uid is the eldest's.
 * 2. The collection of the eldest of all holds the name; every other is visible as `name~uid` and listed as a conflict.
 * 3. Every live incarnation is in exactly one collection.
 * 4. An alias stands for the collection that its incarnation is in; it is out of sight while that is dropped, or while a
 *    collection has its name.
 */
export const resolve = (all: Iterable<CatalogCollection>, details: CatalogDetails = NO_DETAILS): Resolution => {
  const byName = new Map<string, Map<string, CatalogCollection[]>>()
  for (const each of [...all].sort(byAge)) {
    if (each.dropped !== undefined) continue
    const groups = byName.get(each.name) ?? new Map<string, CatalogCollection[]>()
    byName.set(each.name, groups)
    const group = groups.get(each.configText)
    if (group === undefined) groups.set(each.configText, [each])
    else group.push(each)
  }
  const collections: Omit<ResolvedCollection, 'aliases' | 'indexes' | 'settings' | 'spaces'>[] = []
  const conflicts: CatalogConflict[] = []
  for (const groups of byName.values()) {
    // In order of insertion, hence of age.
    const [kept, ...others] = [...groups.values()].map((group) => group[0]!)
    collections.push(resolvedOf(kept!.name, groups.get(kept!.configText)!))
    for (const other of others) {
      const name = conflictName(other.name, other.uid)
      collections.push({ ...resolvedOf(name, groups.get(other.configText)!), conflictOf: other.name })
      conflicts.push(conflictOf(kept!, other, name))
    }
  }
  const names = new Set(collections.map((each) => each.name))
  const targets = new Map([...details.aliases].map(([alias, { value }]) => [alias, value] as const))
  const detailed = collections.sort(ascending((each) => each.name)).map((each): ResolvedCollection => {
    const { uids } = each
    const pointsHere = ([alias, uid]: readonly [string, unknown]): boolean =>
      !names.has(alias) && uids.some((own) => own === uid)
    const settings = mergedDetails(details.settings, uids)
    const spaces = resolveSpaces(each.config, uids, details.spaces)
    return {
      ...each,
      config: configOf(each.config, spaces, (name) => settings.get(modifierPath(name))),
      spaces,
      aliases: [...targets].filter(pointsHere).map(([alias]) => alias),
      indexes: mergedDetails(details.indexes, uids) as Map<string, IndexSchema>,
      settings: [...settings].map(([path, value]) => ({
        path: JSON.parse(path) as string[],
        value,
      })),
    }
  })
  const aliases = detailed.flatMap((each) => each.aliases.map((alias) => [alias, each] as const))
  return {
    collections: new Map(detailed.map((each) => [each.name, each])),
    aliases: new Map(aliases.sort(ascending(([alias]) => alias))),
    conflicts: conflicts.sort(ascending((each) => each.otherName)),
  }
}

const modifierPath = (name: string): string => JSON.stringify(['sparse_vectors', name, 'modifier'])

const ascending =
  <T>(key: (value: T) => string) =>
  (a: T, b: T): number =>
    key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0

const resolvedOf = (name: string, group: readonly CatalogCollection[]) => ({
  name,
  uid: group[0]!.uid,
  uids: group.map((each) => each.uid),
  config: group[0]!.config,
})

const conflictOf = (kept: CatalogCollection, other: CatalogCollection, otherName: string): CatalogConflict => ({
  name: kept.name,
  keptUid: kept.uid,
  keptConfig: kept.config,
  keptBy: kept.createdBy,
  otherUid: other.uid,
  otherName,
  otherConfig: other.config,
  otherBy: other.createdBy,
})
