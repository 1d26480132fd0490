import { SeededRandom } from '@meridian/core/seeded-random'
import { type Counters, DEFAULT_SETTINGS } from '@meridian/replica'
import { deafen } from './amnesia.js'
import { BarrierWatch } from './barrier-watch.js'
import { Departures } from './departures.js'
import { checkAcknowledged, checkConverged, checkNothingMissing } from './final-check.js'
import { MemberNemesis } from './member-nemesis.js'
import { MemberWatch } from './member-watch.js'
import { Nemesis } from './nemesis.js'
import { Oracle } from './oracle.js'
import { PolicyNemesis } from './policy-nemesis.js'
import { RegisterWatch } from './register-watch.js'
import { Rot } from './rot.js'
import { drawNetworkFaults, drawSettings } from './seed-draws.js'
import { HEAL_WITHIN_MS, Settling } from './settling.js'
import { SimCluster } from './sim-cluster.js'
import { type NetworkFaults, QUIET, SimNetwork } from './sim-network.js'
import type { SimNode } from './sim-node.js'
import { type Cast, castOf, type SimulationOptions } from './simulation-options.js'
import type { SimulationReport } from './simulation-report.js'
import { stampKey } from './stamp-key.js'
import { VirtualTime } from './virtual-time.js'
import { Violation } from './violation.js'
import { Watch } from './watch.js'
import { Workload } from './workload.js'

const REGIONS: readonly string[] = ['eu', 'us', 'ap', 'sa', 'af']
const LATE_REGION = 'late'
const JOINING_REGIONS: readonly string[] = ['jo', 'ju']
const WRITES_MISSED = 8

/**
 * Runs N replicas of the real engine in virtual time under faults drawn from one seed, heals, and checks.
 * @throws Violation naming the promise that was broken.
 */
export const simulate = (options: SimulationOptions): SimulationReport => new Simulation(options).run()

/**
 * One run: who takes part, and what happens in which order. All that is drawn comes from the seed. The network, the clients, the
 * nemesis and each region have forks of the first source, and what is optional a source of its own, so that a seed does the same with
 * it and without.
 */
class Simulation {
  readonly #random: SeededRandom
  readonly #time = new VirtualTime()
  readonly #cast: Cast
  readonly #network: SimNetwork
  readonly #lossy: NetworkFaults
  readonly #cluster: SimCluster
  readonly #nodes: readonly SimNode[]
  readonly #oracle: Oracle
  readonly #watch: Watch
  readonly #nemesis: Nemesis
  readonly #workload: Workload
  readonly #barriers: BarrierWatch
  readonly #registers: RegisterWatch
  readonly #members: MemberWatch
  readonly #operators: MemberNemesis | undefined
  readonly #rot: Rot | undefined
  readonly #policies: PolicyNemesis | undefined
  readonly #departures: Departures
  readonly #settling: Settling

