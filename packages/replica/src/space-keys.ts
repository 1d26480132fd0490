import {
  type CollectionConfig,
  type Datatype,
  datatypeOf,
  type Entry,
  type RecordOp,
  rounded,
  type SpaceParams,
  spaceNamed,
  type VectorValue,
} from '@meridian/core'
import type { ResolvedSpace } from '@meridian/catalog'

type Rename = (name: string) => string | undefined

/**
 * What records call the vector spaces of a collection. A space of the creation goes by its name; one that was added has a key
 * that is never used again, so that a name which is dropped and added anew shows none of the old vectors.
 */
export class SpaceKeys {
  readonly #byName = new Map<string, string>()
  readonly #byKey = new Map<string, { readonly name: string; readonly params: SpaceParams }>()
  readonly #isPlain: boolean
  readonly #isWhole: boolean
  /** Equal for equal spaces. */
  readonly text: string

  constructor(spaces: readonly ResolvedSpace[], config: CollectionConfig) {
    for (const { name, key } of spaces) {
      this.#byName.set(name, key)
      this.#byKey.set(key, { name, params: spaceNamed(config, name)! })
    }
    this.#isPlain = spaces.every(({ name, key }) => name === key)
    this.#isWhole = spaces.every(({ params }) => datatypeOf(params) === undefined)
    this.text = JSON.stringify([...this.#byKey])
  }

  keys(): string[] {
    return [...this.#byKey.keys()]
  }

  has(key: string): boolean {
    return this.#byKey.has(key)
  }

  key(name: string): string | undefined {
    return this.#byName.get(name)
  }

  name(key: string): string | undefined {
    return this.#byKey.get(key)?.name
  }

  params(key: string): SpaceParams | undefined {
    return this.#byKey.get(key)?.params
  }

  datatype(key: string): Datatype | undefined {
    return datatypeOf(this.params(key))
  }

  /** An operation with the numbers that are stored. */
  rounded(op: RecordOp): RecordOp {
    if (this.#isWhole || op.kind === 'delete') return op
    const round = ([name, value]: [string, VectorValue]): [string, VectorValue] => {
      const datatype = this.datatype(this.key(name) ?? name)
      return [name, datatype === undefined ? value : rounded(datatype, value)]
    }
    return { ...op, vectors: new Map([...op.vectors].map(round)) }
  }

  /** Of those keys that are of the collection: the rest was dropped, or its addition has not come yet. */
  names(keys: readonly string[]): string[] {
    const names: string[] = []
    for (const key of keys) {
      const name = this.name(key)
      if (name !== undefined) names.push(name)
    }
    return names
  }

  /** What is written for an operation, whose names are all of the collection. */
  stored(op: RecordOp): RecordOp {
    return this.#isPlain ? op : renamed(op, (name) => this.key(name))
  }

  /** By name instead of by key; vectors that are of no space are left out. */
  shown(entry: Entry): Entry {
    return renamed(entry, (key) => this.name(key))
  }
}

const renamed = <E extends Entry | RecordOp>(entry: E, rename: Rename): E => {
  if (entry.kind === 'delete') return entry
  const vectors = new Map(
    [...entry.vectors].flatMap(([name, value]) => {
      const after = rename(name)
      return after === undefined ? [] : [[after, value] as const]
    }),
  )
  if (entry.kind === 'put') return { ...entry, vectors }
  return { ...entry, vectors, dropVectors: entry.dropVectors.flatMap((name) => rename(name) ?? []) }
}
