import { type ConflictPolicy, decodeBlock, decodeEntry, NEWEST, type ReplicaId, replicaOfClient } from '@meridian/core'
import { SeededRandom } from '@meridian/core/seeded-random'
import { type Counters, DEFAULT_SETTINGS, type Settings } from '@meridian/replica'
import { parseBlockKey } from '@meridian/shard'
import { deafen } from './amnesia.js'
import { BarrierWatch } from './barrier-watch.js'
import { checkAcknowledged, checkConverged, checkNothingMissing } from './final-check.js'
import { Oracle, type Remains } from './oracle.js'
import { RegisterWatch } from './register-watch.js'
import { Rot } from './rot.js'
import { SimClock } from './sim-clock.js'
import { SimDisk } from './sim-disk.js'
import { MemberNemesis } from './member-nemesis.js'
import { MemberWatch } from './member-watch.js'
import { Nemesis } from './nemesis.js'
import { POLICIES, PolicyNemesis } from './policy-nemesis.js'
import { type NetworkFaults, QUIET, SimNetwork } from './sim-network.js'
import { type NodeHooks, SimNode } from './sim-node.js'
import { stampKey } from './stamp-key.js'
import { VirtualTime } from './virtual-time.js'
import { Violation } from './violation.js'
import { Watch } from './watch.js'
import { Workload } from './workload.js'

/** Faults that a rule of the store is robbed of, to see that the checkers notice. */
export interface Sabotage extends NodeHooks {
  readonly tamper?: (frame: Uint8Array) => Uint8Array
}

/** Virtual milliseconds until all faults end, if nothing else is said. */
export const FOR_MS = 6000

export interface SimulationOptions {
  readonly seed: number
  /** Virtual time under faults. Default 6 s. */
  readonly forMs?: number
  readonly sabotage?: Sabotage
  /** Whether clients ask for guarantees too; default true. Their traffic makes another run of a seed. */
  readonly barriers?: boolean
  /** Whether operators change the membership: by default in every other run. They do not change what else a seed does. */
  readonly members?: boolean
  /** Nothing but the membership: no clients, a network that loses nothing, regions cut off or down one at a time, many wishes. */
  readonly drill?: boolean
  /** Whether not the newest write wins but the one of the newest content and the best model: by default in every seventh run. */
  readonly contentModel?: boolean
  /**
   * Whether operators change the conflict policies: by default in every fifth run. Clients then say what their writes were made
   * from, which makes another run of a seed.
   */
  readonly policies?: boolean
  /** Nothing is cleaned and every log kept whole, so that each region must list exactly the conflicts that are open. */
  readonly areConflictsExact?: boolean
  /** Whether the views of one region miss some writes once all faults have ended, as a bug would have it. */
  readonly amnesia?: boolean
  /** Whether the disk of one region rots: by default in every third run. */
  readonly rot?: boolean
  /** Receives a readable line for everything that happens. */
  readonly trace?: (line: string) => void
}

export interface SimulationReport {
  readonly seed: number
  readonly regions: number
  readonly acknowledged: number
  readonly refused: number
  readonly boots: number
  readonly transfers: number
  readonly cleaned: number
  /** Deletes and lone patches that were forgotten for good. */
  readonly purged: number
  readonly resyncs: number
  readonly framesRefused: number
  readonly networkBytes: number
  /** Searches under a barrier that were answered in time, and checked. */
  readonly barriers: number
  /** Linearizable calls that were answered in time. */
  readonly registers: number
  /** Block rows that rotted, and those that were written again with the bytes of a peer since the last start. */
  readonly rotted: number
  readonly repaired: number
  /** Chances of a frame of being lost and repeated while faults go on. */
  readonly loss: number
  readonly duplication: number
  readonly crashes: number
  /** Commits that a crash found on their way to a disk. */
  readonly tails: number
  /** How often a clock was wrong by a second, or was set wrong. */
  readonly skews: number
  /** Writes that said what they were made from, where the content decides. */
  readonly marked: number
  /** Changes of a conflict policy that were made. */
  readonly policies: number
  /** The index of the configuration that the members use in the end. */
  readonly configuration: number
  /** Virtual time from healing to equality. */
  readonly healedInMs: number
}

