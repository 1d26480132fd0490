import {
  decodeBlock,
  decodeEntry,
  EMPTY_STATE,
  merge,
  type PointId,
  type RecordState,
  stateOf,
  type VisibleRecord,
  visible,
} from '@meridian/core'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { until } from './until.js'

/** A collection as a stock `WebsocketProvider` for each shard holds it, read with nothing but `core`. */
export class RoomReader implements Disposable {
  readonly docs: readonly Y.Doc[]
  readonly #providers: readonly WebsocketProvider[]

  constructor(url: string, collection: string, shards: number) {
    this.docs = Array.from({ length: shards }, () => new Y.Doc())
    this.#providers = this.docs.map(
      (doc, shard) =>
        new WebsocketProvider(`${url.replace('http', 'ws')}/sync`, `${collection}/${shard}`, doc, {
          WebSocketPolyfill: WebSocket as never,
          disableBc: true,
        }),
    )
  }

  async synced(): Promise<void> {
    await until('every room is synced', () => this.#providers.every((provider) => provider.synced))
  }

  get isConnected(): boolean {
    return this.#providers.every((provider) => provider.wsconnected)
  }

  /** The records that all blocks of all lanes amount to. */
  records(): Map<PointId, VisibleRecord> {
    const states = new Map<PointId, RecordState>()
    for (const doc of this.docs)
      for (const lane of doc.share.keys())
        for (const block of doc.getArray<unknown>(lane)) {
          if (!(block instanceof Uint8Array)) continue
          for (const bytes of decodeBlock(block).entries) {
            const entry = decodeEntry(bytes)
            states.set(entry.id, merge(states.get(entry.id) ?? EMPTY_STATE, stateOf(entry)))
          }
        }
    const records = new Map<PointId, VisibleRecord>()
    for (const [id, state] of states) {
      const record = visible(state)
      if (record !== undefined) records.set(id, record)
    }
    return records
  }

  [Symbol.dispose](): void {
    for (const provider of this.#providers) provider.destroy()
    for (const doc of this.docs) doc.destroy()
  }
}
