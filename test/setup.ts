import fc from 'fast-check'
import { afterAll, afterEach } from 'vitest'
import { openTap, takeProblems } from './specification/tap.js'

/**
 * Property tests draw the same cases in every run, so that a red run is about the change at hand; MERIDIAN_TEST_FULL draws
 * new ones, and what they find is pinned as a test of its own.
 */
fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  ...(process.env.MERIDIAN_TEST_FULL === undefined ? { seed: 20_261_121 } : {}),
})

/** Whatever a test asks of a region, and is answered, is held to the specification; what does not fit fails that test. */
const tap = openTap()
const failOnProblems = async (): Promise<void> => {
  const problems = await takeProblems()
  if (problems.length > 0) throw new Error(`against the specification:\n  ${problems.join('\n  ')}`)
}
afterEach(failOnProblems)
afterAll(async () => {
  tap[Symbol.dispose]()
  await failOnProblems()
})
