import fc from 'fast-check'

/**
 * Property tests draw the same cases in every run, so that a red run is about the change at hand; MERIDIAN_TEST_FULL draws
 * new ones, and what they find is pinned as a test of its own.
 */
fc.configureGlobal({
  ...fc.readConfigureGlobal(),
  ...(process.env.MERIDIAN_TEST_FULL === undefined ? { seed: 20_261_121 } : {}),
})
