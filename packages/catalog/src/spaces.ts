import type { Doc } from '@automerge/automerge'
import {
  type CollectionConfig,
  type CollectionUid,
  canonicalJson,
  compareStamps,
  formatStamp,
  hash32,
  isSparseSpace,
  type JsonValue,
  parseCollectionUid,
  type SpaceParams,
  type SparseParams,
  type Stamp,
  spacesOf,
  type VectorParams,
} from '@meridian/core'
import { configProblem } from './config-check.js'
import { integerOf, objectOf, textOf, Unsound } from './entry-fields.js'
import type { CatalogDocument } from './genesis.js'
import { readStamped, type Stamped } from './stamped.js'

/** A vector space that was added to a collection after its creation. */
export interface AddedSpace {
  readonly name: string
  readonly params: SpaceParams
  /** One more than the highest that its author knew of the name; spaces of the creation are of generation 0. */
  readonly generation: number
  readonly stamp: Stamp
}

/** What was added to one incarnation and taken from it. Tags name additions; `=NAME` is a space of the creation. */
export interface SpaceEdits {
  readonly added: ReadonlyMap<string, AddedSpace>
  readonly gone: ReadonlySet<string>
}

export type SpacesByUid = ReadonlyMap<CollectionUid, SpaceEdits>

/** A vector space as callers see it. */
export interface ResolvedSpace {
  /** `NAME~HASH` while an elder space, of other parameters, has the name. */
  readonly name: string
  /** What records call it: never used again once the space is dropped, so a name added anew has none of the old vectors. */
  readonly key: string
  readonly params: SpaceParams
  /** The live additions that are this space; all of them go when it is dropped. */
  readonly parts: readonly { readonly uid: CollectionUid; readonly tag: string }[]
}

export const ADDED_NAME_BYTES_MAX = 200
export const GENERATION_MAX = 999_999
export const SPACES_MAX = 128

const PREFIX = 'spaces/'
export const addedKey = (uid: CollectionUid, stamp: Stamp): string => `${PREFIX}${uid}/+${formatStamp(stamp)}`
export const goneKey = (uid: CollectionUid, tag: string): string => `${PREFIX}${uid}/-${tag}`
export const baseTag = (name: string): string => `=${name}`

export const addedValue = ({ name, params, generation }: Omit<AddedSpace, 'stamp'>): JsonValue => ({
  name,
  generation,
  params: params as unknown as JsonValue,
})

/** Says what is wrong with a name that is to be added, or nothing. */
export const addedNameProblem = (name: string): string | undefined => {
  if (name.length === 0 || Buffer.byteLength(name) > ADDED_NAME_BYTES_MAX)
    return `a vector name that is added must be 1 to ${ADDED_NAME_BYTES_MAX} bytes long`
  if (name.includes('\0')) return 'a vector name that is added has no zero byte'
  return /~[0-9a-f]{8}~*$/.test(name)
    ? 'a name does not end in ~ and 8 hex digits: such names show conflicts'
    : undefined
}

export const paramsProblem = (name: string, params: SpaceParams): string | undefined =>
  configProblem(
    isSparseSpace(params)
      ? { shards: 1, vectors: {}, sparse: Object.fromEntries([[name, params]]) }
      : { shards: 1, vectors: Object.fromEntries([[name, params]]) },
  )

/** Additions that are alike, made apart, have one key: they are one space, and its vectors merge as any others. */
export const keyOf = ({ name, params, generation }: Omit<AddedSpace, 'stamp'>): string =>
  generation === 0 ? name : `${name}\0${generation}.${hashOf(canonicalJson(meaningOf(params)))}`

/** Which vectors belong together, and how they compare: sizes of a graph do not say. */
export const meaningOf = (params: SpaceParams): JsonValue =>
  isSparseSpace(params)
    ? { modifier: params.modifier }
    : [params.size, params.metric, params.multi ?? null, ...(params.datatype === undefined ? [] : [params.datatype])]

const hashOf = (text: string): string => hex(hash32(text)) + hex(hash32(text, 0x9747b28c))
const hex = (number: number): string => number.toString(16).padStart(8, '0')

/** Reads what is sound; `problem` is told of the rest. */
export const readSpaces = (
  document: Doc<CatalogDocument>,
  problem: (what: string, error: unknown) => void,
): SpacesByUid => {
  const spaces = new Map<CollectionUid, { added: Map<string, AddedSpace>; gone: Set<string> }>()
  for (const key of Object.keys(document.extra).sort()) {
    if (!key.startsWith(PREFIX)) continue
    const what = `extra ${JSON.stringify(key.slice(0, 64))}`
    try {
      const entry = readStamped(document, 'extra', key, (error) => problem(what, error))
      if (entry === undefined) continue
      const rest = key.slice(PREFIX.length)
      const uid = parseCollectionUid(rest.slice(0, 16))
      const tag = rest.slice(18)
      const edits = spaces.get(uid) ?? { added: new Map(), gone: new Set() }
      if (rest[16] !== '/' || tag === '') throw new Unsound('not a vector space')
      if (rest[17] === '-' && entry.value === true) edits.gone.add(tag)
      else if (rest[17] === '+') edits.added.set(tag, readAdded(tag, entry))
      else throw new Unsound('neither an added nor a dropped vector space')
      spaces.set(uid, edits)
    } catch (error) {
      problem(what, error)
    }
  }
  return spaces
}

