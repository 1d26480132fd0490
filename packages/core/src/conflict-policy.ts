import type { StampOrder } from './conflict.js'
import { type ContentMark, MODEL_BYTES_MAX, NO_MARK } from './content-mark.js'
import { compareStamps, type Stamp } from './hlc.js'
import type { JsonValue } from './json.js'

/** Which of two concurrent writes shows. */
export type ConflictPolicy =
  | { readonly kind: 'newest' }
  /** The higher content version; of equal ones the model of the higher rank; then the newest. */
  | { readonly kind: 'content-model'; readonly models: Readonly<Record<string, number>> }

export const NEWEST: ConflictPolicy = { kind: 'newest' }
export const MODELS_MAX = 256
export const RANK_MAX = 1_000_000

/** Of a model that the table does not name. */
const UNRANKED = -1

const rankOf = (models: Readonly<Record<string, number>>, model: string): number =>
  Object.hasOwn(models, model) ? models[model]! : UNRANKED

/** Which mark wins; 0 when the policy sees no difference. */
export const compareMarks = (policy: ConflictPolicy, a: ContentMark, b: ContentMark): number => {
  if (policy.kind === 'newest') return 0
  return (
    a.generation - b.generation ||
    a.version - b.version ||
    rankOf(policy.models, a.model) - rankOf(policy.models, b.model)
  )
}

/**
 * A total order of all writes of a record. The merge takes the highest of each cell under it, whatever it is, and so stays
 * commutative, associative and idempotent.
 */
export const orderOf = (policy: ConflictPolicy): StampOrder =>
  policy.kind === 'newest'
    ? compareStamps
    : (a, b) => compareMarks(policy, a.content ?? NO_MARK, b.content ?? NO_MARK) || compareStamps(a, b)

/** Whether every policy, whatever its table of models, puts two writes in the same order: by their stamps and by their marks. */
export const isOrderFixed = (a: Stamp, b: Stamp): boolean => {
  const [x, y] = [a.content ?? NO_MARK, b.content ?? NO_MARK]
  const byMark = x.generation - y.generation || x.version - y.version
  if (byMark === 0) return x.model === y.model
  return byMark > 0 === compareStamps(a, b) > 0
}

/**
 * The mark of a new write over what its writer sees. Without one of its own it carries on `below`; with one that would lose to
 * `below`, it is a decision to go back.
 */
export const markOver = (
  policy: ConflictPolicy,
  below: ContentMark | undefined,
  own: Pick<ContentMark, 'version' | 'model'> | undefined,
): ContentMark | undefined => {
  if (own === undefined) return below
  const next = { generation: below?.generation ?? 0, version: own.version, model: own.model }
  if (below === undefined) return next
  // A later change of the policy must not bring back what was replaced on purpose.
  const isBack = policy.kind === 'newest' ? next.version < below.version : compareMarks(policy, next, below) < 0
  return isBack ? { ...next, generation: next.generation + 1 } : next
}

/** Says what is wrong with a policy from outside, or nothing. */
export const policyProblem = (value: JsonValue): string | undefined => {
  if (value === 'newest') return undefined
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return 'send "newest" or {"kind": "content-model", "models": {"<model>": <rank>}}'
  const { kind, models, ...rest } = value
  const [other] = Object.keys(rest)
  if (other !== undefined) return `unknown field \`${other.slice(0, 40)}\`, expected kind or models`
  if (kind === 'newest') return models === undefined ? undefined : 'models: leave it out of newest'
  if (kind !== 'content-model') return 'kind: send newest or content-model'
  if (models === undefined) return undefined
  if (models === null || typeof models !== 'object' || Array.isArray(models))
    return 'models: send an object of model names to ranks'
  const table = Object.entries(models)
  if (table.length > MODELS_MAX) return `models: ${table.length} of them, send at most ${MODELS_MAX}`
  for (const [model, rank] of table) {
    if (model === '' || new TextEncoder().encode(model).length > MODEL_BYTES_MAX)
      return `models: a name is 1 to ${MODEL_BYTES_MAX} bytes`
    if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 0 || rank > RANK_MAX)
      return `models.${model.slice(0, 40)}: a rank is an integer from 0 to ${RANK_MAX}`
  }
  return undefined
}

/** For a value without a problem; of any other the default, since a newer region may have written it. */
export const asPolicy = (value: JsonValue | undefined): ConflictPolicy => {
  if (value === undefined || policyProblem(value) !== undefined || typeof value !== 'object' || value === null)
    return NEWEST
  const { kind, models } = value as { kind: string; models?: Record<string, number> }
  return kind === 'content-model' ? { kind, models: models ?? {} } : NEWEST
}
