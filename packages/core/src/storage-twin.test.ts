import type { Storage } from './ports.js'
import { type StorageFixture, storageConformance, StorageTwin } from './testing/index.js'

/** The twin behind the port: shows that the conformance suite can be met by something this plain. */
const overTwin = (twin: StorageTwin): Storage => {
  let underWay: Promise<void> = Promise.resolve()
  return {
    get: (key) => twin.scan(key, { limit: 1 }).find(([found]) => found === key)?.[1],
    scan: (prefix, options) => twin.scan(prefix, options),
    keys: (prefix, options) => twin.scan(prefix, options).map(([key]) => key),
    commit: (ops, done) => {
      underWay = underWay.then(() => {
        twin.apply(ops)
        done()
      })
    },
    close: () => underWay,
  }
}

const open = async (): Promise<StorageFixture> => {
  const twin = new StorageTwin()
  const storage = overTwin(twin)
  const reopen = async (): Promise<Storage> => {
    await storage.close()
    return overTwin(twin)
  }
  return { storage, reopen }
}

storageConformance('plain map', open)
