import type { JsonObject } from '@meridian/client'
import { CliError } from '../exit.js'
import { Cut } from './cut.js'
import { COLLECTION, type DemoRegion, until, untilEqual } from './demo-region.js'
import { clock, type Edit, edit, reason } from './edit.js'
import { EMBEDDING_DIMS, embed } from './embedder.js'
import { makeProducts, type Product, productText } from './products.js'
import { areEqual, cells, columns, look, type Seen, search } from './seen.js'

export interface StoryOptions {
  readonly regions: readonly DemoRegion[]
  readonly products: number
  readonly seed: number
  readonly keep: boolean
  readonly print: (text: string) => void
  readonly signal: AbortSignal
}

const BATCH = 250
const QUERIES = [
  'waterproof hiking boots',
  'quiet espresso machine for small kitchens',
  'two-person tent for nights in the rain',
]
const FRESH_ID = 1_000_000
const price = (payload: JsonObject): string => `${payload.price}`
const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
const count = (value: number): string => value.toLocaleString('en')

/**
 * What the demo shows, step by step. Each step waits for what it claims, and throws when it does not come true.
 * @throws CliError when regions do not agree; ClientError when one cannot be reached.
 */
export class Story {
  readonly #options: StoryOptions
  readonly #regions: readonly DemoRegion[]
  readonly #names: readonly string[]
  readonly #all: string

  constructor(options: StoryOptions) {
    this.#options = options
    this.#regions = options.regions
    this.#names = options.regions.map((region) => region.name)
    this.#all = this.#names.join(', ')
  }

  async tell(): Promise<void> {
    const { products, keep, print } = this.#options
    print(`\nMeridian demo: regions ${this.#all}, one collection, ${count(products)} products\n`)
    await this.#prepare()
    await this.#writeEverywhere()
    await this.#editTogether()
    await this.#cutAndHeal()
    await this.#searchEverywhere()
    if (!keep) await this.#regions[0]!.client.deleteCollection(COLLECTION)
    print(
      keep
        ? `The collection ${COLLECTION} stays; meridian status shows it.\n`
        : `The collection ${COLLECTION} is deleted again; --keep keeps it.\n`,
    )
  }

  async #prepare(): Promise<void> {
    const { signal } = this.#options
    const [first] = this.#regions
    const exist = (wanted: boolean) => async (): Promise<true | undefined> => {
      const found = await Promise.all(this.#regions.map(({ client }) => client.collectionExists(COLLECTION)))
      return found.every((each) => each === wanted) ? true : undefined
    }
    for (const { client } of this.#regions) await client.deleteCollection(COLLECTION)
    await until('the deletion of an earlier demo collection', exist(false), signal)
    await first!.client.createCollection(COLLECTION, { vectors: { size: EMBEDDING_DIMS, distance: 'Cosine' } })
    await until('the collection in every region', exist(true), signal)
  }

  async #writeEverywhere(): Promise<void> {
    const { products, seed, print, signal } = this.#options
    print('1. All regions take writes at the same time, an equal part of the products each.')
    const all = makeProducts(seed, products)
    const startMs = performance.now()
    const lines = await Promise.all(
      this.#regions.map(async (region, index) => {
        const part = all.filter((product) => product.id % this.#regions.length === index)
        for (let at = 0; at < part.length; at += BATCH) await this.#put(region, part.slice(at, at + BATCH))
        return [region.name, `took ${count(part.length)} products in ${seconds(performance.now() - startMs)}`]
      }),
    )
    const { live, afterMs } = await untilEqual(this.#regions, signal)
    if (live !== products) throw new CliError(`every region holds ${live} products, but ${products} were written`)
    print(
      `${columns(lines)}\n     ${seconds(afterMs)} later each of them holds all ${count(live)}, with equal digests.\n`,
    )
  }

