import type { IndexTraces, SpaceRef, SpaceStats, VectorIndex } from '@meridian/core'

/** Holds no vector and finds none: what the engine costs without a graph. */
export class NoIndex implements VectorIndex {
  openSpace(): void {}
  set(): void {}
  remove(): void {}
  dropSpace(): void {}

  async search(): Promise<[]> {
    return []
  }

  async terms(): Promise<undefined> {}

  async traces(): Promise<IndexTraces> {
    return { graph: 'clear', files: 'clear' }
  }

  stats(_space: SpaceRef): SpaceStats {
    return { live: 0, pending: 0, dead: 0, state: 'ready', bytes: 0 }
  }

  async flush(): Promise<void> {}
  async close(): Promise<void> {}
}
