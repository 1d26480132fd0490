export {
  type AddOptions,
  type DeleteParams,
  MeridianVectorStore,
  type MeridianVectorStoreConfig,
} from './vector-store.js'
