import { Embeddings } from '@langchain/core/embeddings'
import { MeridianClient } from '@meridian/client'
import { MeridianVectorStore } from '@meridian/langchain'
import { QdrantVectorStore } from '@langchain/qdrant'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openServers } from './kit/regions.js'
import { embedWords } from './kit/word-embeddings.js'

class WordEmbeddings extends Embeddings {
  embedQuery = async (text: string): Promise<number[]> => embedWords(text)
  embedDocuments = async (texts: string[]): Promise<number[][]> => texts.map(embedWords)
}

const TEXTS = ['cat cat', 'cat cat dog', 'ship sea', 'bread wine']
const embeddings = new WordEmbeddings({})
let servers: Awaited<ReturnType<typeof openServers>>
let urls: string[]

beforeAll(async () => {
  servers = await openServers(3)
  urls = servers.map(({ url }) => url)
})
afterAll(() => Promise.all(servers.map((server) => server.close())))

const filled = (collectionName: string) =>
  MeridianVectorStore.fromTexts(
    TEXTS,
    TEXTS.map((_, n) => ({ n })),
    embeddings,
    { url: urls, collectionName, batchSize: 3 },
  )
const texts = (documents: readonly { pageContent: string }[]): string[] => documents.map((each) => each.pageContent)

test('[LC1] what was added is found at once, with scores, texts and metadata', async () => {
  const store = await filled('search')
  const found = await store.similaritySearchWithScore('cat', 2)
  expect(found.map(([document, score]) => [document.pageContent, document.metadata, score.toFixed(3)])).toEqual([
    ['cat cat', { n: 0 }, '1.000'],
    ['cat cat dog', { n: 1 }, '0.894'],
  ])
  for (let i = 0; i < 20; i++) {
    const [id] = await store.addDocuments([{ pageContent: 'wine', metadata: { i } }], { ids: [`wine-${i}`] })
    expect((await store.similaritySearch('wine', 30)).map((document) => document.id)).toContain(id)
  }
})

test('[LC2] a filter narrows a search, and marginal relevance goes from nearest to most diverse', async () => {
  const store = await filled('choose')
  const filter = { must: [{ key: 'metadata.n', range: { gte: 1 } }] }
  expect(texts(await store.similaritySearch('cat', 1, filter))).toEqual(['cat cat dog'])
  const query = 'cat cat ship'
  expect(texts(await store.maxMarginalRelevanceSearch(query, { k: 2, lambda: 1 }))).toEqual(['cat cat', 'cat cat dog'])
  const diverse = texts(await store.maxMarginalRelevanceSearch(query, { k: 2, lambda: 0.1 }))
  expect(diverse[0]).toBe('cat cat')
  expect(diverse[1]).not.toBe('cat cat dog')
  expect(texts(await store.maxMarginalRelevanceSearch(query, { k: 1, filter }))).toEqual(['cat cat dog'])
})

test('[LC3] deletes by id and by filter', async () => {
  const store = await filled('delete')
  const ids = await store.addDocuments([{ id: 'mine', pageContent: 'sea', metadata: { n: 7 } }])
  expect(ids).toEqual(['mine'])
  await store.delete({ ids })
  expect(texts(await store.similaritySearch('sea', 1))).toEqual(['ship sea'])
  await store.delete({ filter: { must: [{ key: 'metadata.n', match: { value: 2 } }] } })
  expect(texts(await store.similaritySearch('sea', 4))).not.toContain('ship sea')
})

test('[LC4] the official LangChain store reads the same collection', async () => {
  const store = await filled('shared')
  const official = new QdrantVectorStore(embeddings, { url: store.client.url, collectionName: 'shared' })
  expect(texts(await official.similaritySearch('bread', 1))).toEqual(['bread wine'])
  await official.addDocuments([{ pageContent: 'bread', metadata: {} }])
  expect(texts(await store.similaritySearch('bread', 1))).toEqual(['bread'])
})

test('[LC5] two stores that make one collection at once both succeed; a wrong size is refused', async () => {
  const client = new MeridianClient({ url: urls[0]! })
  const stores = [1, 2].map(() => new MeridianVectorStore(embeddings, { client, collectionName: 'raced' }))
  await Promise.all(stores.map((store, i) => store.addDocuments([{ pageContent: TEXTS[i]!, metadata: {} }])))
  expect(await client.count('raced')).toBe(2)
  await expect(stores[0]!.addVectors([[1]], [{ pageContent: '', metadata: {} }])).rejects.toMatchObject({ status: 400 })
  expect(() => new MeridianVectorStore(embeddings, { collectionName: 'x' })).toThrow(TypeError)
})
