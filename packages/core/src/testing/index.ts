export * from './mutate.js'
export * from './seeded-random.js'
export * from './storage-conformance.js'
export * from './storage-twin.js'