const readAdded = (tag: string, { value, stamp }: Stamped): AddedSpace => {
  if (tag !== formatStamp(stamp)) throw new Unsound('the stamp is another one')
  const entry = objectOf(value, 'value')
  const name = textOf(entry.name, 'name')
  const params = objectOf(entry.params, 'params') as unknown as SpaceParams
  const wrong = addedNameProblem(name) ?? paramsProblem(name, params)
  if (wrong !== undefined) throw new Unsound(wrong)
  const generation = integerOf(entry.generation, 'generation', GENERATION_MAX)
  if (generation === 0) throw new Unsound('generation 0 is of the creation')
  return { name, params, generation, stamp }
}

interface Group {
  readonly name: string
  readonly key: string
  /** Of the eldest part, as the stamp is. */
  params: SpaceParams
  /** `undefined` for a space of the creation, which is elder than all. */
  stamp: Stamp | undefined
  readonly parts: { uid: CollectionUid; tag: string }[]
}

/**
 * The spaces of a collection: those of its creation and those added, without those dropped. Pure, and independent of order:
 *
 * 1. A space is there while one of its additions is; a drop covers the additions that its author saw, no others. For a space
 *    of the creation, each incarnation is one addition.
 * 2. Additions of one name, generation and meaning are one space; its graph is of the size that the eldest says.
 * 3. Of several spaces of one name the eldest has it; every other is `NAME~HASH`.
 */
export const resolveSpaces = (
  base: CollectionConfig,
  uids: readonly CollectionUid[],
  all: SpacesByUid,
): ResolvedSpace[] => {
  const groups = new Map<string, Group>()
  for (const [name, params] of spacesOf(base)) {
    const tag = baseTag(name)
    const parts = uids.filter((uid) => !all.get(uid)?.gone.has(tag)).map((uid) => ({ uid, tag }))
    if (parts.length > 0) groups.set(name, { name, key: name, params, stamp: undefined, parts })
  }
  for (const uid of uids)
    for (const [tag, added] of all.get(uid)?.added ?? []) {
      if (all.get(uid)!.gone.has(tag)) continue
      const key = keyOf(added)
      const group = groups.get(key) ?? { ...added, key, parts: [] }
      groups.set(key, group)
      group.parts.push({ uid, tag })
      if (group.stamp !== undefined && compareStamps(added.stamp, group.stamp) < 0) {
        group.stamp = added.stamp
        group.params = added.params
      }
    }
  const taken = new Set<string>()
  const named = [...groups.values()].sort(byAge).map(({ name, key, params, parts }): ResolvedSpace => {
    let shown = name
    if (taken.has(name)) shown = `${name}~${hex(hash32(key))}`
    while (taken.has(shown)) shown += '~'
    taken.add(shown)
    return { name: shown, key, params, parts }
  })
  return named
}

const byAge = (a: Group, b: Group): number => {
  if (a.stamp === undefined || b.stamp === undefined)
    return Number(a.stamp !== undefined) - Number(b.stamp !== undefined)
  return compareStamps(a.stamp, b.stamp) || (a.key < b.key ? -1 : 1)
}

/** The highest generation that was ever of `name`, dropped ones included. */
export const generationOf = (name: string, uids: readonly CollectionUid[], all: SpacesByUid): number => {
  let highest = 0
  for (const uid of uids)
    for (const each of all.get(uid)?.added.values() ?? [])
      if (each.name === name && each.generation > highest) highest = each.generation
  return highest
}

/** The configuration with these spaces; `base` itself when nothing differs. `modifierOf`: what a setting says of a sparse space. */
export const configOf = (
  base: CollectionConfig,
  spaces: readonly ResolvedSpace[],
  modifierOf: (name: string) => JsonValue | undefined,
): CollectionConfig => {
  const vectors: [string, VectorParams][] = []
  const sparse: [string, SparseParams][] = []
  let isAsCreated = spaces.length === spacesOf(base).length
  for (const { name, key, params } of spaces) {
    isAsCreated &&= name === key
    if (!isSparseSpace(params)) vectors.push([name, params])
    else {
      const told = modifierOf(name)
      const modifier = told === 'idf' || told === 'none' ? told : params.modifier
      isAsCreated &&= modifier === params.modifier
      sparse.push([name, { modifier }])
    }
  }
  if (isAsCreated) return base
  return {
    vectors: Object.fromEntries(vectors),
    ...(sparse.length === 0 ? {} : { sparse: Object.fromEntries(sparse) }),
    shards: base.shards,
  }
}

export const spacesText = (all: SpacesByUid): JsonValue =>
  [...all].map(([uid, { added, gone }]) => [
    uid,
    [...added].map(([tag, each]) => [tag, addedValue(each)]),
    [...gone].sort(),
  ])
