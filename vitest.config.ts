import { availableParallelism } from 'node:os'
import { defaultExclude, defineConfig } from 'vitest/config'

/** `source`: tests run against the TypeScript sources of every package; only worker threads and child processes need `dist/`. */
const conditions = ['source']

const SIMULATED = 'test/sim/**/*.test.ts'

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    setupFiles: ['test/setup.ts'],
    // One for each core, two at least: most tests wait for disks, sockets and processes of their own.
    maxWorkers: Math.max(2, availableParallelism()),
    // Simulated runs make much garbage that lives no longer than a frame: see the flags of packages/sim/src/seed-process.ts.
    execArgv: ['--single-threaded-gc', '--min-semi-space-size=32', '--max-semi-space-size=64'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // In the order of their names: the longest files begin first.
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [...defaultExclude, SIMULATED],
        },
      },
      {
        extends: true,
        // One after another in one process for each core: to load the engine and warm it up takes some five seconds of a processor.
        test: { name: 'simulated', include: [SIMULATED], benchmark: { include: [] }, isolate: false },
      },
    ],
  },
})
