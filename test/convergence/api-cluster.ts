import type { ReplicaId } from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import type { Settings } from '@meridian/replica'
import { type InProcessRegion, type InProcessReply, serveInProcess } from '@meridian/server/testing'
import { Oracle, QUIET, SimClock, SimDisk, SimNetwork, SimNode, VirtualTime } from '@meridian/sim'

const REGIONS = ['eu', 'us', 'ap']
/** Longest wait in virtual time for what must come. */
const WITHIN_MS = 60_000

export interface ClusterOptions {
  readonly regions: number
  readonly seed: number
  /** How far each region's clock is off. */
  readonly clockOffsetsMs?: readonly number[]
  readonly settings?: Partial<Settings>
}

interface Member {
  readonly node: SimNode
  readonly api: InProcessRegion
}

/**
 * Regions in virtual time, each behind the whole HTTP application without sockets. Nothing happens but while a method that
 * steps the clock runs.
 */
export class ApiCluster {
  readonly #time = new VirtualTime()
  readonly #network: SimNetwork
  readonly #random: SeededRandom
  readonly #members: Member[] = []
  readonly #oracle = new Oracle()
  #pending = 0

  private constructor(readonly options: ClusterOptions) {
    this.#random = new SeededRandom(options.seed)
    this.#network = new SimNetwork(this.#time, this.#random.fork())
    this.#network.faults = QUIET
  }

  static async open(options: ClusterOptions): Promise<ApiCluster> {
    const cluster = new ApiCluster(options)
    for (let number = 0; number < options.regions; number++) cluster.#members.push(await cluster.#start(number))
    for (const { node } of cluster.#members)
      for (const peer of cluster.#members) if (peer.node !== node) cluster.#dial(node, peer.node)
    return cluster
  }

  async #start(number: number): Promise<Member> {
    const { settings = {}, clockOffsetsMs = [] } = this.options
    const clock = new SimClock(this.#time, clockOffsetsMs[number] ?? 0, 0)
    const disk = new SimDisk(this.#time, this.#random.fork(), { syncMinMs: 0.1, syncMaxMs: 3 }, (ops) =>
      this.#oracle.heard((number + 1) as ReplicaId, ops),
    )
    const node = new SimNode(
      number,
      REGIONS[number]!,
      this.#time,
      clock,
      disk,
      this.#random.fork(),
      settings,
      () => {},
      {},
      undefined,
    )
    node.start()
    return { node, api: await serveInProcess(node.replica!, node.index) }
  }

  #dial(node: SimNode, peer: SimNode): void {
    const dial = (): void => {
      this.#time.at(50 + this.#random.int(100), dial)
      if (node.replica!.isLinked(peer.replica!.region)) return
      this.#network.connect(node.number, peer.number, (near, far) => [
        node.replica!.attach(near, { dialed: true }),
        peer.replica!.attach(far, { dialed: false }),
      ])
    }
    dial()
  }

  /** Every entry that some region wrote first hand, in no order. */
  get written(): ReturnType<Oracle['written']>[] {
    return [...this.#oracle.lanes().values()].flat().map(({ entry }) => entry)
  }

  replica(region: number) {
    return this.#members[region]!.node.replica!
  }

  /** Sends a request; it is at the disk when this returns, and answered while the clock goes on. */
  async begin(region: number, method: string, path: string, body?: unknown): Promise<{ reply?: InProcessReply }> {
    const asked: { reply?: InProcessReply } = {}
    this.#pending++
    void this.#members[region]!.api.send(method, path, body).then((reply) => {
      asked.reply = reply
      this.#pending--
    })
    await turn()
    return asked
  }

  /** Sends a request and steps the clock until it is answered. */
  async call(region: number, method: string, path: string, body?: unknown): Promise<InProcessReply> {
    const asked = await this.begin(region, method, path, body)
    await this.until(() => asked.reply !== undefined, `an answer to ${method} ${path}`)
    return asked.reply!
  }

  async run(forMs: number): Promise<void> {
    this.#time.runUntil(this.#time.nowMs + forMs)
    await turn()
  }

  async until(isDone: () => boolean, what: string): Promise<void> {
    const end = this.#time.nowMs + WITHIN_MS
    while (!isDone()) {
      if (this.#time.nowMs > end) throw new Error(`${what} did not come within ${WITHIN_MS} ms`)
      await this.run(10)
    }
  }

  /** In one way. */
  cut(from: number, to: number): void {
    this.#network.setCut(from, to, true)
  }

  heal(): void {
    this.#network.healAll()
  }

  /** Heals, and waits until all is answered and every region holds and shows the same transactions. */
  async settle(): Promise<void> {
    this.heal()
    const isSettled = (): boolean => {
      const [first, ...rest] = this.#members.map(({ node }) => node.replica!.status())
      return (
        this.#pending === 0 &&
        first!.deferred === 0 &&
        rest.every((status) => status.deferred === 0 && status.vectors.merged.equals(first!.vectors.merged))
      )
    }
    await this.until(isSettled, 'equality of all regions')
  }

  close(): void {
    for (const { node } of this.#members) node.crash()
  }
}

/** Lets everything run that waits for nothing but its turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
