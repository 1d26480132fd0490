import { type JsonObject, type JsonValue, setOwn } from '@meridian/core'
import type { KeyPath, Step } from './schema/key-path.js'

/*
 * Edits below a top-level key of a payload. Pure: what is stored is shared, so every changed level is copied. The result is
 * the new value of the top-level key, since that is the cell which is written and merged.
 */

/** What an edit of a payload comes to, cell by cell. */
export interface PayloadChange {
  readonly set: JsonObject
  readonly unset: string[]
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  value !== undefined && value !== null && typeof value === 'object' && !Array.isArray(value)

const ownOf = (object: JsonObject, key: string): JsonValue | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined

/** The keys of `source` over those of `target`; `null` takes a key away. */
export const mergedObject = (target: JsonObject, source: JsonObject): JsonObject => {
  const merged: JsonObject = {}
  for (const [key, value] of Object.entries(target)) if (ownOf(source, key) !== null) setOwn(merged, key, value)
  for (const [key, value] of Object.entries(source)) if (value !== null) setOwn(merged, key, value)
  return merged
}

/** A merge at the top: `null` takes a key away. */
export const topChange = (source: JsonObject): PayloadChange => {
  const set: JsonObject = {}
  const unset: string[] = []
  for (const [key, value] of Object.entries(source)) {
    if (value === null) unset.push(key)
    else setOwn(set, key, value)
  }
  return { set, unset }
}

/**
 * Merges `source` into the object at `path`, or puts it in the place of what is there. What stands in the way is replaced by
 * objects; an element that an array does not have is left out.
 */
export const setAt = (
  payload: JsonObject,
  { top, rest }: KeyPath,
  source: JsonObject,
  isReplaced: boolean,
): PayloadChange => {
  const edit = (value: JsonValue | undefined): JsonValue =>
    isReplaced ? source : mergedObject(isObject(value) ? value : {}, source)
  const set: JsonObject = {}
  setOwn(set, top, edited(ownOf(payload, top), rest, edit))
  return { set, unset: [] }
}

const edited = (
  value: JsonValue | undefined,
  steps: readonly Step[],
  edit: (value: JsonValue | undefined) => JsonValue,
): JsonValue => {
  if (steps.length === 0) return edit(value)
  const [step, ...rest] = steps
  if (typeof step === 'string') {
    const copy: JsonObject = isObject(value) ? { ...value } : {}
    setOwn(copy, step, edited(ownOf(copy, step), rest, edit))
    return copy
  }
  if (!Array.isArray(value)) return []
  return value.map((item, i) => (step === undefined || step === i ? edited(item, rest, edit) : item))
}

/** Takes away what the paths lead to; a path that leads nowhere changes nothing. `name[]` empties the array. */
export const removeAt = (payload: JsonObject, paths: readonly KeyPath[]): PayloadChange => {
  const set: JsonObject = {}
  const unset = new Set<string>()
  for (const { top, rest } of paths) if (rest.length === 0) unset.add(top)
  for (const { top, rest } of paths) {
    const before = ownOf(set, top) ?? ownOf(payload, top)
    if (rest.length === 0 || unset.has(top) || before === undefined) continue
    const after = without(before, rest)
    if (after !== before) setOwn(set, top, after)
  }
  return { set, unset: [...unset] }
}

/** `value` itself when there is nothing to take away. */
const without = (value: JsonValue, [step, ...rest]: readonly Step[]): JsonValue => {
  if (typeof step === 'string') {
    if (!isObject(value)) return value
    const inner = ownOf(value, step)
    if (inner === undefined) return value
    if (rest.length === 0) return Object.fromEntries(Object.entries(value).filter(([key]) => key !== step))
    const changed = without(inner, rest)
    return changed === inner ? value : { ...value, [step]: changed }
  }
  if (!Array.isArray(value)) return value
  if (rest.length === 0) return value.length === 0 ? value : []
  const items = value.map((item, i) => (step === undefined || step === i ? without(item, rest) : item))
  return items.some((item, i) => item !== value[i]) ? items : value
}
