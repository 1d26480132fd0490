import { randomUUID } from 'node:crypto'
import { Document, type DocumentInterface } from '@langchain/core/documents'
import type { EmbeddingsInterface } from '@langchain/core/embeddings'
import { type MaxMarginalRelevanceSearchOptions, VectorStore } from '@langchain/core/vectorstores'
import {
  ClientError,
  type CreateCollection,
  type Filter,
  type JsonObject,
  MeridianClient,
  type PointId,
  type PointRecord,
} from '@meridian/client'

export interface MeridianVectorStoreConfig {
  /** A client to share, or `url` (and `apiKey`) to have one made. */
  readonly client?: MeridianClient
  /** Base URL of a region, or of several: see `ClientOptions`. */
  readonly url?: string | readonly string[]
  readonly apiKey?: string
  readonly collectionName: string
  /** What to create when the collection is missing. Default: one vector of the embedder's size, cosine. */
  readonly collectionConfig?: CreateCollection
  /** Payload key of the text. Default `content`. */
  readonly contentKey?: string
  /** Payload key of the metadata. Default `metadata`: filters name `metadata.field`. */
  readonly metadataKey?: string
  /** Documents in one write. Default 100. */
  readonly batchSize?: number
}

export interface AddOptions {
  /** One for each document that has no `id` of its own: integers, UUIDs or other strings. Default: random UUIDs. */
  readonly ids?: readonly PointId[]
}

export type DeleteParams = { readonly ids: readonly PointId[] } | { readonly filter: Filter }

/**
 * A LangChain vector store over one region or several. Its layout is that of `@langchain/qdrant`, so both may use one
 * collection. A write is answered when searches of the region that took it see it, and the client stays with its region for as
 * long as that serves: what was added is found by the next search. All methods reject with `ClientError`.
 */
export class MeridianVectorStore extends VectorStore {
  declare FilterType: Filter
  readonly client: MeridianClient
  readonly #config: MeridianVectorStoreConfig
  readonly #contentKey: string
  readonly #metadataKey: string
  #made: Promise<void> | undefined

  /** @throws TypeError without `client` and `url`. */
  constructor(embeddings: EmbeddingsInterface, config: MeridianVectorStoreConfig) {
    super(embeddings, config)
    const { client, url, apiKey } = config
    if (client === undefined && url === undefined) throw new TypeError('give a client or a url')
    this.client = client ?? new MeridianClient({ url: url!, apiKey })
    this.#config = config
    this.#contentKey = config.contentKey ?? 'content'
    this.#metadataKey = config.metadataKey ?? 'metadata'
  }

  static override async fromTexts(
    texts: string[],
    metadatas: object[] | object,
    embeddings: EmbeddingsInterface,
    config: MeridianVectorStoreConfig,
  ): Promise<MeridianVectorStore> {
    const documents = texts.map((pageContent, i) => {
      const metadata = (Array.isArray(metadatas) ? metadatas[i] : metadatas) as Record<string, unknown> | undefined
      return new Document({ pageContent, metadata: metadata ?? {} })
    })
    return MeridianVectorStore.fromDocuments(documents, embeddings, config)
  }

  static override async fromDocuments(
    documents: DocumentInterface[],
    embeddings: EmbeddingsInterface,
    config: MeridianVectorStoreConfig,
  ): Promise<MeridianVectorStore> {
    const store = new MeridianVectorStore(embeddings, config)
    await store.addDocuments(documents)
    return store
  }

  override _vectorstoreType(): string {
    return 'meridian'
  }

  /** The ids, in order. */
  override async addDocuments(documents: DocumentInterface[], options?: AddOptions): Promise<string[]> {
    const vectors = await this.embeddings.embedDocuments(documents.map(({ pageContent }) => pageContent))
    return this.addVectors(vectors, documents, options)
  }

  /** One write for each batch; a batch is written whole or not at all. Repeating it replaces the same documents. */
  override async addVectors(
    vectors: number[][],
    documents: DocumentInterface[],
    options?: AddOptions,
  ): Promise<string[]> {
    const size = vectors[0]?.length
    if (size === undefined) return []
    if (vectors.length !== documents.length)
      throw new TypeError(`${vectors.length} vectors for ${documents.length} documents`)
    await this.#ensureCollection(size)
    const points = documents.map(({ id, pageContent, metadata }, i) => ({
      id: id ?? options?.ids?.[i] ?? randomUUID(),
      vector: vectors[i]!,
      payload: { [this.#contentKey]: pageContent, [this.#metadataKey]: metadata as JsonObject },
    }))
    const batchSize = this.#config.batchSize ?? 100
    for (let at = 0; at < points.length; at += batchSize)
      await this.client.upsert(this.#config.collectionName, points.slice(at, at + batchSize))
    return points.map(({ id }) => String(id))
  }

  override async similaritySearchVectorWithScore(
    query: number[],
    k: number,
    filter?: this['FilterType'],
  ): Promise<[Document, number][]> {
    const found = await this.client.query(this.#config.collectionName, { query, ...this.#reading(k, filter) })
    return found.map((point) => [this.#document(point), point.score])
  }

  /** `lambda` is LangChain's: 0 for the most diverse answers, 1 for the nearest. Default 0.5; `fetchK` 20. */
  override async maxMarginalRelevanceSearch(
    query: string,
    { k, fetchK = 20, lambda = 0.5, filter }: MaxMarginalRelevanceSearchOptions<this['FilterType']>,
  ): Promise<Document[]> {
    const nearest = await this.embeddings.embedQuery(query)
    const found = await this.client.query(this.#config.collectionName, {
      query: { nearest, mmr: { diversity: 1 - lambda, candidates_limit: Math.max(fetchK, k) } },
      ...this.#reading(k, filter),
    })
    return found.map((point) => this.#document(point))
  }

  /** Ids that do not exist are no error. With a filter, what matches in the region that takes it. */
  override async delete(params: DeleteParams): Promise<void> {
    const selector = 'ids' in params ? { points: params.ids } : { filter: params.filter }
    await this.client.delete(this.#config.collectionName, selector)
  }

  #reading(limit: number, filter: Filter | undefined) {
    const keys = [this.#contentKey, this.#metadataKey]
    return { limit, with_payload: keys, ...(filter === undefined ? {} : { filter }) }
  }

  #document({ id, payload }: PointRecord): Document {
    return new Document({
      id: String(id),
      pageContent: String(payload?.[this.#contentKey] ?? ''),
      metadata: (payload?.[this.#metadataKey] ?? {}) as Record<string, unknown>,
    })
  }

  /** Asked once: another writer, or another region, may be first, and that is as good. */
  #ensureCollection(size: number): Promise<void> {
    this.#made ??= this.#makeCollection(size).catch((error: unknown) => {
      this.#made = undefined
      throw error
    })
    return this.#made
  }

  async #makeCollection(size: number): Promise<void> {
    const { collectionName: name, collectionConfig } = this.#config
    if (await this.client.collectionExists(name)) return
    try {
      await this.client.createCollection(name, collectionConfig ?? { vectors: { size, distance: 'Cosine' } })
    } catch (error) {
      if (!(error instanceof ClientError && error.status === 409)) throw error
    }
  }
}
