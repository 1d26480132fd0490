import type { Doc } from '@automerge/automerge'
import {
  type CollectionUid,
  canonicalJson,
  type JsonObject,
  type JsonValue,
  parseCollectionUid,
  type Stamp,
} from '@meridian/core'
import { nameProblem } from './config-check.js'
import { Unsound } from './entry-fields.js'
import type { CatalogDocument } from './genesis.js'
import { readSpaces, type SpacesByUid, spacesText } from './spaces.js'
import { newerOf, readStamped, type Stamped } from './stamped.js'

/** Declared type and options of a payload index, as given: `type` is always there. */
export type IndexSchema = JsonObject & { readonly type: string }

/** One leaf of a collection's settings; each is a register of its own, so that concurrent edits of two of them both stay. */
export interface Setting {
  /** Names from the top, such as `['hnsw_config', 'm']`. */
  readonly path: readonly string[]
  /** `null` takes the setting back. */
  readonly value: JsonValue
}

/** What hangs on collections: names by which else they go, indexes on their payload, settings that change no result. */
export interface CatalogDetails {
  /** By alias; it points to an incarnation, so it ends with it. */
  readonly aliases: ReadonlyMap<string, Stamped>
  readonly indexes: DetailsByUid
  /** By the JSON text of the path. */
  readonly settings: DetailsByUid
  readonly spaces: SpacesByUid
}

type DetailsByUid = ReadonlyMap<CollectionUid, ReadonlyMap<string, Stamped>>

export const NO_DETAILS: CatalogDetails = {
  aliases: new Map(),
  indexes: new Map(),
  settings: new Map(),
  spaces: new Map(),
}

// Keys start with something of ours, so that none of them is `__proto__`.
export const aliasKey = (alias: string): string => `@${alias}`
export const indexKey = (uid: CollectionUid, field: string): string => `${uid}/${field}`
export const settingKey = (uid: CollectionUid, path: readonly string[]): string =>
  `settings/${uid}/${JSON.stringify(path)}`

const SETTINGS = 'settings/'

/** Reads what is sound; `problem` is told of the rest. Entries of other kinds in `extra` are left to newer versions. */
export const readDetails = (
  document: Doc<CatalogDocument>,
  problem: (what: string, error: unknown) => void,
): CatalogDetails => {
  const read = (map: 'aliases' | 'payloadIndexes' | 'extra', key: string, take: (entry: Stamped) => void): void => {
    const what = `${map} ${JSON.stringify(key.slice(0, 64))}`
    try {
      const entry = readStamped(document, map, key, (error) => problem(what, error))
      if (entry !== undefined) take(entry)
    } catch (error) {
      problem(what, error)
    }
  }
  const aliases = new Map<string, Stamped>()
  for (const key of Object.keys(document.aliases).sort())
    read('aliases', key, (entry) => {
      const alias = key.slice(1)
      const wrong = key.startsWith('@') ? nameProblem(alias) : 'not an alias'
      if (wrong !== undefined) throw new Unsound(wrong)
      if (entry.value !== null) parseCollectionUid(String(entry.value))
      aliases.set(alias, entry)
    })
  const indexes = new Map<CollectionUid, Map<string, Stamped>>()
  for (const key of Object.keys(document.payloadIndexes).sort())
    read('payloadIndexes', key, (entry) => {
      const field = key.slice(17)
      if (key[16] !== '/' || field === '') throw new Unsound('not an index')
      if (entry.value !== null && !isSchema(entry.value)) throw new Unsound('schema has no type')
      put(indexes, key.slice(0, 16), field, entry)
    })
  const settings = new Map<CollectionUid, Map<string, Stamped>>()
  for (const key of Object.keys(document.extra).sort())
    if (key.startsWith(SETTINGS))
      read('extra', key, (entry) => {
        const rest = key.slice(SETTINGS.length)
        if (rest[16] !== '/' || !isPath(rest.slice(17))) throw new Unsound('not a setting')
        put(settings, rest.slice(0, 16), rest.slice(17), entry)
      })
  return { aliases, indexes, settings, spaces: readSpaces(document, problem) }
}

const put = (maps: Map<CollectionUid, Map<string, Stamped>>, uidText: string, name: string, entry: Stamped): void => {
  const uid = parseCollectionUid(uidText)
  const map = maps.get(uid) ?? new Map<string, Stamped>()
  maps.set(uid, map.set(name, entry))
}

export const isSchema = (value: JsonValue): value is IndexSchema =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && typeof value.type === 'string'

/** Exactly as `settingKey` writes it: one path has one key. */
const isPath = (text: string): boolean => {
  try {
    const path: unknown = JSON.parse(text)
    return (
      Array.isArray(path) &&
      path.length > 0 &&
      path.every((name) => typeof name === 'string' && name !== '__proto__') &&
      JSON.stringify(path) === text
    )
  } catch {
    return false
  }
}

/** The details of several incarnations as one: of each the newest, sorted by name; what was taken back is left out. */
export const mergedDetails = (maps: DetailsByUid, uids: readonly CollectionUid[]): Map<string, JsonValue> => {
  const newest = new Map<string, Stamped>()
  for (const uid of uids)
    for (const [name, entry] of maps.get(uid) ?? []) newest.set(name, newerOf(newest.get(name), entry))
  return new Map(
    [...newest]
      .filter(([, { value }]) => value !== null)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { value }]) => [name, value]),
  )
}

/** Equal for equal details. */
export const detailsText = ({ aliases, indexes, settings, spaces }: CatalogDetails): string => {
  const text = (entries: Iterable<readonly [string, Stamped]>): JsonValue =>
    [...entries].map(([name, { value, stamp }]) => [name, value, stampNumbers(stamp)])
  const byUid = (maps: DetailsByUid): JsonValue => [...maps].map(([uid, entries]) => [uid, text(entries)])
  return canonicalJson({
    aliases: text(aliases),
    indexes: byUid(indexes),
    settings: byUid(settings),
    ...(spaces.size === 0 ? {} : { spaces: spacesText(spaces) }),
  })
}

const stampNumbers = ({ ms, counter, writer }: Stamp): JsonValue => [ms, counter, writer]
