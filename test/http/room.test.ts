import { once } from 'node:events'
import { ExactIndex } from '@meridian/index'
import { createLog, parseConfig, startServer } from '@meridian/server'
import { MemoryStorage } from '@meridian/storage'
import { expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const open = () => {
  const config = parseConfig({ region: 'eu', port: '0', 'api-key': 'key', 'log-level': 'silent' })
  return startServer(config, createLog(config), {
    openStorage: async () => new MemoryStorage(),
    openIndex: () => new ExactIndex(),
  })
}
const put = (url: string, path: string, body: unknown) =>
  fetch(url + path, {
    method: 'PUT',
    headers: { 'api-key': 'key', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

/** Blocks in all lanes of a shard's document. */
const blocks = (doc: Y.Doc): number => [...doc.share.keys()].reduce((sum, lane) => sum + doc.getArray(lane).length, 0)

test('[HT92] a stock provider opens a shard, has its blocks, and follows live writes', async () => {
  await using server = await open()
  await put(server.url, '/collections/c', { vectors: { size: 2, distance: 'Dot' }, shard_number: 1 })
  await put(server.url, '/collections/c/points', { points: [{ id: 1, vector: [1, 2] }] })
  const doc = new Y.Doc()
  const options = { WebSocketPolyfill: WebSocket as never, params: { 'api-key': 'key' }, disableBc: true }
  const provider = new WebsocketProvider(`${server.url.replace('http', 'ws')}/sync`, 'c/0', doc, options)
  try {
    await vi.waitFor(() => expect(provider.synced).toBe(true), { timeout: 10_000 })
    await vi.waitFor(() => expect(blocks(doc)).toBe(1))
    await put(server.url, '/collections/c/points', { points: [{ id: 2, vector: [1, 2] }] })
    await vi.waitFor(() => expect(blocks(doc)).toBe(2))
    expect(Y.encodeStateVector(doc)).toEqual(Y.encodeStateVector(server.replica.shardDocument('c', 0)!.doc))
  } finally {
    provider.destroy()
  }
})

test('[HT92] without the key no room opens', async () => {
  await using server = await open()
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/sync/c/0`)
  const [error] = await once(socket, 'error')
  expect(error.message).toContain('401')
})
