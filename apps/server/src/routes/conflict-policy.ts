import type { ConflictPolicy } from '@meridian/core'
import { POLICY_PATH, type PolicyEffect, policyOf, promised, type WriteReceipt } from '@meridian/replica'
import { z } from 'zod'
import { noteWritten } from '../guarantees/written.js'
import type { Call, Route } from '../http/router.js'
import type { Operation } from '../openapi/operation.js'
import { collectionOf, type Region } from '../region.js'
import { readPolicy } from '../schema/content.js'
import { readTimeout } from '../schema/params.js'
import { optional, readFlag, readMap } from '../schema/read.js'

const PATH = '/meridian/collections/:collection/conflict-policy'

/** Which of two concurrent writes shows, by collection. */
export const conflictPolicyRoutes = (region: Region): Route[] => [
  {
    method: 'GET',
    path: PATH,
    doc: {
      summary: 'Which of two concurrent writes shows',
      tag: 'Meridian',
      result: z.looseObject({ kind: z.string() }),
    },
    handle: ({ params }) => policyOf(collectionOf(region, params.collection!).settings),
  },
  { method: 'PUT', path: PATH, doc: PUT_DOC, needs: 'manage', handle: (call) => change(region, call) },
]

const change = async (region: Region, { params, query, body, signal }: Call) => {
  readTimeout(query)
  const { name } = collectionOf(region, params.collection!)
  const { dry_run: dry, ...rest } = readMap(body, 'body')
  const isDry = optional(dry, 'dry_run', false, readFlag)
  const { policy, stored } = readPolicy(rest, 'body')
  if (isDry) return { dry_run: true, policy, ...(await effectOf(region, name, policy, signal)) }
  const { seq } = await promised<WriteReceipt>((done) =>
    region.replica.changeSettings(name, () => [{ path: POLICY_PATH, value: stored }], done),
  )
  noteWritten(seq)
  return { dry_run: false, policy }
}

const effectOf = async (
  region: Region,
  name: string,
  policy: ConflictPolicy,
  signal: AbortSignal,
): Promise<PolicyEffect> => {
  const steps = region.replica.policyEffect(name, policy)
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    signal.throwIfAborted()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const PUT_DOC: Operation = {
  summary: 'Change which of two concurrent writes shows, or say what that would change',
  tag: 'Meridian',
  body: z.looseObject({
    kind: z.enum(['newest', 'content-model']),
    models: z.record(z.string(), z.int()).optional(),
    dry_run: z.boolean().nullish(),
  }),
  result: z.looseObject({ dry_run: z.boolean(), policy: z.looseObject({}) }),
  query: { timeout: 'whole seconds' },
}
