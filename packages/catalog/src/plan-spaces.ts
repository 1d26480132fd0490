import { ImmutableString } from '@automerge/automerge'
import { canonicalJson, isSparseSpace, type JsonValue, type SpaceParams, type Stamp, StoreError } from '@meridian/core'
import { settingKey } from './details.js'
import type { CatalogDocument } from './genesis.js'
import type { Resolution } from './resolve.js'
import {
  addedKey,
  addedNameProblem,
  addedValue,
  generationOf,
  GENERATION_MAX,
  goneKey,
  meaningOf,
  paramsProblem,
  SPACES_MAX,
  type SpacesByUid,
} from './spaces.js'
import { stampedText } from './stamped.js'

/** Edits of the vector spaces of a collection, which is named by its visible name. `stamp` is from the region's HLC. */
export type SpaceMutation =
  | {
      readonly type: 'addSpace'
      readonly collection: string
      readonly name: string
      readonly params: SpaceParams
      readonly stamp: Stamp
      readonly nowMs: number
    }
  | {
      readonly type: 'dropSpace'
      readonly collection: string
      /** As visible. One that is not there is no error. */
      readonly name: string
      readonly stamp: Stamp
      readonly nowMs: number
    }

interface Planned {
  readonly message: string
  readonly write: ((document: CatalogDocument) => void) | undefined
}

const scalar = (value: JsonValue, stamp: Stamp): ImmutableString => new ImmutableString(stampedText(value, stamp))
const wrong = (message: string): StoreError => new StoreError('WRONG_INPUT', message)

const collectionNamed = (resolution: Resolution, name: string) => {
  const found = resolution.collections.get(name)
  if (found === undefined) throw new StoreError('COLLECTION_NOT_FOUND', `Collection \`${name}\` doesn't exist!`)
  return found
}

/** @throws StoreError `COLLECTION_NOT_FOUND`, `VALIDATION`, `WRONG_INPUT` for a name that other parameters have. */
export const planAddSpace = (
  { collection, name, params, stamp }: Extract<SpaceMutation, { type: 'addSpace' }>,
  resolution: Resolution,
  known: SpacesByUid,
): Planned => {
  const { uid, uids, spaces } = collectionNamed(resolution, collection)
  const message = `add vector ${name.slice(0, 100)} to ${collection}`
  const before = spaces.find((each) => each.name === name)
  if (before !== undefined) {
    if (isSparseSpace(before.params) !== isSparseSpace(params))
      throw wrong(`Vector \`${name}\` already exists as a ${isSparseSpace(params) ? 'dense' : 'sparse'} vector`)
    if (!isAlike(before.params, params))
      throw wrong(
        `${isSparseSpace(params) ? 'Sparse vector' : 'Vector'} \`${name}\` already exists with a different configuration`,
      )
    return { message, write: undefined }
  }
  const problem = addedNameProblem(name) ?? paramsProblem(name, params)
  if (problem !== undefined) throw new StoreError('VALIDATION', `[vector_name: ${problem}]`)
  if (spaces.length >= SPACES_MAX) throw wrong(`a collection has at most ${SPACES_MAX} vectors; delete one first`)
  const generation = generationOf(name, uids, known) + 1
  if (generation > GENERATION_MAX) throw wrong(`Vector \`${name}\` was added too often; choose another name`)
  return {
    message,
    write: (document) => {
      document.extra[addedKey(uid, stamp)] = scalar(addedValue({ name, params, generation }), stamp)
    },
  }
}

const isAlike = (a: SpaceParams, b: SpaceParams): boolean => canonicalJson(meaningOf(a)) === canonicalJson(meaningOf(b))

/**
 * The last one can go too: where two regions drop one each, none is left in either order. @throws StoreError
 * `COLLECTION_NOT_FOUND`.
 */
export const planDropSpace = (
  { collection, name, stamp }: Extract<SpaceMutation, { type: 'dropSpace' }>,
  resolution: Resolution,
): Planned => {
  const { uids, spaces, settings } = collectionNamed(resolution, collection)
  const space = spaces.find((each) => each.name === name)
  const message = `drop vector ${name.slice(0, 100)} of ${collection}`
  if (space === undefined) return { message, write: undefined }
  // What was set for the old one does not hold for one that has the name later.
  const own = settings.filter(({ path }) => ['vectors', 'sparse_vectors'].includes(path[0]!) && path[1] === name)
  return {
    message,
    write: (document) => {
      for (const { uid, tag } of space.parts) document.extra[goneKey(uid, tag)] = scalar(true, stamp)
      for (const uid of uids) for (const { path } of own) document.extra[settingKey(uid, path)] = scalar(null, stamp)
    },
  }
}
