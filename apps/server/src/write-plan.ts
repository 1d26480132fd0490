import type { JsonObject, PointId, RecordOp, VectorValue } from '@meridian/core'
import { type Collection, promised, type RegisterWrite, type ResolveOps, type WriteReceipt } from '@meridian/replica'
import { notWhole } from './guarantees/linearizable.js'
import { linearizableWrite, noteWritten } from './guarantees/written.js'
import type { JsonMap } from './http/json-parse.js'
import type { Region } from './region.js'

/**
 * What is to be written: ops as they are, or a function of what is there, run when the write's turn comes. Either way the body
 * was checked whole before.
 */
export type Plan = readonly RecordOp[] | ResolveOps

/** What a write makes of its body. Nothing of the collection but its configuration is looked at here. */
export type ReadPlan = (body: JsonMap, collection: Collection, region: Region) => Plan

/** Several plans as one write: each finds what those before it wrote. */
export const inOrder = (plans: readonly Plan[]): Plan => {
  if (!plans.some((plan) => typeof plan === 'function')) return plans.flatMap((plan) => plan as readonly RecordOp[])
  return (now) =>
    plans.flatMap((plan) => {
      const ops = typeof plan === 'function' ? plan(now) : plan
      now.stage(ops)
      return ops
    })
}

/** The seq of the transaction that holds the write, or of the newest one if there is nothing to write. */
export const commit = async (region: Region, collection: Collection, ops: Plan, bodyBytes: number): Promise<number> => {
  if (typeof ops !== 'function') await region.intake.admit(collection.name, ops)
  const linearizable = linearizableWrite()
  if (linearizable !== undefined && typeof ops === 'function') throw notWhole()
  if (typeof ops !== 'function' && ops.length === 0)
    return region.replica.status().vectors.merged.get(region.config.replica)
  if (linearizable !== undefined) {
    const whole = ops as readonly RecordOp[]
    const { receipt, found } = await promised<RegisterWrite>((done) =>
      region.replica.register.write({ collection: collection.name, ops: whole }, linearizable.linearizableMs, done),
    )
    linearizable.found = found
    return receipt.seq
  }
  const admitted = typeof ops === 'function' ? checked(region, collection, ops) : ops
  const receipt = await promised<WriteReceipt>((done) =>
    region.replica.write({ collection: collection.name, ops: admitted, resolverBytes: bodyBytes }, done),
  )
  noteWritten(receipt.seq)
  return receipt.seq
}

/** What it turns out to be is admitted or refused when its turn comes. */
const checked =
  ({ intake }: Region, { name }: Collection, plan: ResolveOps): ResolveOps =>
  (now) => {
    const ops = plan(now)
    intake.check(name, ops)
    return ops
  }

interface Change {
  readonly clear?: boolean
  readonly set?: JsonObject
  readonly unset?: readonly string[]
  readonly vectors?: ReadonlyMap<string, VectorValue>
  readonly dropVectors?: readonly string[]
}

/** A change of single cells; what is not named stays. */
export const patch = (id: PointId, change: Change): RecordOp => ({
  kind: 'patch',
  id,
  clear: change.clear ?? false,
  set: change.set ?? {},
  unset: change.unset ?? [],
  vectors: change.vectors ?? new Map(),
  dropVectors: change.dropVectors ?? [],
})
