import { formatError, unsupported } from '../http/errors.js'

/** One step into a payload: a key of an object, an element of an array, or (`undefined`) all elements of one. */
export type Step = string | number | undefined

/** Where a write goes: a top-level key, which is what is stored and merged as one, and the way below it. */
export interface KeyPath {
  readonly top: string
  readonly rest: readonly Step[]
}

const STEP = /"([^"]+)"|\[(\d*)\]|([^."[\]]+)/y
/** As deep as a body may be by default. */
const STEPS_MAX = 32

/**
 * Names joined by dots, `[]` for all elements of an array and `[3]` for one, double quotes around names with dots or brackets.
 * @throws StoreError `MALFORMED_BODY`.
 */
export const readKeyPath = (key: string, path: string): KeyPath => {
  const steps: Step[] = []
  const fail = () =>
    formatError(
      `${path}: ${JSON.stringify(key.slice(0, 80))} is not a payload path; join names by dots, with [] or [3] after arrays and quotes around names with dots`,
    )
  let at = 0
  while (at < key.length) {
    const hasDot = key[at] === '.'
    STEP.lastIndex = hasDot ? at + 1 : at
    const [, quoted, index, bare] = STEP.exec(key) ?? []
    const name = quoted ?? bare
    if (name === undefined && index === undefined) throw fail()
    // A dot stands before every name but the first, and nowhere else.
    if (hasDot !== (name !== undefined && steps.length > 0)) throw fail()
    if (steps.length === 0 && name === undefined) throw fail()
    if (name === '__proto__') throw fail()
    steps.push(name ?? (index === '' ? undefined : Number(index)))
    at = STEP.lastIndex
  }
  const [top, ...rest] = steps
  if (typeof top !== 'string' || steps.length > STEPS_MAX) throw fail()
  return { top, rest }
}

/** A path of something to delete. One element of an array is refused: deleted twice, it would take another with it. */
export const readDeletedPath = (key: string, path: string): KeyPath => {
  const found = readKeyPath(key, path)
  if (typeof found.rest.at(-1) === 'number')
    throw unsupported(
      `${path}: ${JSON.stringify(key.slice(0, 80))} names one element of an array; set the whole array without it, or empty it with []`,
    )
  return found
}
