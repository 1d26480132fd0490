import { applyChanges, clone, type Doc, free, getBackend } from '@automerge/automerge'
import { assert } from '@meridian/core'
import type { Change } from './change-bytes.js'
import { type CatalogDocument, GENESIS_ACTOR, ROOT_MAPS } from './genesis.js'

export type Trial =
  | { readonly type: 'nothing' }
  | { readonly type: 'taken'; readonly document: Doc<CatalogDocument> }
  | { readonly type: 'failed'; readonly change: Change; readonly why: string }

/**
 * Applies changes to a copy, and asks for them back: Automerge keeps operations, not bytes, and a change written in another way
 * than its own would come out of `save` under another hash, with all that build on it lost. A copy, since Automerge may stop half way and leave what it worked on unusable. `document` is never
 * touched. On failure, names the first change that fails.
 */
export const tryChanges = (document: Doc<CatalogDocument>, changes: readonly Change[]): Trial => {
  if (changes.length === 0) return { type: 'nothing' }
  const all = attempt(document, changes)
  if (typeof all !== 'string') return { type: 'taken', document: all }
  if (changes.length === 1) return { type: 'failed', change: changes[0]!, why: all }
  // Binary search for the shortest prefix that fails.
  let [works, fails, why] = [0, changes.length, all]
  while (fails - works > 1) {
    const middle = (works + fails) >> 1
    const outcome = attempt(document, changes.slice(0, middle))
    if (typeof outcome === 'string') [fails, why] = [middle, outcome]
    else {
      free(outcome)
      works = middle
    }
  }
  return { type: 'failed', change: changes[fails - 1]!, why }
}

const attempt = (document: Doc<CatalogDocument>, changes: readonly Change[]): Doc<CatalogDocument> | string => {
  // It is never written to; without an actor, one would be drawn from the random source.
  const copy = clone(document, { actor: GENESIS_ACTOR })
  try {
    const bytes = changes.map((each) => each.bytes)
    const [after] = applyChanges(copy, bytes)
    for (const name of ROOT_MAPS) assert(typeof after[name] === 'object', `the root has a map ${name}`)
    const handle = getBackend(after)
    for (const each of changes) assert(isEqual(handle.getChangeByHash(each.hash), each.bytes), 'not in canonical form')
    return after
  } catch (error) {
    discard(copy)
    return error instanceof Error ? error.message : String(error)
  }
}

const discard = (document: Doc<CatalogDocument>): void => {
  try {
    free(document)
  } catch {
    // It stopped half way and cannot be freed; the garbage collector has it.
  }
}

const isEqual = (a: Uint8Array | null, b: Uint8Array): boolean => a !== null && Buffer.compare(a, b) === 0
