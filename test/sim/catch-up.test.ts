import { HNSW_DEFAULT, type ReplicaId } from '@meridian/core'
import { SeededRandom } from '@meridian/core/testing'
import { SimClock, SimDisk, SimNetwork, SimNode, VirtualTime } from '@meridian/sim'
import { expect, test } from 'vitest'

/** Two regions over a sound network that a test cuts and heals. */
class Pair {
  readonly time = new VirtualTime()
  readonly random = new SeededRandom(1)
  readonly network = new SimNetwork(this.time, this.random)
  readonly nodes = ['eu', 'us'].map((region, number) => {
    const clock = new SimClock(this.time, 0, 0)
    const disk = new SimDisk(this.time, this.random, { syncMinMs: 1, syncMaxMs: 3 }, () => {})
    return new SimNode(number, region, this.time, clock, disk, this.random, {}, () => {}, {}, undefined)
  })

  constructor() {
    for (const node of this.nodes) node.start()
    this.#dial()
  }

  #dial(): void {
    const [eu, us] = this.nodes.map((node) => node.replica!)
    if (!eu!.isLinked(us!.region))
      this.network.connect(0, 1, (near, far) => [
        eu!.attach(near, { dialed: true }),
        us!.attach(far, { dialed: false }),
      ])
    this.time.at(500, () => this.#dial())
  }

  cut(isCut: boolean): void {
    this.network.setCut(0, 1, isCut)
    this.network.setCut(1, 0, isCut)
  }

  write(number: number, ids: readonly number[]): void {
    const vector = (): Float32Array => Float32Array.from({ length: 64 }, () => this.random.float())
    const ops = ids.map((id) => {
      const roll = this.random.float()
      if (roll < 0.2) return { kind: 'delete' as const, id }
      if (roll < 0.8)
        return { kind: 'put' as const, id, vectors: new Map([['', vector()]]), payload: { n: this.random.int(9) } }
      return {
        kind: 'patch' as const,
        id,
        clear: false,
        set: { edited: this.random.int(9) },
        unset: [],
        vectors: new Map(),
        dropVectors: [],
      }
    })
    this.nodes[number]!.replica!.write({ collection: 'c', ops }, (outcome) => expect(outcome.ok).toBe(true))
  }

  run(ms: number): void {
    this.time.runUntil(this.time.nowMs + ms)
  }

  isEqual(): boolean {
    const [eu, us] = this.nodes.map((node) => node.replica!.status().vectors.merged)
    return eu!.equals(us!)
  }
}

test('[SM30] after a cut, catching up costs less than 1.3 times the bytes of what was missed', () => {
  const pair = new Pair()
  pair.run(1000)
  const [eu, us] = pair.nodes.map((node) => node.replica!)
  eu!.createCollection('c', { shards: 2, vectors: { '': { size: 64, metric: 'Dot', hnsw: HNSW_DEFAULT } } }, () => {})
  pair.run(2000)
  const batch = (): number[] => Array.from({ length: 20 }, () => pair.random.int(2000))
  for (let i = 0; i < 40; i++) {
    pair.write(i % 2, batch())
    pair.run(50)
  }
  pair.run(2000)
  expect(pair.isEqual()).toBe(true)
  pair.cut(true)
  for (let i = 0; i < 300; i++) {
    pair.write(i % 2, batch())
    pair.run(100)
  }
  pair.run(1000)
  const missed = [eu!, us!].reduce((sum, replica) => sum + replica.status().peers[0]!.behind.bytes, 0)
  expect(missed).toBeGreaterThan(500_000)
  const before = pair.network.bytes
  pair.cut(false)
  for (let waitedMs = 0; !pair.isEqual(); waitedMs += 100) {
    expect(waitedMs).toBeLessThan(5000)
    pair.run(100)
  }
  expect((pair.network.bytes - before) / missed).toBeLessThan(1.3)
  const digests = pair.nodes.map((node) =>
    JSON.stringify(
      node
        .replica!.collection('c')
        .digests()
        .map(({ digest }) => digest),
    ),
  )
  expect(digests[0]).toBe(digests[1])
})

test('[SM10] a region that is refused by a full disk takes writes again when there is room', () => {
  const pair = new Pair()
  pair.nodes[0]!.disk.isFull = true
  pair.run(3000)
  pair.nodes[0]!.disk.isFull = false
  pair.run(5000)
  const eu = pair.nodes[0]!.replica!
  eu.createCollection('c', { shards: 1, vectors: { '': { size: 64, metric: 'Dot', hnsw: HNSW_DEFAULT } } }, () => {})
  pair.run(1000)
  expect(pair.nodes.map((node) => node.replica!.status().members.length)).toEqual([2, 2])
  pair.nodes[0]!.disk.isFull = true
  const outcomes: boolean[] = []
  const write = (): void =>
    eu.write({ collection: 'c', ops: [{ kind: 'delete', id: 1 }] }, ({ ok }) => outcomes.push(ok))
  write()
  pair.run(100)
  pair.nodes[0]!.disk.isFull = false
  write()
  pair.run(2000)
  expect(outcomes).toEqual([false, true])
  expect(pair.isEqual()).toBe(true)
  expect(pair.nodes[1]!.replica!.status().vectors.merged.get(1 as ReplicaId)).toBeGreaterThan(0)
})
