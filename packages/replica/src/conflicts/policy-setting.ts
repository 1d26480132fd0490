import { asPolicy, canonicalJson, type ConflictPolicy } from '@meridian/core'
import type { Setting } from '../api.js'

/** Where a collection's settings hold its conflict policy. It is not part of what makes two creations the same collection. */
export const POLICY_PATH: readonly string[] = ['metadata', 'conflict_policy']

export const policyOf = (settings: readonly Setting[]): ConflictPolicy =>
  asPolicy(
    settings.find(({ path }) => path.length === 2 && path[0] === POLICY_PATH[0] && path[1] === POLICY_PATH[1])?.value,
  )

export const isSamePolicy = (a: ConflictPolicy, b: ConflictPolicy): boolean =>
  canonicalJson({ ...a }) === canonicalJson({ ...b })
