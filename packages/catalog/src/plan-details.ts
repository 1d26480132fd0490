import { ImmutableString } from '@automerge/automerge'
import { type CollectionUid, canonicalJson, type JsonValue, type Stamp, StoreError } from '@meridian/core'
import { nameProblem } from './config-check.js'
import { aliasKey, type IndexSchema, indexKey, type Setting, settingKey } from './details.js'
import type { CatalogDocument } from './genesis.js'
import type { Resolution, ResolvedCollection } from './resolve.js'
import { stampedText } from './stamped.js'

/** One step of an alias request. Collections are named by visible names, never by aliases. */
export type AliasAction =
  /** An alias that exists is moved. */
  | { readonly type: 'create'; readonly alias: string; readonly collection: string }
  /** One that does not exist is no error. */
  | { readonly type: 'delete'; readonly alias: string }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }

/** Edits of what hangs on collections. `stamp` is from the region's HLC: of concurrent writes of one entry the newest stays. */
export type DetailMutation =
  /** All of the actions, in order, or none. */
  | {
      readonly type: 'changeAliases'
      readonly actions: readonly AliasAction[]
      readonly stamp: Stamp
      readonly nowMs: number
    }
  | {
      readonly type: 'changeIndex'
      /** Visible name. */
      readonly collection: string
      readonly field: string
      /** `undefined` takes the index away. */
      readonly schema: IndexSchema | undefined
      readonly stamp: Stamp
      readonly nowMs: number
    }
  | {
      readonly type: 'changeSettings'
      /** Visible name. */
      readonly collection: string
      /** `null` values take settings back. */
      readonly settings: readonly Setting[]
      readonly stamp: Stamp
      readonly nowMs: number
    }

export const FIELD_LENGTH_MAX = 1024

interface Planned {
  readonly message: string
  readonly write: ((document: CatalogDocument) => void) | undefined
}

const scalar = (value: JsonValue, stamp: Stamp): ImmutableString => new ImmutableString(stampedText(value, stamp))
const invalid = (message: string): StoreError => new StoreError('VALIDATION', message)

const collectionNamed = (resolution: Resolution, name: string): ResolvedCollection => {
  const found = resolution.collections.get(name)
  if (found === undefined) throw new StoreError('COLLECTION_NOT_FOUND', `Collection \`${name}\` doesn't exist!`)
  return found
}

/** @throws StoreError `COLLECTION_NOT_FOUND` (also for the old name of a rename), `COLLECTION_EXISTS`, `VALIDATION`. */
export const planAliases = (actions: readonly AliasAction[], stamp: Stamp, resolution: Resolution): Planned => {
  const before = new Map([...resolution.aliases].map(([alias, { uid }]) => [alias, uid] as const))
  const after = new Map<string, CollectionUid>(before)
  const claim = (alias: string, uid: CollectionUid): void => {
    const problem = nameProblem(alias)
    if (problem !== undefined) throw invalid(`[alias_name: ${JSON.stringify(alias.slice(0, 80))}: ${problem}]`)
    if (resolution.collections.has(alias))
      throw new StoreError('COLLECTION_EXISTS', `Collection \`${alias}\` already exists!`)
    after.set(alias, uid)
  }
  for (const action of actions) {
    if (action.type === 'create') claim(action.alias, collectionNamed(resolution, action.collection).uid)
    else if (action.type === 'delete') after.delete(action.alias)
    else {
      const uid = after.get(action.from)
      if (uid === undefined) throw new StoreError('COLLECTION_NOT_FOUND', `Alias \`${action.from}\` does not exist!`)
      after.delete(action.from)
      claim(action.to, uid)
    }
  }
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (alias) => before.get(alias) !== after.get(alias),
  )
  return {
    message: `change aliases ${changed.join(', ').slice(0, 200)}`,
    write:
      changed.length === 0
        ? undefined
        : (document) => {
            for (const alias of changed) document.aliases[aliasKey(alias)] = scalar(after.get(alias) ?? null, stamp)
          },
  }
}

/** @throws StoreError `COLLECTION_NOT_FOUND`, `VALIDATION`. */
export const planIndex = (
  { collection: name, field, schema, stamp }: Extract<DetailMutation, { type: 'changeIndex' }>,
  resolution: Resolution,
): Planned => {
  const { uid, uids, indexes } = collectionNamed(resolution, name)
  if (field.length === 0 || field.length > FIELD_LENGTH_MAX || /\p{Surrogate}/u.test(field))
    throw invalid(`[field_name: must be 1 to ${FIELD_LENGTH_MAX} characters of well-formed text]`)
  const before = indexes.get(field)
  const isSame = schema === undefined ? before === undefined : before !== undefined && isEqual(before, schema)
  return {
    message: `${schema === undefined ? 'drop' : 'put'} index ${field.slice(0, 100)} of ${name}`,
    write: isSame
      ? undefined
      : (document) => {
          // Every incarnation's, so that an index taken away does not come back when one of them is dropped.
          for (const each of schema === undefined ? uids : [uid])
            document.payloadIndexes[indexKey(each, field)] = scalar(schema ?? null, stamp)
        },
  }
}

/** @throws StoreError `COLLECTION_NOT_FOUND`. */
export const planSettings = (
  collection: string,
  settings: readonly Setting[],
  stamp: Stamp,
  resolution: Resolution,
): Planned => {
  const { uid, settings: before } = collectionNamed(resolution, collection)
  const known = new Map(before.map(({ path, value }) => [JSON.stringify(path), value]))
  const changed = settings.filter(({ path, value }) => !isEqual(known.get(JSON.stringify(path)) ?? null, value))
  return {
    message: `change settings of ${collection}`,
    write: changed.length === 0 ? undefined : (document) => writeSettings(document, uid, changed, stamp),
  }
}

export const writeSettings = (
  document: CatalogDocument,
  uid: CollectionUid,
  settings: readonly Setting[],
  stamp: Stamp,
): void => {
  for (const { path, value } of settings) document.extra[settingKey(uid, path)] = scalar(value, stamp)
}

const isEqual = (a: JsonValue, b: JsonValue): boolean => canonicalJson(a) === canonicalJson(b)
