import { outcomeOf } from './seed-outcome.js'
import type { SeedRequest } from './seed-process.js'

// One process of `npm run sim`: runs each seed that it is told, answers, and ends when nobody can tell it any more.
process.on('message', (message) => {
  const { seed, options } = message as SeedRequest
  process.send?.(outcomeOf(seed, options))
})
process.on('disconnect', () => process.exit())
