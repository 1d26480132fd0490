import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HNSW_DEFAULT } from '@meridian/core'
import { built } from './built.js'
import { EngineChild } from './engine-child.js'
import { installOthers } from './others.js'
import { buildRivals } from './rivals.js'
import { type TruthSet, writeSet } from './truth-set.js'

/** Ours: `graph` finds labels, `space` is what a worker does with them. The same hnswlib in C++ and as published; all vectors. */
export const ENGINES = ['graph', 'space', 'native', 'stock', 'brute'] as const
/** Those of somebody else, measured on demand: they are installed for it. */
export const OTHERS = ['usearch', 'lance-hnsw-sq', 'lance-ivf-pq'] as const
export type EngineName = (typeof ENGINES)[number] | (typeof OTHERS)[number]

const isOther = (name: EngineName): boolean => (OTHERS as readonly EngineName[]).includes(name)

export const SETS = ['fashion-mnist-784', 'movies-lsa-256']

/** One process an engine, each with the vectors of the set, none built yet; all end, and their files go, when `use` is through. */
export const withEngines = async <Result>(
  set: TruthSet,
  names: readonly EngineName[],
  use: (engines: ReadonlyMap<EngineName, EngineChild>) => Promise<Result>,
): Promise<Result> => {
  const directory = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const engines = new Map<EngineName, EngineChild>()
  try {
    const { native, stock } = await buildRivals(directory)
    if (names.some(isOther)) await installOthers()
    const { vectors, queries } = await writeSet(set, directory)
    const distance = set.metric === 'Euclid' ? 'l2' : 'ip'
    const { m, efConstruct } = HNSW_DEFAULT
    const about = [vectors, queries, String(set.dims), distance]
    for (const name of names) {
      const engine =
        name === 'native'
          ? new EngineChild(name, native, [...about, String(m), String(efConstruct)])
          : new EngineChild(name, process.execPath, [
              built(isOther(name) ? 'other-main' : 'engine-main'),
              name,
              ...about,
              stock,
            ])
      engines.set(name, engine)
    }
    return await use(engines)
  } finally {
    for (const engine of engines.values()) await engine[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
}
