import { type JsonObject, type JsonValue, StoreError } from '@meridian/core'

/** One step: an object's key, an array's element, or (`undefined`) all elements of an array. */
type Step = string | number | undefined

/** The values a path leads to, handed to `visit` one by one until it returns true; tells whether it did. */
export type Path = (payload: JsonObject, visit: (value: JsonValue) => boolean) => boolean

const STEP = /"([^"]*)"|\[(\d*)\]|([^."[\]]+)/y

/**
 * Parses a payload key: names joined by dots, `[]` for all elements of an array and `[3]` for one (`cities[].name`,
 * `list[0]`), double quotes around names with dots or brackets. Arrays are never entered without brackets.
 * @throws StoreError `BAD_REQUEST` naming the key.
 */
export const parsePath = (key: string): Path => pathOf(parseSteps(key))

/** The path to the elements of the array that `key` leads to; `[]` at its end may be left out. @throws as `parsePath`. */
export const parseElementsPath = (key: string): Path => {
  const steps = parseSteps(key)
  return pathOf(steps.length > 1 && steps.at(-1) === undefined ? steps : [...steps, undefined])
}

const pathOf = (steps: readonly Step[]): Path =>
  steps.length === 1 ? single(steps[0] as string) : (payload, visit) => walk(payload, steps, 0, visit)

const parseSteps = (key: string): Step[] => {
  const steps: Step[] = []
  let at = 0
  while (at < key.length) {
    const dot = key[at] === '.'
    if (dot && steps.length === 0) throw unsound(key)
    STEP.lastIndex = dot ? at + 1 : at
    const found = STEP.exec(key)
    if (!found) throw unsound(key)
    const [, quoted, index, bare] = found
    const isName = index === undefined
    if (steps.length > 0 && isName !== dot) throw unsound(key)
    if (steps.length === 0 && !isName) throw unsound(key)
    steps.push(isName ? (quoted ?? bare!) : index === '' ? undefined : Number(index))
    at = STEP.lastIndex
  }
  if (steps.length === 0) throw unsound(key)
  return steps
}

const unsound = (key: string): StoreError => new StoreError('BAD_REQUEST', `invalid payload key ${JSON.stringify(key)}`)

/** The common case without recursion. */
const single =
  (name: string): Path =>
  (payload, visit) =>
    Object.hasOwn(payload, name) && visit(payload[name]!)

const walk = (
  value: JsonValue,
  steps: readonly Step[],
  depth: number,
  visit: (value: JsonValue) => boolean,
): boolean => {
  if (depth === steps.length) return visit(value)
  if (value === null || typeof value !== 'object') return false
  const step = steps[depth]
  if (Array.isArray(value)) {
    if (step === undefined) return value.some((element) => walk(element, steps, depth + 1, visit))
    return typeof step === 'number' && step < value.length && walk(value[step]!, steps, depth + 1, visit)
  }
  return typeof step === 'string' && Object.hasOwn(value, step) && walk(value[step]!, steps, depth + 1, visit)
}
