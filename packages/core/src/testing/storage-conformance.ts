import { describe, it } from 'vitest'
import { STORAGE_RULES, type StorageConformanceOptions, type StorageFixture } from './storage-rules.js'

/** Holds an adapter to the contract of the `Storage` port: an adapter's test file is one call. */
export const storageConformance = (
  name: string,
  open: () => Promise<StorageFixture>,
  options: StorageConformanceOptions = {},
): void => {
  describe(`storage: ${name}`, () => {
    for (const { title, needs, run } of STORAGE_RULES) {
      if (needs && !options[needs]) continue
      it(title, async () => {
        const fixture = await open()
        try {
          await run(fixture, options)
        } finally {
          await fixture.storage.close()
        }
      })
    }
  })
}
