import { type PointId, unreachable, type VectorIndex, type VectorValue } from '@meridian/core'
import type { Collection } from '@meridian/replica'
import { evaluate } from './formula/evaluate.js'
import type { Formula } from './formula/expression.js'
import { fuse } from './fusion.js'
import { BestHits, beyond, byScore, type Direction, type Hit, placeOf } from './hit.js'
import { matching, matchingInOrder, passes } from './matching.js'
import { type Candidate, diversify } from './mmr.js'
import { type OrderBy, Ordered } from './order-by.js'
import { Pacer } from './pacer.js'
import type { ExampleScoring, NearestStage, Plan, Query, Target } from './plan.js'
import type { StepWork } from './plan-trace.js'
import { type Draw, drawSample } from './sample.js'
import { scan } from './scan.js'
import { nearest } from './search.js'
import { comparable, directionIn, nearestScoring, similarityIn } from './similarity.js'
import { weighing } from './weighing.js'

/** What a query runs on. */
export interface Scope {
  readonly collection: Collection
  readonly index: VectorIndex
  readonly draw: Draw
  readonly signal: AbortSignal
  /** Hears how each step was done. */
  readonly tell: (work: StepWork) => void
}

/** The hits of a whole request, best first, after `offset` better ones. */
export const execute = async (scope: Scope, { plan, except, offset }: Query): Promise<readonly Hit[]> => {
  // A sample has no order to page through.
  const skipped = plan.stage.kind === 'sample' && plan.sources.length === 0 ? 0 : offset
  const hits = await executePlan(scope, { ...plan, limit: plan.limit + skipped }, except)
  return hits.slice(skipped)
}

/** The hits of one node, at most its limit. */
export const executePlan = async (scope: Scope, plan: Plan, except: ReadonlySet<PointId>): Promise<readonly Hit[]> => {
  const lists: (readonly Hit[])[] = []
  // One after the other: a request is to take one place in the queue of the index, not as many as it has prefetches.
  for (const source of plan.sources) lists.push(await executePlan(scope, source, except))
  const pool = plan.sources.length === 0 ? undefined : new Set(lists.flatMap((list) => list.map(({ id }) => id)))
  const run = new Stages(scope, plan, except, pool)
  const { stage } = plan
  switch (stage.kind) {
    case 'list':
      return run.list()
    case 'nearest':
      return run.nearest(stage, plan.limit)
    case 'mmr':
      return run.mmr(stage.nearest, stage.mmr)
    case 'examples':
      return run.examples(stage.target, stage.scoring)
    case 'order':
      return run.order(stage.by)
    case 'sample':
      return run.sample()
    case 'fusion':
      return run.cut(fuse(lists, stage.fusion), 'larger')
    case 'formula':
      return run.formula(stage.formula, lists)
    default:
      return unreachable(stage)
  }
}

/** The ways to order points, on those that match or on a pool of them. */
class Stages {
  constructor(
    readonly scope: Scope,
    readonly plan: Plan,
    readonly except: ReadonlySet<PointId>,
    /** What the sources found; `undefined` without sources. */
    readonly pool: ReadonlySet<PointId> | undefined,
  ) {}

  /** What is beyond the threshold, within the limit. `hits` are best first. */
  cut(hits: readonly Hit[], direction: Direction): readonly Hit[] {
    return beyond(hits, direction, this.plan.threshold).slice(0, this.plan.limit)
  }

