import { randomUUID } from 'node:crypto'
import { Embeddings } from '@langchain/core/embeddings'
import { QdrantVectorStore } from '@langchain/qdrant'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRegions, type Regions } from './kit/regions.js'
import { embedWords } from './kit/word-embeddings.js'

class WordEmbeddings extends Embeddings {
  embedQuery = async (text: string): Promise<number[]> => embedWords(text)
  embedDocuments = async (texts: string[]): Promise<number[][]> => texts.map(embedWords)
}

const TEXTS = ['cat cat', 'cat cat dog', 'ship sea', 'bread wine']

for (const count of [1, 3])
  describe(`@langchain/qdrant, each request to the next of ${count} regions`, () => {
    let regions: Regions
    beforeAll(async () => {
      regions = await openRegions(count)
    })
    afterAll(() => regions[Symbol.asyncDispose]())

    const filled = (collectionName: string) =>
      QdrantVectorStore.fromTexts(
        TEXTS,
        TEXTS.map((_, n) => ({ n })),
        new WordEmbeddings({}),
        { url: regions.url, collectionName },
      )
    const texts = (documents: readonly { pageContent: string }[]): string[] => documents.map((each) => each.pageContent)

    test('[CX4] adds, making the collection, and searches with scores', async () => {
      const store = await filled('search')
      const found = await store.similaritySearchWithScore('cat', 2)
      expect(found.map(([document, score]) => [document.pageContent, document.metadata, score.toFixed(3)])).toEqual([
        ['cat cat', { n: 0 }, '1.000'],
        ['cat cat dog', { n: 1 }, '0.894'],
      ])
      await store.addDocuments([{ pageContent: 'wine', metadata: { n: 9 } }])
      const again = await QdrantVectorStore.fromExistingCollection(new WordEmbeddings({}), {
        url: regions.url,
        collectionName: 'search',
      })
      expect(texts(await again.similaritySearch('wine', 2))).toEqual(['wine', 'bread wine'])
    })

    test('[CX4] searches within a filter', async () => {
      const store = await filled('filter')
      const filter = { must: [{ key: 'metadata.n', range: { gte: 1 } }] }
      expect(texts(await store.similaritySearch('cat', 1, filter))).toEqual(['cat cat dog'])
    })

    test('[CX4] picks diverse answers by marginal relevance', async () => {
      const store = await filled('mmr')
      const near = await store.maxMarginalRelevanceSearch('cat cat ship', { k: 2, fetchK: 4, lambda: 0 })
      expect(texts(near)).toEqual(['cat cat', 'cat cat dog'])
      const diverse = await store.maxMarginalRelevanceSearch('cat cat ship', { k: 2, fetchK: 4, lambda: 0.9 })
      expect(texts(diverse)[0]).toBe('cat cat')
      expect(texts(diverse)[1]).not.toBe('cat cat dog')
    })

    test('[CX4] deletes by id and by filter', async () => {
      const store = await filled('delete')
      const id = randomUUID()
      await store.addDocuments([{ id, pageContent: 'sea', metadata: { n: 7 } }])
      expect(texts(await store.similaritySearch('sea', 1))).toEqual(['sea'])
      await store.delete({ ids: [id] })
      expect(texts(await store.similaritySearch('sea', 1))).toEqual(['ship sea'])
      await store.delete({ filter: { must: [{ key: 'metadata.n', match: { value: 2 } }] } })
      expect(texts(await store.similaritySearch('sea', 4))).not.toContain('ship sea')
    })
  })
