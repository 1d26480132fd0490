import { StoreError, type VersionVector } from '@meridian/core'
import type { SeededRandom } from '@meridian/core/seeded-random'
import type { SimNode } from './sim-node.js'

/** What an operator may do to the membership, by the seed: concurrent and contradicting wishes, in several regions. */
export class MemberNemesis {
  /** Never to act again, once an operator has said so. */
  readonly lost = new Set<SimNode>()
  /** By region, what it held when its retirement was asked for first: that much it hands over before it goes. */
  readonly heldWhenAsked = new Map<string, VersionVector>()

  constructor(
    /** Grows when one joins. */
    readonly nodes: readonly SimNode[],
    /** Before all of them know of each other nothing is asked for. */
    readonly founders: number,
    readonly random: SeededRandom,
    readonly trace: (node: string, text: string) => void,
    /** Starts one more region with `joins`, unless there are enough. */
    readonly join: () => void,
    /** Ends the process for good. */
    readonly lose: (node: SimNode) => void,
  ) {}

  /** Now and then. */
  step(): void {
    const { random } = this
    const roll = random.float()
    if (roll < 0.15) this.#joinOne()
    else if (roll < 0.6) this.#add()
    else if (roll < 0.9) this.#retire()
    else this.#loseOne()
  }

  #joinOne(): void {
    if (this.#members('active').length > 0) this.join()
  }

  /** What is asked for is asked for again, as operators do whose wish lost to another's. */
  #add(): void {
    const joining = this.#members('joining')
    if (joining.length > 0) this.#ask(`add ${this.random.pick(joining)}`, joining)
  }

  #retire(): void {
    const active = this.#members('active')
    if (active.length > 2) this.#ask(`retire ${this.random.pick(active)}`, active)
  }

  #members(status: string): string[] {
    const views = this.nodes.map((each) => each.replica?.regions.status().members ?? [])
    const members = views.find((each) => this.#areAll(each)) ?? []
    return members.filter((each) => each.status === status).map((each) => each.region)
  }

  /** Whether all founders are among them; joining ones have higher numbers. */
  #areAll(members: readonly { readonly replica: number }[]): boolean {
    return members.filter(({ replica }) => replica <= this.founders).length === this.founders
  }

  /** Of one or two regions at the same moment, each something else. */
  #ask(wish: string, regions: readonly string[]): void {
    const wishes = this.random.chance(0.5) ? [wish] : [wish, `${wish.split(' ')[0]} ${this.random.pick(regions)}`]
    for (const each of wishes) {
      const [what, region] = each.split(' ') as [string, string]
      const node = this.random.pick(this.nodes)
      if (node.replica === undefined || this.#members('active').length < 2) continue
      if (!this.#areAll(node.replica.regions.status().members)) continue
      this.trace(node.region, `is asked to ${each}`)
      this.#try(() => {
        if (what === 'add') node.replica!.regions.add(region, undefined, () => {})
        else {
          this.#noteWhatIsHeld(region)
          node.replica!.regions.retire(region, undefined, {}, () => {})
        }
      })
    }
  }

  #noteWhatIsHeld(region: string): void {
    const held = this.nodes.find((node) => node.region === region)?.replica?.vectors.merged
    if (held !== undefined && !this.heldWhenAsked.has(region)) this.heldWhenAsked.set(region, held)
  }

  /** One region dies with its disk; another is told to go on without it. */
  #loseOne(): void {
    if (this.lost.size > 0 || this.#members('active').length < 3) return
    // It may be the only other one that holds what rotted.
    if (this.nodes.some(({ disk }) => disk.damagedCount > 0)) return
    const node = this.random.pick(this.nodes)
    this.lost.add(node)
    this.trace(node.region, 'is lost for good')
    this.lose(node)
    this.goOnWithout()
  }

  /** A region that joined and must start over: its disk is wiped, and its number retired. */
  giveUp(node: SimNode): void {
    if (this.lost.has(node)) return
    this.lost.add(node)
    this.trace(node.region, 'has to start over and is given up')
    this.lose(node)
  }

  /** Asked until it is done: the regions may not have noticed yet, or one of them may be down. A retired one asks in vain. */
  goOnWithout(nodes: readonly SimNode[] = this.nodes): void {
    for (const node of nodes) {
      if (this.lost.has(node) || node.replica?.regions.membership.standing !== 'active') continue
      const { members } = node.replica.regions.status()
      if (!this.#areAll(members)) continue
      const gone = new Set([...this.lost].map(({ region }) => region))
      const [first, ...rest] = members.filter(({ region, status }) => status !== 'retired' && gone.has(region))
      if (first === undefined) continue
      // Who joins has a vote by force too: of several that are gone each is named, or the first waits for the others.
      const lost = rest.map(({ replica }) => replica)
      this.#try(() => node.replica!.regions.retire(first.region, first.replica, { force: true, lost }, () => {}))
      return
    }
  }

  #try(ask: () => void): void {
    try {
      ask()
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
    }
  }
}