  constructor(readonly options: SimulationOptions) {
    const { seed, sabotage = {} } = options
    const random = new SeededRandom(seed)
    const cast = castOf(options)
    this.#random = random
    this.#cast = cast
    this.#network = new SimNetwork(this.#time, random.fork())
    this.#network.tamper = sabotage.tamper
    this.#oracle = new Oracle(cast.policy, cast.isPolicyChanging)
    this.#workload = new Workload(random.fork(), cast.policy, cast.isMarking, this.#trace)
    this.#lossy = drawNetworkFaults(random)
    const settings = drawSettings(random, options.areConflictsExact === true)
    const founders = REGIONS.slice(0, random.pick([2, 3, 3, 3, 4, 5]))
    this.#cluster = new SimCluster({
      seed,
      random,
      time: this.#time,
      network: this.#network,
      oracle: this.#oracle,
      settings,
      hooks: sabotage,
      hasBarriers: cast.hasBarriers,
      founders,
      trace: this.#trace,
    })
    const { nodes } = this.#cluster
    this.#nodes = nodes
    const windowBytes = settings.windowBytes ?? DEFAULT_SETTINGS.windowBytes
    this.#watch = new Watch(this.#oracle, nodes, () => nodes.length * (windowBytes + this.#network.largestFrame))
    this.#barriers = new BarrierWatch([...nodes], new SeededRandom(seed ^ 0x2c1b3c6d), (receipt, id) =>
      this.#workload.acknowledged.push({ receipt, ids: [id], saw: new Map() }),
    )
    this.#registers = new RegisterWatch([...nodes], new SeededRandom(seed ^ 0x1b873593), this.#trace)
    this.#nemesis = new Nemesis(nodes, this.#time, this.#network, random.fork(), this.#trace)
    const { lost } = this.#nemesis
    this.#members = new MemberWatch(founders.length)
    if (cast.isPolicyChanging)
      this.#policies = new PolicyNemesis(nodes, new SeededRandom(seed ^ 0x7f4a7c15), this.#trace)
    if (cast.hasRot) this.#rot = new Rot([...nodes], new SeededRandom(seed ^ 0x52dce729), this.#trace, () => lost)
    if (cast.hasOperators) this.#operators = this.#hireOperators(founders.length)
    this.#departures = new Departures(nodes, lost, cast.hasOperators)
    this.#settling = new Settling(this.#time, this.#departures, this.#operators)
  }

  #hireOperators(founders: number): MemberNemesis {
    return new MemberNemesis(
      this.#nodes,
      founders,
      new SeededRandom(this.options.seed ^ 0x3c6ef372),
      this.#trace,
      () => {
        const region = JOINING_REGIONS[this.#nodes.length - founders]
        if (region === undefined) return
        const node = this.#cluster.add(region, true)
        node.start()
        for (const peer of this.#nodes) {
          if (peer === node) continue
          this.#cluster.dial(node, peer)
          this.#cluster.dial(peer, node)
        }
      },
      (node) => {
        this.#members.lost.add(node)
        this.#nemesis.lose(node)
      },
    )
  }

  readonly #trace = (node: string, text: string): void => {
    this.options.trace?.(`${(this.#time.nowMs / 1000).toFixed(3).padStart(8)}  ${node.padEnd(4)} ${text}`)
  }

  run(): SimulationReport {
    const random = this.#random
    const { isDrill, forMs } = this.#cast
    this.#network.faults = isDrill ? QUIET : this.#lossy
    // Peers that are down at start and come late are normal.
    for (const [i, node] of this.#nodes.entries()) if (i === 0 || random.chance(0.8)) node.start()
    for (const node of this.#nodes) this.#cluster.dialAll(node)
    this.#clients()
    if (isDrill) this.#nemesis.drill(forMs)
    else this.#nemesis.run(forMs)
    this.#time.runUntil(forMs)
    const healedInMs = this.#heal()
    const { acknowledged } = this.#workload
    checkAcknowledged(acknowledged, this.#oracle)
    this.#departures.check({
      acknowledged: acknowledged.map(({ receipt }) => receipt),
      atQuorum: this.#barriers.atQuorum,
      watch: this.#watch,
      operators: this.#operators,
    })
    this.#registers.check()
    this.#checkEqual()
    if (this.options.amnesia === true) this.#forget()
    this.#joinLate()
    if (this.options.trace !== undefined) this.#traceWinners()
    const report = this.#report(healedInMs)
    this.#reload()
    return report
  }

  #clients(): void {
    const { forMs, isDrill, hasBarriers } = this.#cast
    const step = (): void => {
      if (this.#time.nowMs >= forMs) return
      const node = this.#random.pick(this.#nodes)
      if (!isDrill) this.#workload.step(node)
      if (this.#random.chance(0.1)) this.#watch.check(this.#random.pick(this.#nodes))
      if (this.#operators !== undefined) this.#members.check(this.#nodes)
      this.#time.at(this.#random.int(60), step)
    }
    step()
    this.#employ(this.#operators, 300, isDrill ? 150 : 500)
    this.#employ(this.#policies, 500, 1500)
    this.#employ(this.#rot, 1500, 1500)
    if (!hasBarriers) return
    const random = new SeededRandom(this.options.seed ^ 0x5bd1e995)
    const probe = (): void => {
      if (this.#time.nowMs >= forMs) return
      if (random.chance(0.7)) this.#barriers.step()
      else this.#registers.step()
      this.#time.at(random.int(120), probe)
    }
    probe()
  }

  /** Somebody who interferes: from `firstMs` on, with pauses below `pauseMs`, until the faults end. */
  #employ(
    somebody: { readonly random: SeededRandom; step(): void } | undefined,
    firstMs: number,
    pauseMs: number,
  ): void {
    if (somebody === undefined) return
    const act = (): void => {
      if (this.#time.nowMs >= this.#cast.forMs) return
      somebody.step()
      this.#time.at(somebody.random.int(pauseMs), act)
    }
    this.#time.at(firstMs, act)
  }

  /** All faults end; what must happen then happens within a bound. */
  #heal(): number {
    const start = this.#time.nowMs
    this.#trace('net', 'all faults end')
    this.#network.faults = QUIET
    this.#nemesis.stop()
    this.#settling.settle()
    return this.#time.nowMs - start
  }

  #checkEqual(): void {
    const members = this.#departures.remaining()
    checkConverged(members, this.#oracle, this.#departures.remains(), this.options.areConflictsExact)
    for (const node of members) this.#watch.check(node)
    checkNothingMissing(members[0]!, this.#oracle, this.#departures.remains())
    this.#members.check(this.#nodes)
    this.#members.checkConverged(members)
  }

  /** What the views of one region miss, regions find by their digests and repair. */
  #forget(): void {
    const [victim, writer] = this.#departures.remaining() as [SimNode, SimNode]
    this.#watch.isRepairExpected = true
    this.#trace(victim.region, 'misses what comes')
    const hear = deafen(victim)
    for (let i = 0; i < WRITES_MISSED; i++) this.#workload.step(writer)
    this.#settling.settle()
    hear()
    const start = this.#time.nowMs
    const isEqual = (): boolean => {
      const said = this.#departures.remaining().map(({ replica }) =>
        replica!
          .collections()
          .map((each) => `${each.name} ${each.digests().map(({ digest, live }) => `${digest}/${live}`)}`)
          .join(),
      )
      return new Set(said).size === 1
    }
    do {
      this.#time.runUntil(this.#time.nowMs + 100)
      if (this.#time.nowMs > start + HEAL_WITHIN_MS)
        throw new Violation('convergence', `the views of ${victim.region} missed writes, and that was not repaired`)
    } while (!isEqual())
    this.#settling.settle()
    this.#checkEqual()
  }

  /** One more region joins, reaches one of the others only, and comes to say the same. */
  #joinLate(): void {
    const others = [...this.#departures.remaining()]
    const late = this.#cluster.add(LATE_REGION, true)
    const sponsor = this.#random.pick(others)
    late.start()
    this.#cluster.dial(late, sponsor)
    // Any one of them may be retired by what was asked for before.
    if (this.#operators !== undefined)
      for (const peer of this.#nodes) if (peer !== late && peer !== sponsor) this.#cluster.dial(late, peer)
    this.#settling.settle()
    this.#checkEqual()
    if (this.#operators !== undefined) this.#addLate(late)
  }

  /** Whatever happened before: a change that is asked for, by everybody linked, comes about. */
  #addLate(late: SimNode): void {
    const remaining = (): readonly SimNode[] => this.#departures.remaining()
    for (const peer of remaining()) if (peer !== late) this.#cluster.dial(peer, late)
    const start = this.#time.nowMs
    for (;;) {
      const [first] = remaining()
      if (late.replica!.regions.membership.standing === 'active' && this.#settling.isSettled()) break
      if (this.#time.nowMs > start + HEAL_WITHIN_MS)
        throw new Violation(
          'liveness',
          `${LATE_REGION} was not added: ${JSON.stringify(first!.replica!.regions.status())}`,
        )
      for (const node of remaining())
        if (node.replica!.regions.membership.standing === 'active') {
          node.replica!.regions.add(LATE_REGION, undefined, () => {})
          break
        }
      this.#time.runUntil(this.#time.nowMs + 500)
      this.#members.check(this.#nodes)
    }
    this.#checkEqual()
  }

  /** What is on every disk is what was in every memory. */
  #reload(): void {
    const remaining = this.#departures.remaining()
    for (const node of this.#nodes) this.#network.drop(node.number)
    for (const node of remaining) {
      node.crash()
      node.start()
    }
    this.#checkEqual()
  }

  /** Which writes each record is made of in the end. */
  #traceWinners(): void {
    const { replica } = this.#departures.remaining()[0]!
    for (const collection of replica!.collections())
      for (const ordinal of collection.inOrder()) {
        const id = collection.id(ordinal)
        const made = collection
          .history(id)
          .map(({ what, name, stamp }) => `${what}${name ? ` ${name}` : ''} ${stampKey(stamp)}`)
        this.#trace('end', `${collection.name} ${id}: ${made.join(', ')}`)
      }
  }

  #report(healedInMs: number): SimulationReport {
    const remaining = this.#departures.remaining()
    const counters = remaining.map((node) => node.replica!.status().counters)
    const sum = (pick: (each: Counters) => number): number => counters.reduce((total, each) => total + pick(each), 0)
    return {
      seed: this.options.seed,
      regions: this.#nodes.length,
      acknowledged: this.#workload.acknowledged.length,
      refused: this.#workload.refused,
      boots: this.#nodes.reduce((total, node) => total + node.boots, 0),
      transfers: sum((each) => each.transfersReceived),
      cleaned: sum((each) => each.blocksCleaned),
      purged: sum((each) => each.tombstonesPurged),
      resyncs: sum((each) => each.resyncs),
      framesRefused: sum((each) => each.framesRefused),
      networkBytes: this.#network.bytes,
      barriers: this.#barriers.answered,
      registers: this.#registers.answered,
      rotted: this.#rot?.rows ?? 0,
      repaired: remaining.reduce((total, node) => total + node.replica!.status().damage.repaired, 0),
      loss: this.#network.strongest.loss,
      duplication: this.#network.strongest.duplication,
      crashes: this.#nemesis.crashes,
      tails: this.#nodes.reduce((total, { disk }) => total + disk.tails, 0),
      marked: this.#workload.marked,
      policies: this.#policies?.changes ?? 0,
      skews: this.#nodes.reduce((total, { clock }) => total + clock.jumps, 0),
      configuration: this.#members.highest,
      healedInMs,
    }
  }
}
