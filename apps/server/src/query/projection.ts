import type { JsonObject, JsonValue } from '@meridian/core'
import { setOwn } from '@meridian/core'
import { badRequest } from '../http/errors.js'

type Steps = readonly string[]
const NAME = /"([^"]+)"|([^."[\]]+)/y

/** The names of a payload path; arrays are passed through with or without `[]`. @throws StoreError `BAD_REQUEST`. */
export const parseSteps = (path: string): Steps => {
  const steps: string[] = []
  let at = 0
  for (;;) {
    NAME.lastIndex = at
    const found = NAME.exec(path)
    if (found === null)
      throw badRequest(`payload path ${JSON.stringify(path)}: use names joined by dots, as a.b or a[].b`)
    steps.push(found[1] ?? found[2]!)
    at = NAME.lastIndex
    while (path.startsWith('[]', at)) at += 2
    if (at === path.length) return steps
    if (path[at] !== '.')
      throw badRequest(`payload path ${JSON.stringify(path)}: use names joined by dots, as a.b or a[].b`)
    at++
  }
}

/** Only what the paths lead to. */
export const include = (payload: JsonObject, paths: readonly Steps[]): JsonObject => {
  const kept: JsonObject = {}
  for (const [key, value] of Object.entries(payload)) {
    const rests = restsBelow(paths, key)
    if (rests.length === 0) continue
    const part = rests.some((rest) => rest.length === 0) ? value : below(value, (object) => include(object, rests))
    if (part !== undefined) setOwn(kept, key, part)
  }
  return kept
}

/** All but what the paths lead to. */
export const exclude = (payload: JsonObject, paths: readonly Steps[]): JsonObject => {
  const kept: JsonObject = {}
  for (const [key, value] of Object.entries(payload)) {
    const rests = restsBelow(paths, key)
    if (rests.some((rest) => rest.length === 0)) continue
    setOwn(kept, key, rests.length === 0 ? value : (below(value, (object) => exclude(object, rests), true) ?? value))
  }
  return kept
}

const restsBelow = (paths: readonly Steps[], key: string): Steps[] =>
  paths.filter((path) => path[0] === key).map((path) => path.slice(1))

/** Applies `change` to the objects at or directly in `value`; other values go, or stay as they are. */
const below = (
  value: JsonValue,
  change: (object: JsonObject) => JsonObject,
  keepsOthers = false,
): JsonValue | undefined => {
  if (Array.isArray(value)) {
    const items = value.map((item) => below(item, change, keepsOthers)).filter((item) => item !== undefined)
    return items
  }
  if (value !== null && typeof value === 'object') return change(value)
  return keepsOthers ? value : undefined
}
