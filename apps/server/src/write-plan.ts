import type { JsonObject, PointId, RecordOp, VectorValue } from '@meridian/core'
import { type Collection, promised, type RegisterWrite, type ResolveOps, type WriteReceipt } from '@meridian/replica'
import { notWhole } from './guarantees/linearizable.js'
import { linearizableWrite, noteWritten } from './guarantees/written.js'
import type { JsonMap } from './http/json-parse.js'
import type { Region } from './region.js'

/** What is to be written follows from what is there when the write's turn comes. */
export interface Later {
  readonly resolve: ResolveOps
  /** What it may come to, as far as that has vectors: they may have to wait for the graph. */
  readonly brings: readonly RecordOp[]
}

/** What is to be written: ops as they are, or made later. Either way the body was checked whole before. */
export type Plan = readonly RecordOp[] | Later

export const later = (resolve: ResolveOps, brings: readonly RecordOp[] = []): Later => ({ resolve, brings })

const isLater = (plan: Plan): plan is Later => 'resolve' in plan

/** What a write makes of its body. Nothing of the collection but its configuration is looked at here. */
export type ReadPlan = (body: JsonMap, collection: Collection, region: Region) => Plan

/** Several plans as one write: each finds what those before it wrote. */
export const inOrder = (plans: readonly Plan[]): Plan => {
  if (!plans.some(isLater)) return plans.flatMap((plan) => plan as readonly RecordOp[])
  const resolve: ResolveOps = (now) =>
    plans.flatMap((plan) => {
      const ops = isLater(plan) ? plan.resolve(now) : plan
      now.stage(ops)
      return ops
    })
  return later(
    resolve,
    plans.flatMap((plan) => (isLater(plan) ? plan.brings : plan)),
  )
}

/** The seq of the transaction that holds the write, or of the newest one if there is nothing to write. */
export const commit = async (
  region: Region,
  collection: Collection,
  plan: Plan,
  bodyBytes: number,
): Promise<number> => {
  const linearizable = linearizableWrite()
  if (isLater(plan)) {
    if (linearizable !== undefined) throw notWhole()
    await region.intake.turn(collection.name, plan.brings)
    return written(region, collection, checked(region, collection, plan.resolve), bodyBytes)
  }
  await region.intake.admit(collection.name, plan)
  if (plan.length === 0) return region.replica.status().vectors.merged.get(region.config.replica)
  if (linearizable === undefined) return written(region, collection, plan, bodyBytes)
  const { receipt, found } = await promised<RegisterWrite>((done) =>
    region.replica.register.write({ collection: collection.name, ops: plan }, linearizable.linearizableMs, done),
  )
  linearizable.found = found
  return receipt.seq
}

const written = async (
  region: Region,
  collection: Collection,
  ops: readonly RecordOp[] | ResolveOps,
  bodyBytes: number,
): Promise<number> => {
  const receipt = await region.intake.passage.through(bodyBytes, () =>
    promised<WriteReceipt>((done) =>
      region.replica.write({ collection: collection.name, ops, resolverBytes: bodyBytes }, done),
    ),
  )
  noteWritten(receipt.seq)
  return receipt.seq
}

/** What it turns out to be is admitted or refused when its turn comes. */
const checked =
  ({ intake }: Region, { name }: Collection, resolve: ResolveOps): ResolveOps =>
  (now) => {
    const ops = resolve(now)
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
