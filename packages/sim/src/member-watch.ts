import { majorityOf } from '@meridian/replica'
import type { SimNode } from './sim-node.js'
import { Violation } from './violation.js'

interface InUse {
  readonly node: SimNode
  readonly index: number
  readonly members: readonly number[]
}

/**
 * The configurations that members use at one moment, crashed ones with what they last used: it is on their disk.
 *
 *  - One index is one configuration.
 *  - Neighbours at most: a member is never two changes behind another, and so majorities of any two in use have a member in
 *    common. Not so for a member that was retired while it was away: nobody takes its acknowledgements any more.
 *  - A configuration only ever gives way to a later one, over restarts too.
 *
 * Founders count once they know of each other; before that there is no configuration to speak of.
 */
export class MemberWatch {
  readonly #inUse = new Map<SimNode, InUse>()
  readonly #byIndex = new Map<number, Map<SimNode, string>>()
  /** By an operator, said to never act again. */
  readonly lost = new Set<SimNode>()
  /** The highest index that was seen in use. */
  highest = 0

  constructor(readonly founders: number) {}

  check(nodes: readonly SimNode[]): void {
    for (const node of nodes) this.#look(node)
    const newest = [...this.#inUse.values()].reduce<InUse | undefined>(
      (best, each) => (best === undefined || each.index > best.index ? each : best),
      undefined,
    )
    if (newest === undefined) return
    this.highest = newest.index
    for (const a of this.#inUse.values()) {
      // Retired, and unaware of it: it can gather no majority, since none of the newest will link with it.
      if (this.lost.has(a.node) || !newest.members.includes(a.node.number + 1)) continue
      for (const b of this.#inUse.values()) if (!this.lost.has(b.node)) this.#checkPair(a, b, newest)
    }
  }

  #look(node: SimNode): void {
    const { replica } = node
    if (replica === undefined) return
    const status = replica.regions.status()
    const members = status.members.filter((each) => each.status === 'active').map((each) => each.replica as number)
    const index = status.configuration
    if (!members.includes(node.number + 1) || (index === 0 && members.length < this.founders)) {
      // It knows that it is no member: it counts nobody.
      if (replica.regions.membership.standing !== 'active') this.#inUse.delete(node)
      return
    }
    const before = this.#inUse.get(node)
    if (before !== undefined && before.index > index)
      throw new Violation('membership', `${node.region} went back from configuration ${before.index} to ${index}`)
    const text = members.join()
    const users = this.#byIndex.get(index) ?? new Map<SimNode, string>()
    this.#byIndex.set(index, users.set(node, text))
    // What a lost one alone saw in effect may have been passed over by force.
    for (const [user, other] of users)
      if (other !== text && index > 0 && !this.lost.has(user) && !this.lost.has(node))
        throw new Violation(
          'membership',
          `configuration ${index} is ${other} in ${user.region} and ${text} in ${node.region}`,
        )
    this.#inUse.set(node, { node, index, members })
  }

  #checkPair(a: InUse, b: InUse, newest: InUse): void {
    if (!newest.members.includes(b.node.number + 1)) return
    const all = new Set([...a.members, ...b.members])
    const where = `${a.node.region} counts ${a.members} (${a.index}), ${b.node.region} counts ${b.members} (${b.index})`
    if (Math.abs(a.index - b.index) > 1) throw new Violation('membership', `no neighbours: ${where}`)
    if (majorityOf(a.members.length) + majorityOf(b.members.length) <= all.size)
      throw new Violation('membership', `majorities without a common member: ${where}`)
  }

  /** After healing. */
  checkConverged(nodes: readonly SimNode[]): void {
    const views = nodes.map((node) => {
      const { configuration, members } = node.replica!.regions.status()
      return `${configuration}: ${members.map(({ replica, status }) => `${replica} ${status}`).join(', ')}`
    })
    if (new Set(views).size > 1)
      throw new Violation('membership', `not one configuration after healing: ${views.join(' / ')}`)
  }
}
