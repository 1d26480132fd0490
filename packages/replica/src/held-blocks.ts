import { type CollectionUid, type Log, type Storage, StoreError } from '@meridian/core'
import { parseBlockKey } from '@meridian/shard'
import type { ShardStore } from './shard-store.js'
import type { Stage } from './stage.js'

const PREFIX = 'held/'
/** Prefix of every held block of a collection. */
export const heldPrefix = (uid: CollectionUid): string => `${PREFIX}${uid}/`
const heldKey = (blockKey: string): string => PREFIX + blockKey.slice('block/'.length)
const parseHeldKey = (key: string) => parseBlockKey(`block/${key.slice(PREFIX.length)}`)

/**
 * Blocks that their owner removed while this replica still sets their superseders aside, as stamps of the future. They show
 * here until that time comes, so their bytes outlive a restart: else a record would blink out.
 */
export class HeldBlocks {
  /** Keys by shard, as `<uid>/<shard>`. */
  readonly #keys = new Map<string, Set<string>>()

  constructor(
    readonly storage: Storage,
    readonly log: Log,
  ) {
    for (const key of storage.keys(PREFIX)) this.#add(key)
  }

  #add(key: string): void {
    const { uid, shard } = parseHeldKey(key)
    const keys = this.#keys.get(`${uid}/${shard}`)
    if (keys === undefined) this.#keys.set(`${uid}/${shard}`, new Set([key]))
    else keys.add(key)
  }

  /** Keeps a block in the commit that removes it. */
  stage(stage: Stage, store: ShardStore, client: number, clock: number): void {
    const key = heldKey(store.key(client, clock))
    stage.put(key, store.read(client, clock))
    stage.durable.push(() => this.#add(key))
  }

  /** Whether any block is held for a shard. */
  isHolding({ uid, shard }: ShardStore): boolean {
    return this.#keys.has(`${uid}/${shard}`)
  }

  *blocks({ uid, shard }: ShardStore): Iterable<{ client: number; clock: number; bytes: Uint8Array }> {
    for (const key of this.#keys.get(`${uid}/${shard}`) ?? []) {
      let bytes: Uint8Array | undefined
      try {
        bytes = this.storage.get(key)
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        this.log.error({ error_code: error.code }, `a held block is unreadable: ${error.message}`)
      }
      if (bytes !== undefined) yield { ...parseHeldKey(key), bytes }
    }
  }

  /** Stages the end of what is held for shards in which nothing waits for its time. */
  clean(stage: Stage, isSettled: (uid: CollectionUid, shard: number) => boolean): void {
    for (const [name, keys] of this.#keys) {
      const { uid, shard } = parseHeldKey([...keys][0]!)
      if (!isSettled(uid, shard)) continue
      for (const key of keys) stage.ops.push({ type: 'delete', key })
      stage.durable.push(() => this.#keys.delete(name))
    }
  }
}
