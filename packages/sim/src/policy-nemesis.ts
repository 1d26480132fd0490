import { canonicalJson, type ConflictPolicy, type JsonValue, NEWEST, StoreError } from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import { POLICY_PATH, type Setting } from '@meridian/replica'
import type { SimNode } from './sim-node.js'

/** What operators choose from: each puts some pair of writes in another order than some other does. Not all name all models. */
export const POLICIES: readonly ConflictPolicy[] = [
  NEWEST,
  { kind: 'content-model', models: { small: 1, large: 2 } },
  { kind: 'content-model', models: { small: 2, large: 1, other: 3 } },
  { kind: 'content-model', models: {} },
]

/** A policy as a collection's setting. */
export const settingOf = (policy: ConflictPolicy): Setting => ({
  path: POLICY_PATH,
  value: JSON.parse(canonicalJson({ ...policy })) as JsonValue,
})

/** Operators who change their minds about which write wins, in any region, whoever is cut off; sometimes two at once. */
export class PolicyNemesis {
  /** Changes that were asked for. */
  changes = 0

  constructor(
    /** Grows when one joins. */
    readonly nodes: readonly SimNode[],
    readonly random: SeededRandom,
    readonly trace: (node: string, text: string) => void,
  ) {}

  /** Now and then. */
  step(): void {
    const { random, nodes } = this
    const node = random.pick(nodes)
    const name = this.#anyCollection(node)
    if (name === undefined) return
    this.#change(node, name)
    // Neither has heard of the other: the later stamp decides, everywhere.
    if (random.chance(0.3)) this.#change(random.pick(nodes), name)
  }

  #anyCollection({ replica }: SimNode): string | undefined {
    const names = replica?.collections().map(({ name }) => name) ?? []
    return names.length === 0 ? undefined : this.random.pick(names)
  }

  #change(node: SimNode, name: string): void {
    const policy = this.random.pick(POLICIES)
    try {
      node.replica?.changeSettings(
        name,
        () => [settingOf(policy)],
        (outcome) => {
          if (outcome.ok) this.changes++
        },
      )
      this.trace(node.region, `is asked for the policy ${canonicalJson({ ...policy })} of ${name}`)
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
  }
}
