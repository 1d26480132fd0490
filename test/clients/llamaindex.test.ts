import { BaseEmbedding } from '@llamaindex/core/embeddings'
import { TextNode } from '@llamaindex/core/schema'
import {
  FilterCondition,
  FilterOperator,
  type MetadataFilter,
  VectorStoreQueryMode,
} from '@llamaindex/core/vector-store'
import { QdrantVectorStore } from '@llamaindex/qdrant'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openRegions, type Regions } from './kit/regions.js'
import { embedWords } from './kit/word-embeddings.js'

class WordEmbedding extends BaseEmbedding {
  // The inherited one is protected.
  // biome-ignore lint/complexity/noUselessConstructor: as above
  constructor() {
    super()
  }
  getTextEmbedding = async (text: string): Promise<number[]> => embedWords(text)
}

const NODES = [
  { text: 'cat cat', doc: 'pets', n: 1, tone: 'warm' },
  { text: 'cat cat dog', doc: 'pets', n: 2, tone: 'loud' },
  { text: 'cat ship', doc: 'travel', n: 3, tone: 'warm' },
  { text: 'bread wine', doc: 'food', n: 4 },
]

for (const count of [1, 3])
  describe(`@llamaindex/qdrant, each request to the next of ${count} regions`, () => {
    let regions: Regions
    let store: QdrantVectorStore
    let made = 0

    beforeAll(async () => {
      regions = await openRegions(count)
    })
    afterAll(() => regions[Symbol.asyncDispose]())
    beforeEach(async () => {
      store = new QdrantVectorStore({
        url: regions.url,
        collectionName: `nodes-${++made}`,
        embedModel: new WordEmbedding(),
      })
      const nodes = NODES.map(({ text, doc, ...metadata }) => {
        const node = new TextNode<Record<string, unknown>>({ text, metadata, embedding: embedWords(text) })
        node.relationships = { SOURCE: { nodeId: doc, metadata: {} } }
        return node
      })
      expect(await store.add(nodes)).toEqual(nodes.map(({ id_ }) => id_))
    })

    const find = async (topK: number, filters: MetadataFilter[] = [], condition = FilterCondition.AND) => {
      const { nodes, similarities } = await store.query({
        queryEmbedding: embedWords('cat'),
        similarityTopK: topK,
        mode: VectorStoreQueryMode.DEFAULT,
        ...(filters.length === 0 ? {} : { filters: { filters, condition } }),
      })
      return nodes!.map((node, i) => [(node as TextNode).text, similarities[i]!.toFixed(3)])
    }
    const texts = async (filters: MetadataFilter[], condition?: FilterCondition) =>
      (await find(10, filters, condition)).map(([text]) => text)

    test('[CX5] adds, making the collection, and queries with scores', async () => {
      expect(await find(3)).toEqual([
        ['cat cat', '1.000'],
        ['cat cat dog', '0.894'],
        ['cat ship', '0.707'],
      ])
    })

    test('[CX5] understands every filter that it sends', async () => {
      const { EQ, NE, GT, GTE, LT, LTE, IN, NIN, TEXT_MATCH, IS_EMPTY } = FilterOperator
      const [one, two, three, four] = NODES.map(({ text }) => text)
      expect(await texts([{ key: 'tone', operator: EQ, value: 'warm' }])).toEqual([one, three])
      expect(await texts([{ key: 'n', operator: EQ, value: 2 }])).toEqual([two])
      expect(await texts([{ key: 'tone', operator: NE, value: 'warm' }])).toEqual([two])
      expect(await texts([{ key: 'n', operator: GT, value: 3 }])).toEqual([four])
      expect(await texts([{ key: 'n', operator: GTE, value: 3 }])).toEqual([three, four])
      expect(await texts([{ key: 'n', operator: LT, value: 2 }])).toEqual([one])
      expect(await texts([{ key: 'n', operator: LTE, value: 2 }])).toEqual([one, two])
      expect(await texts([{ key: 'tone', operator: IN, value: ['loud', 'shrill'] }])).toEqual([two])
      expect(await texts([{ key: 'tone', operator: NIN, value: ['loud'] }])).toEqual([one, three])
      expect(await texts([{ key: 'tone', operator: TEXT_MATCH, value: 'war' }])).toEqual([one, three])
      expect(await texts([{ key: 'tone', operator: IS_EMPTY }])).toEqual([four])
      const either: MetadataFilter[] = [
        { key: 'n', operator: EQ, value: 1 },
        { key: 'n', operator: EQ, value: 3 },
      ]
      expect(await texts(either, FilterCondition.OR)).toEqual([one, three])
      expect(await texts(either)).toEqual([])
    })

    test('[CX5] deletes the nodes of a document', async () => {
      await store.delete('pets')
      expect(await texts([])).toEqual(['cat ship', 'bread wine'])
    })
  })
