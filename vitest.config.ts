import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** `source`: tests run against the TypeScript sources of every package; only worker threads and child processes need `dist/`. */
const conditions = ['source']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // One for each core, two at least: most tests wait for disks, sockets and processes of their own.
    maxWorkers: Math.max(2, availableParallelism()),
    // Simulated runs make much garbage that lives no longer than a frame: see the flags of packages/sim/src/seed-process.ts.
    execArgv: ['--single-threaded-gc', '--min-semi-space-size=32', '--max-semi-space-size=64'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