const REGIONS: readonly string[] = ['eu', 'us', 'ap', 'sa', 'af']
const LATE_REGION = 'late'
const JOINING_REGIONS: readonly string[] = ['jo', 'ju']
const HEAL_WITHIN_MS = 60_000
const WRITES_MISSED = 8

/**
 * Runs N replicas of the real engine in virtual time under faults drawn from one seed, heals, and checks.
 * @throws Violation naming the promise that was broken.
 */
export const simulate = (options: SimulationOptions): SimulationReport => new Simulation(options).run()

class Simulation {
  readonly #random: SeededRandom
  readonly #time = new VirtualTime()
  readonly #network: SimNetwork
  readonly #regions: readonly string[]
  readonly #nodes: SimNode[]
  readonly #oracle: Oracle
  readonly #watch: Watch
  readonly #nemesis: Nemesis
  readonly #settings: Partial<Settings>
  readonly #workload: Workload
  readonly #barriers: BarrierWatch
  readonly #registers: RegisterWatch
  readonly #members: MemberWatch
  readonly #operators: MemberNemesis | undefined
  readonly #rot: Rot | undefined
  readonly #policies: PolicyNemesis | undefined
  readonly #forMs: number
  readonly #lossy: NetworkFaults

  constructor(readonly options: SimulationOptions) {
    const random = new SeededRandom(options.seed)
    this.#random = random
    this.#forMs = options.forMs ?? FOR_MS
    this.#network = new SimNetwork(this.#time, random.fork())
    this.#network.tamper = options.sabotage?.tamper
    const decides = options.contentModel ?? (options.areConflictsExact !== true && options.seed % 7 === 6)
    const policy: ConflictPolicy = decides ? POLICIES[1]! : NEWEST
    const isChanging =
      options.policies ??
      (options.contentModel === undefined && options.areConflictsExact !== true && options.seed % 5 === 3)
    this.#oracle = new Oracle(policy, isChanging)
    this.#workload = new Workload(random.fork(), policy, decides || isChanging, this.#trace)
    this.#lossy = {
      delayMinMs: 1,
      delayMaxMs: random.pick([5, 50, 300]),
      loss: random.pick([0, 0, 0.02, 0.3]),
      duplication: random.pick([0, 0.05, 0.5]),
      reordering: random.pick([0, 0.05, 0.3]),
      corruption: random.pick([0, 0, 0.002]),
    }
    this.#settings = this.#drawSettings()
    const regions = random.pick([2, 3, 3, 3, 4, 5])
    this.#regions = REGIONS.slice(0, regions)
    this.#nodes = this.#regions.map((region, number) => this.#node(region, number))
    this.#watch = new Watch(
      this.#oracle,
      this.#nodes,
      () =>
        this.#nodes.length *
        ((this.#settings.windowBytes ?? DEFAULT_SETTINGS.windowBytes) + this.#network.largestFrame),
    )
    this.#barriers = new BarrierWatch([...this.#nodes], new SeededRandom(options.seed ^ 0x2c1b3c6d), (receipt, id) =>
      this.#workload.acknowledged.push({ receipt, ids: [id], saw: new Map() }),
    )
    this.#registers = new RegisterWatch([...this.#nodes], new SeededRandom(options.seed ^ 0x1b873593), this.#trace)
    this.#nemesis = new Nemesis(this.#nodes, this.#time, this.#network, random.fork(), this.#trace)
    this.#members = new MemberWatch(regions)
    if (isChanging)
      this.#policies = new PolicyNemesis(this.#nodes, new SeededRandom(options.seed ^ 0x7f4a7c15), this.#trace)
    if (options.rot ?? (options.areConflictsExact !== true && options.seed % 3 === 1))
      this.#rot = new Rot(
        [...this.#nodes],
        new SeededRandom(options.seed ^ 0x52dce729),
        this.#trace,
        () => this.#nemesis.lost,
      )
    if (options.members ?? (this.#isDrill || options.seed % 2 === 0)) this.#operators = this.#hireOperators(regions)
  }

  #hireOperators(founders: number): MemberNemesis {
    const random = new SeededRandom(this.options.seed ^ 0x3c6ef372)
    return new MemberNemesis(
      this.#nodes,
      founders,
      random,
      this.#trace,
      () => {
        const region = JOINING_REGIONS[this.#nodes.length - founders]
        if (region === undefined) return
        const node = this.#node(region, this.#nodes.length, true)
        this.#nodes.push(node)
        node.start()
        for (const peer of this.#nodes) {
          if (peer === node) continue
          this.#dial(node, peer)
          this.#dial(peer, node)
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

  #drawSettings(): Partial<Settings> {
    const draw = <T>(values: readonly T[]): T => this.#random.pick(values)
    return {
      logRetentionEntries: draw([3, 30, 100_000]),
      windowBytes: draw([2_000, 50_000, 4 << 20]),
      transferChunkBytes: draw([500, 5_000, 1 << 20]),
      transferWindow: draw([1, 8]),
      transactionBytes: draw([300, 5_000, 1 << 20]),
      amplificationMax: draw([1.2, 2]),
      maintenanceMs: draw([100, 1000]),
      blockCacheBytes: draw([0, 32 << 20]),
      ...(this.options.areConflictsExact ? { logRetentionEntries: 100_000, maintenanceMs: 1e9 } : {}),
      scrubMs: 2000,
      antiEntropyMs: 2000,
    }
  }

  #node(region: string, number: number, joins = false): SimNode {
    const random = this.#random.fork()
    const drift = (random.float() - 0.5) * 2e-4
    const clock = new SimClock(
      this.#time,
      random.chance(0.05) ? random.pick([-3000, 3000]) : random.int(300) - 150,
      drift,
    )
    const faults = random.pick([
      { syncMinMs: 0.1, syncMaxMs: 2 },
      { syncMinMs: 1, syncMaxMs: 30 },
    ])
    const disk = new SimDisk(this.#time, random.fork(), faults, (ops) =>
      this.#oracle.heard((number + 1) as ReplicaId, ops),
    )
    return new SimNode(
      number,
      region,
      this.#time,
      clock,
      disk,
      random,
      this.#settings,
      this.#trace,
      this.options.sabotage ?? {},
      this.#withBarriers ? new SeededRandom(this.options.seed * 31 + number) : undefined,
      this.#regions,
      joins,
    )
  }

  get #withBarriers(): boolean {
    return !this.#isDrill && (this.options.barriers ?? true)
  }

  get #isDrill(): boolean {
    return this.options.drill === true
  }

  run(): SimulationReport {
    const random = this.#random
    this.#network.faults = this.#isDrill ? QUIET : this.#lossy
    // Peers that are down at start and come late are normal.
    for (const [i, node] of this.#nodes.entries()) if (i === 0 || random.chance(0.8)) node.start()
    for (const node of this.#nodes) this.#dialForever(node)
    this.#clients()
    if (this.#isDrill) this.#nemesis.drill(this.#forMs)
    else this.#nemesis.run(this.#forMs)
    this.#time.runUntil(this.#forMs)
    const healedInMs = this.#heal()
    checkAcknowledged(this.#workload.acknowledged, this.#oracle)
    this.#checkGone()
    this.#registers.check()
    this.#checkEqual()
    if (this.options.amnesia === true) this.#forget()
    this.#joinLate()
    if (this.options.trace !== undefined) this.#traceWinners()
    const report = this.#report(healedInMs)
    this.#reload()
    return report
  }

  #checkEqual(): void {
    const members = this.#remaining()
    checkConverged(members, this.#oracle, this.#remains(), this.options.areConflictsExact)
    for (const node of members) this.#watch.check(node)
    checkNothingMissing(members[0]!, this.#oracle, this.#remains())
    this.#members.check(this.#nodes)
    this.#members.checkConverged(members)
  }

  /** Those that are neither lost nor retired. */
  #remaining(): SimNode[] {
    const { lost } = this.#nemesis
    if (this.#operators === undefined) return this.#nodes
    const retired = new Set<string>()
    for (const node of this.#nodes)
      if (!lost.has(node))
        for (const member of node.replica?.regions.status().members ?? [])
          if (member.status === 'retired') retired.add(member.region)
    return this.#nodes.filter((node) => !lost.has(node) && !retired.has(node.region))
  }

  /**
   * What a region that left wrote and nobody has any more. Of one that was retired nothing may be missing. Of one that was given
   * up by force only what it acknowledged for itself alone, and what no other region that stayed, or had a vote on that, was ever
   * seen to hold. One that was retired before has no vote: it hands over what it held when its own retirement was asked for, and
   * who had the rest was alive then.
   */
  #checkGone(): void {
    const { upTo } = this.#remains()
    const { lost } = this.#nemesis
    const ofLost = new Set([...lost].map(({ number }) => (number + 1) as ReplicaId))
    const mustBeThere = [
      ...this.#workload.acknowledged.filter(({ receipt }) => !ofLost.has(receipt.replica)),
      ...this.#barriers.atQuorum.map((receipt) => ({ receipt })),
    ]
    for (const { receipt } of mustBeThere)
      if (receipt.seq > (upTo.get(receipt.replica) ?? Number.POSITIVE_INFINITY))
        throw new Violation(
          'lost-write',
          `transaction ${receipt.seq} of replica ${receipt.replica} was acknowledged, and was lost when that left`,
        )
    const remaining = this.#remaining()
    const { departures } = remaining[0]!.replica!.regions.membership.configuration
    for (const [replica, seq] of upTo)
      for (const node of this.#nodes) {
        if (lost.has(node) || node.number + 1 === replica) continue
        const hadSay =
          remaining.includes(node) ||
          departures.get(replica)?.proposal.voters.includes((node.number + 1) as ReplicaId) === true
        const vector = hadSay ? this.#watch.heldBy(node) : this.#operators!.heldWhenAsked.get(node.region)
        const held = vector?.get(replica) ?? 0
        if (held > seq)
          throw new Violation(
            'lost-write',
            `${node.region} held transaction ${held} of replica ${replica}, which left; now ${seq} is the last`,
          )
      }
  }

  /** What those that stayed hold of what members wrote that left. */
  #remains(): Remains {
    const remaining = this.#remaining()
    const upTo = new Map<ReplicaId, number>()
    const beyond = new Set<string>()
    const merged = remaining[0]!.replica!.vectors.merged
    for (const node of this.#nodes)
      if (!remaining.includes(node)) {
        const replica = (node.number + 1) as ReplicaId
        upTo.set(replica, merged.get(replica))
      }
    for (const [key, bytes] of remaining[0]!.disk.rows('block/')) {
      const writer = replicaOfClient(parseBlockKey(key).client)
      const block = upTo.has(writer) ? decodeBlock(bytes) : undefined
      if (block !== undefined && block.seq > upTo.get(writer)!)
        for (const entry of block.entries) beyond.add(stampKey(decodeEntry(entry).stamp))
    }
    return { upTo, beyond }
  }

  /** Which writes each record is made of in the end. */
  #traceWinners(): void {
    const { replica } = this.#remaining()[0]!
    for (const collection of replica!.collections())
      for (const ordinal of collection.inOrder()) {
        const id = collection.id(ordinal)
        const made = collection
          .history(id)
          .map(({ what, name, stamp }) => `${what}${name ? ` ${name}` : ''} ${stampKey(stamp)}`)
        this.#trace('end', `${collection.name} ${id}: ${made.join(', ')}`)
      }
  }

  /** What the views of one region miss, regions find by their digests and repair. */
  #forget(): void {
    const [victim, writer] = this.#remaining() as [SimNode, SimNode]
    this.#watch.isRepairExpected = true
    this.#trace(victim.region, 'misses what comes')
    const hear = deafen(victim)
    for (let i = 0; i < WRITES_MISSED; i++) this.#workload.step(writer)
    this.#untilSettled()
    hear()
    const start = this.#time.nowMs
    const isEqual = (): boolean => {
      const said = this.#remaining().map(({ replica }) =>
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
    this.#untilSettled()
    this.#checkEqual()
  }

  /** One more region joins, reaches one of the others only, and comes to say the same. */
  #joinLate(): void {
    const late = this.#node(LATE_REGION, this.#nodes.length, true)
    const sponsor = this.#random.pick(this.#remaining())
    late.start()
    this.#nodes.push(late)
    this.#dial(late, sponsor)
    // Any one of them may be retired by what was asked for before.
    if (this.#operators !== undefined)
      for (const peer of this.#nodes) if (peer !== late && peer !== sponsor) this.#dial(late, peer)
    this.#untilSettled()
    this.#checkEqual()
    if (this.#operators !== undefined) this.#addLate(late)
  }

  /** Whatever happened before: a change that is asked for, by everybody linked, comes about. */
  #addLate(late: SimNode): void {
    for (const peer of this.#remaining()) if (peer !== late) this.#dial(peer, late)
    const start = this.#time.nowMs
    for (;;) {
      const [first] = this.#remaining()
      if (late.replica!.regions.membership.standing === 'active' && this.#isSettled()) break
      if (this.#time.nowMs > start + HEAL_WITHIN_MS)
        throw new Violation(
          'liveness',
          `${LATE_REGION} was not added: ${JSON.stringify(first!.replica!.regions.status())}`,
        )
      for (const node of this.#remaining())
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
    const remaining = this.#remaining()
    for (const node of this.#nodes) this.#network.drop(node.number)
    for (const node of remaining) {
      node.crash()
      node.start()
    }
    this.#checkEqual()
  }

  #clients(): void {
    const step = (): void => {
      if (this.#time.nowMs >= this.#forMs) return
      const node = this.#random.pick(this.#nodes)
      if (!this.#isDrill) this.#workload.step(node)
      if (this.#random.chance(0.1)) this.#watch.check(this.#random.pick(this.#nodes))
      if (this.#operators !== undefined) this.#members.check(this.#nodes)
      this.#time.at(this.#random.int(60), step)
    }
    step()
    this.#employ(this.#operators, 300, this.#isDrill ? 150 : 500)
    this.#employ(this.#policies, 500, 1500)
    this.#employ(this.#rot, 1500, 1500)
    if (!this.#withBarriers) return
    const random = new SeededRandom(this.options.seed ^ 0x5bd1e995)
    const probe = (): void => {
      if (this.#time.nowMs >= this.#forMs) return
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
      if (this.#time.nowMs >= this.#forMs) return
      somebody.step()
      this.#time.at(somebody.random.int(pauseMs), act)
    }
    this.#time.at(firstMs, act)
  }

  /** Each pair is dialed by both ends, as configured peers do, with a pause between attempts. */
  #dialForever(node: SimNode): void {
    for (const peer of this.#nodes) if (peer !== node) this.#dial(node, peer)
  }

  #dial(node: SimNode, peer: SimNode): void {
    const dial = (): void => {
      this.#time.at(100 + this.#random.int(900), dial)
      if (node.replica === undefined || peer.replica === undefined) return
      if (node.replica.isLinked(peer.replica.region)) return
      this.#network.connect(node.number, peer.number, (near, far) => {
        if (node.replica === undefined || peer.replica === undefined) return undefined
        return [node.replica.attach(near, { dialed: true }), peer.replica.attach(far, { dialed: false })]
      })
    }
    dial()
  }

  /** All faults end; what must happen then happens within a bound. */
  #heal(): number {
    const start = this.#time.nowMs
    this.#trace('net', 'all faults end')
    this.#network.faults = QUIET
    this.#nemesis.stop()
    this.#untilSettled()
    return this.#time.nowMs - start
  }

  #untilSettled(): void {
    const start = this.#time.nowMs
    while (this.#time.nowMs < start + HEAL_WITHIN_MS) {
      this.#time.runUntil(this.#time.nowMs + 100)
      // A clean stop that began before the faults ended may complete after.
      for (const node of this.#nodes) if (!node.isUp && !this.#nemesis.lost.has(node)) node.start()
      for (const node of this.#nodes)
        if (
          node.joins &&
          node.replica?.regions.membership.standing === 'joining' &&
          node.replica.readOnlyReason()?.code === 'IDENTITY_CONFLICT'
        )
          this.#operators?.giveUp(node)
      this.#operators?.goOnWithout(this.#remaining())
      if (this.#isSettled()) return
    }
    throw new Violation('liveness', `not equal ${HEAL_WITHIN_MS / 1000} s after all faults ended: ${this.#describe()}`)
  }

  #isSettled(): boolean {
    const remaining = this.#remaining()
    // A status says much that is not asked here; most of the time this tells already.
    const merged = remaining[0]?.replica?.vectors.merged
    if (merged === undefined || !remaining.every(({ replica }) => replica?.vectors.merged.equals(merged))) return false
    // What members agree on comes with heartbeats, and may come after the last transaction.
    const configurations = remaining.map(({ replica }) => replica!.regions.membership.configuration.index)
    if (new Set(configurations).size > 1) return false
    const [first, ...rest] = remaining.map((node) => node.replica?.status())
    const lost = [...this.#nemesis.lost].map(({ region }) => region)
    if (lost.some((region) => first?.members.some((each) => each.region === region && each.status !== 'retired')))
      return false
    if (first === undefined || first.deferred + first.orphans > 0) return false
    if (remaining.some((node) => node.disk.damagedCount > 0)) return false
    if (remaining.some((node) => this.#hasToHandOver(node, remaining))) return false
    if (first.damage.unreadable.length > 0) return false
    return rest.every(
      (status) =>
        status !== undefined &&
        status.deferred + status.orphans + status.damage.unreadable.length === 0 &&
        status.vectors.merged.equals(first.vectors.merged),
    )
  }

  /**
   * Whether a member has something in part of a region that left, and another has not taken it yet. Vectors do not tell. What a
   * joining region has of it, it has from members.
   */
  #hasToHandOver({ replica }: SimNode, to: readonly SimNode[]): boolean {
    const { membership } = replica!.regions
    const { leftovers, lacksLeftover, identity } = membership.parts
    if (membership.standing !== 'active') return false
    const of = leftovers.origins().filter((origin) => membership.isLeaving(origin))
    const others = to.map(({ number }) => (number + 1) as ReplicaId).filter((each) => each !== identity.replica)
    return of.some((origin) => others.some((each) => each !== origin && lacksLeftover(each, origin)))
  }

  #describe(): string {
    return this.#nodes
      .map((node) => {
        const status = node.replica?.status()
        const peers = status?.peers
          .map((peer) => `${peer.region} ${peer.state} ${peer.transfer} ${peer.lastError ?? ''}`)
          .join(', ')
        const regions = node.replica?.regions.status()
        const pending = regions?.pending.map(
          ({ change, region, forced, missing, obstacle }) =>
            `${change} ${region}${forced ? ' by force' : ''}, missing ${missing}: ${obstacle}`,
        )
        const members = regions?.members.map((each) => `${each.region} ${each.status}`)
        return `${node.region} ${JSON.stringify(status?.vectors.merged)} deferred ${status?.deferred} orphans ${status?.orphans} (${peers}) configuration ${regions?.configuration} [${members}] <${pending?.join('; ')}>`
      })
      .join('; ')
  }

  #report(healedInMs: number): SimulationReport {
    const remaining = this.#remaining()
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