  #put(region: DemoRegion, products: readonly Product[]): Promise<unknown> {
    const points = products.map(({ id, ...payload }) => ({
      id,
      vector: embed(productText({ id, ...payload })),
      payload: { ...payload },
    }))
    return region.client.upsert(COLLECTION, points, { wait: false, signal: this.#options.signal })
  }

  async #editTogether(): Promise<void> {
    const { print, signal } = this.#options
    const [one, two] = this.#regions as [DemoRegion, DemoRegion]
    const ids = [11, 12, 13, 14]
    print(`2. ${one.name} and ${two.name} change the price of the same products at the same moment.`)
    const pairs = await Promise.all(
      ids.map((id) =>
        Promise.all([edit(one, id, { price: id + 0.5 }, signal), edit(two, id, { price: id * 10 }, signal)]),
      ),
    )
    await untilEqual(this.#regions, signal)
    const seen = await look(this.#regions, ids, signal)
    const rows = pairs.map(([a, b]) => [
      `#${a.id}`,
      `${a.set.price}`,
      `${b.set.price}`,
      ...cells(seen, a.id, price),
      this.#verdict(seen, a, b),
    ])
    print(
      columns([['', `${one.name} set`, `${two.name} set`, ...this.#names.map((name) => `in ${name}`), 'why'], ...rows]),
    )
    print('     Nobody was asked to wait: each edit carries a stamp, and the newer stamp wins in every region.\n')
  }

  /** Who won a price that two edits contested, and why. @throws CliError unless all regions show the same winner. */
  #verdict(seen: Seen, a: Edit, b: Edit): string {
    const shown = cells(seen, a.id, price)
    const winner = [a, b].find((each) => `${each.set.price}` === shown[0])
    if (!areEqual(shown) || winner === undefined)
      throw new CliError(`the regions do not agree on the price of product ${a.id}: ${shown.join(', ')}`)
    return reason(winner, winner === a ? b : a)
  }

  async #cutAndHeal(): Promise<void> {
    const { print, signal } = this.#options
    const lone = this.#regions.at(-1)!
    const others = this.#regions.slice(0, -1)
    const [main] = others as [DemoRegion]
    print(
      `3. ${lone.name} is cut off from ${others.map((other) => other.name).join(' and ')}. Both sides go on writing.`,
    )
    const cut = await Cut.open(lone, others, signal)
    let apart: ApartWrites
    try {
      apart = await this.#writeApart(main, lone)
      await untilEqual(others, signal)
      const seen = await look(this.#regions, apart.ids, signal)
      const counts = await Promise.all(this.#regions.map(({ client }) => client.count(COLLECTION)))
      print(columns(apart.log))
      print('     What each region sees meanwhile:')
      print(columns(this.#table(apart, seen, counts)))
      const info = await main.client.cluster()
      const behind = info.peers.find((peer) => peer.region === lone.name)?.behind
      if (behind)
        print(
          `     ${main.name} knows that ${lone.name} lacks ${behind.writes} of its writes (${behind.bytes} bytes, ${behind.seconds.toFixed(1)} s).\n`,
        )
    } finally {
      await cut.heal()
    }
    print('4. The links are back.')
    const { live, afterMs } = await untilEqual(this.#regions, signal)
    const seen = await look(this.#regions, apart.ids, signal)
    print(`     ${seconds(afterMs)} after healing all digests are equal. What each region sees now:`)
    print(
      columns(
        this.#table(
          apart,
          seen,
          this.#regions.map(() => live),
        ),
      ),
    )
    print(`     #21: ${this.#verdict(seen, ...apart.first)}.`)
    print(`     #22: ${this.#verdict(seen, ...apart.second)}.`)
    this.#expect(seen, 23, (payload) => `${payload.price}/${payload.stock}`, '23.5/7')
    print('     #23: one side set the price, the other the stock: fields merge on their own, so both edits stand.')
    this.#expect(seen, 24, () => 'alive', '-')
    print('     #24: deleted on one side, edited later on the other: an edit does not bring a deleted record back.')
    for (const id of [FRESH_ID, FRESH_ID + 1]) this.#expect(seen, id, () => 'there', 'there')
    print('     New products of both sides are everywhere; nothing was lost and nobody resolved anything by hand.\n')
  }

  #expect(seen: Seen, id: number, text: (payload: JsonObject) => string, wanted: string): void {
    const shown = cells(seen, id, text)
    if (shown.some((each) => each !== wanted))
      throw new CliError(`product ${id} should be ${wanted} everywhere, but is ${shown.join(', ')}`)
  }

  async #writeApart(main: DemoRegion, lone: DemoRegion): Promise<ApartWrites> {
    const { seed, signal } = this.#options
    const log: string[][] = []
    const told = async (region: DemoRegion, id: number, set: JsonObject, what: string): Promise<Edit> => {
      const done = await edit(region, id, set, signal)
      log.push([clock(done.ackedMs), region.name, what])
      return done
    }
    const a = await told(main, 21, { price: 21.5 }, '#21 price 21.5')
    const b = await told(lone, 21, { price: 210 }, '#21 price 210')
    const c = await told(lone, 22, { price: 220 }, '#22 price 220')
    const d = await told(main, 22, { price: 22.5 }, '#22 price 22.5')
    await told(main, 23, { price: 23.5 }, '#23 price 23.5')
    await told(lone, 23, { stock: 7 }, '#23 stock 7')
    await main.client.delete(COLLECTION, { points: [24] }, { signal })
    log.push([clock(Date.now()), main.name, '#24 deleted'])
    await told(lone, 24, { stock: 5 }, '#24 stock 5')
    const [left, right] = makeProducts(seed + 1, 2, FRESH_ID)
    await Promise.all([this.#put(main, [left!]), this.#put(lone, [right!])])
    log.push([clock(Date.now()), 'both', `one new product each, #${left!.id} and #${right!.id}`])
    return { log, ids: [21, 22, 23, 24, left!.id, right!.id], first: [a, b], second: [c, d] }
  }

  #table(apart: ApartWrites, seen: Seen, counts: readonly number[]): string[][] {
    const shown = (id: number, what: string, text: (payload: JsonObject) => string): string[] => [
      `#${id} ${what}`,
      ...cells(seen, id, text),
    ]
    const [, , , , left, right] = apart.ids as [number, number, number, number, number, number]
    return [
      ['', ...this.#names],
      shown(21, 'price', price),
      shown(22, 'price', price),
      shown(23, 'price, stock', (payload) => `${payload.price}, ${payload.stock}`),
      shown(24, 'stock', (payload) => `${payload.stock}`),
      shown(left, '', () => 'there'),
      shown(right, '', () => 'there'),
      ['products', ...counts.map(count)],
    ]
  }

  async #searchEverywhere(): Promise<void> {
    const { print, signal } = this.#options
    print(`5. The same search in ${this.#all}.`)
    for (const query of QUERIES) {
      const [first, ...rest] = await search(this.#regions, embed(query), 5, signal)
      if (first!.length === 0 || !rest.every((hits) => areEqual([hits.join(), first!.join()])))
        throw new CliError(
          `the regions answer "${query}" differently: ${[first, ...rest].map((hits) => hits!.join(', ')).join(' / ')}`,
        )
      print(`     "${query}": the same 5 in every region`)
      for (const hit of first!.slice(0, 3)) print(`        ${hit}`)
    }
    const { live, digest } = await untilEqual(this.#regions, signal)
    print(`     ${count(live)} products in each of ${this.#all}; digests equal (${digest} ...).\n`)
  }
}

interface ApartWrites {
  readonly log: string[][]
  readonly ids: readonly number[]
  /** Contested prices: in the first, the lone region wrote last; in the second, the other one. */
  readonly first: readonly [Edit, Edit]
  readonly second: readonly [Edit, Edit]
}
