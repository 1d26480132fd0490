import type { SearchWork } from '@meridian/core'

/** How one step of a request was done: by the vector index, or by looking at `records` one by one. */
export type StepWork = SearchWork | { readonly plan: 'records'; readonly candidates: number }

/** A batch may have a thousand steps; a header has no room for them. */
const SHOWN_MAX = 16

/** What a request did, for the header `meridian-plan`. */
export class PlanTrace {
  readonly #shown: string[] = []
  #count = 0

  readonly tell = (work: StepWork): void => {
    if (++this.#count <= SHOWN_MAX) this.#shown.push(shownStep(work))
  }

  /** `plan=filtered-graph; candidates=5500; ef=128; scanned=128`, steps joined by commas; `undefined` without any. */
  get header(): string | undefined {
    if (this.#count === 0) return undefined
    const more = this.#count - this.#shown.length
    return [...this.#shown, ...(more > 0 ? [`more=${more}`] : [])].join(', ')
  }
}

const shownStep = (work: StepWork): string => {
  const { plan, candidates } = work
  const [ef, scanned] = work.plan === 'records' ? [0, candidates] : [work.ef, work.scanned]
  return `plan=${plan}; candidates=${candidates}; ef=${ef}; scanned=${scanned}`
}