  /** Ids of the points to look at, in no order. */
  #candidates(): PointId[] {
    const { collection } = this.scope
    const ids: PointId[] = []
    if (this.pool === undefined) {
      for (const ordinal of matching(collection, this.plan.filter)) {
        const id = collection.id(ordinal)
        if (!this.except.has(id)) ids.push(id)
      }
      return ids
    }
    // What the sources found may have changed since.
    for (const id of this.pool) {
      const ordinal = collection.find(id)
      if (ordinal !== undefined && passes(collection, ordinal, this.plan.filter)) ids.push(id)
    }
    return ids
  }

  /** Looks at every candidate, in slices. */
  #each(visit: (ordinal: number, id: PointId) => void): Promise<void> {
    const candidates = this.#candidates()
    this.scope.tell({ plan: 'records', candidates: candidates.length })
    return scan(this.scope.collection, candidates, this.plan.filter, this.scope.signal, visit)
  }

  list(): readonly Hit[] {
    const { collection } = this.scope
    const hits: Hit[] = []
    for (const ordinal of matchingInOrder(collection, this.plan.filter)) {
      const id = collection.id(ordinal)
      if (this.except.has(id)) continue
      hits.push({ id, score: 1 })
      if (hits.length === this.plan.limit) break
    }
    return hits
  }

  async nearest(stage: NearestStage, limit: number): Promise<readonly Hit[]> {
    const { target } = stage
    const direction = directionIn(target.params)
    const weigh = await weighing(this.scope.collection, this.scope.index, target)
    const vector = weigh(stage.vector)
    const scoreOf = nearestScoring(target.params)
    const hits =
      this.pool === undefined
        ? await nearest(
            this.scope.collection,
            this.scope.index,
            { stage: { ...stage, vector }, filter: this.plan.filter, except: this.except, limit },
            this.scope.signal,
            this.scope.tell,
          )
        : await this.#scored(target, direction, limit, (value) => scoreOf(vector, value))
    return beyond(hits, direction, this.plan.threshold)
  }

  /** Scores every candidate that has the vector; one without a score is no hit. */
  async #scored(
    target: Target,
    direction: Direction,
    limit: number,
    scoreOf: (vector: VectorValue) => number | undefined,
  ): Promise<readonly Hit[]> {
    const { collection } = this.scope
    const best = new BestHits(direction, limit)
    await this.#each((ordinal, id) => {
      const vector = comparable(collection, ordinal, target)
      const score = vector === undefined ? undefined : scoreOf(vector)
      if (score !== undefined) best.offer({ id, score })
    })
    return best.take()
  }

  async mmr(stage: NearestStage, { lambda, candidates }: { lambda: number; candidates: number }) {
    const { collection } = this.scope
    const near = await this.nearest(stage, candidates)
    const found: Candidate[] = []
    for (const hit of near) {
      const ordinal = placeOf(collection, hit)
      const vector = ordinal === undefined ? undefined : comparable(collection, ordinal, stage.target)
      if (vector !== undefined) found.push({ hit, vector })
    }
    const similarity = similarityIn(stage.target.params)
    return diversify(found, stage.vector, similarity, lambda, this.plan.limit, new Pacer(this.scope.signal))
  }

  async examples(target: Target, scoring: ExampleScoring): Promise<readonly Hit[]> {
    const similarity = similarityIn(target.params)
    const weigh = await weighing(this.scope.collection, this.scope.index, target)
    const hits = await this.#scored(target, 'larger', this.plan.limit, (vector) =>
      Math.fround(scoring((example) => similarity(weigh(example), vector))),
    )
    return beyond(hits, 'larger', this.plan.threshold)
  }

  async order(by: OrderBy): Promise<readonly Hit[]> {
    const { collection } = this.scope
    const ordered = new Ordered(by, this.plan.limit)
    await this.#each((ordinal, id) => ordered.offer(id, collection.payload(ordinal)))
    return ordered.take()
  }

  sample(): readonly Hit[] {
    return drawSample(this.#candidates(), this.plan.limit, this.scope.draw).map((id) => ({ id, score: 1 }))
  }

  async formula(formula: Formula, lists: readonly (readonly Hit[])[]): Promise<readonly Hit[]> {
    const { collection } = this.scope
    const scores = lists.map((list) => new Map(list.map(({ id, score }) => [id, score])))
    const hits: Hit[] = []
    await this.#each((ordinal, id) => {
      const score = evaluate(formula, {
        payload: collection.payload(ordinal),
        score: (source) => scores[source]?.get(id),
        holds: (filter) => passes(collection, ordinal, filter),
      })
      hits.push({ id, score })
    })
    return this.cut(hits.sort(byScore('larger')), 'larger')
  }
}
