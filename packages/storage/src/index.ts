export { LmdbStorage, type LmdbStorageOptions } from './lmdb-storage.js'
export { MemoryContents } from './memory-contents.js'
export { MemoryStorage, type MemoryStorageOptions } from './memory-storage.js'
