import type { SeededRandom } from '@meridian/core/seeded-random'
import type { Settings } from '@meridian/replica'
import type { NetworkFaults } from './sim-network.js'

/** How bad the network of a run is. */
export const drawNetworkFaults = (random: SeededRandom): NetworkFaults => ({
  delayMinMs: 1,
  delayMaxMs: random.pick([5, 50, 300]),
  loss: random.pick([0, 0, 0.02, 0.3]),
  duplication: random.pick([0, 0.05, 0.5]),
  reordering: random.pick([0, 0.05, 0.3]),
  corruption: random.pick([0, 0, 0.002]),
})

/** The settings of all regions: bounds so small that they are met, or as in production. */
export const drawSettings = (random: SeededRandom, areConflictsExact: boolean): Partial<Settings> => ({
  logRetentionEntries: random.pick([3, 30, 100_000]),
  windowBytes: random.pick([2_000, 50_000, 4 << 20]),
  transferChunkBytes: random.pick([500, 5_000, 1 << 20]),
  transferWindow: random.pick([1, 8]),
  transactionBytes: random.pick([300, 5_000, 1 << 20]),
  amplificationMax: random.pick([1.2, 2]),
  maintenanceMs: random.pick([100, 1000]),
  blockCacheBytes: random.pick([0, 32 << 20]),
  ...(areConflictsExact ? { logRetentionEntries: 100_000, maintenanceMs: 1e9 } : {}),
  scrubMs: 2000,
  antiEntropyMs: 2000,
})
