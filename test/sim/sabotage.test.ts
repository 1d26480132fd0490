import { simulate, Violation } from '@meridian/sim'
import { describe, expect, it } from 'vitest'
import { BROKEN, type Broken } from './sabotage.js'
import { range } from './seeds.js'

const SEEDS = { from: 1, count: 40 }

interface Found {
  readonly seed: number
  readonly check: string
}

const violationIn = (broken: Broken, seed: number): Found | undefined => {
  const { sabotage, undo } = broken.make()
  const { drill = false, rot = false, amnesia = false, policies = false, members = drill } = broken
  try {
    simulate({ seed, sabotage, drill, rot, amnesia, policies, members, contentModel: false })
    return undefined
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return { seed, check: error.check }
  } finally {
    undo?.()
  }
}

/** The first violation: of the seed that is known to have one, or else over a few. */
const firstViolation = (broken: Broken): Found | undefined => {
  const { from, count } = broken.seeds ?? SEEDS
  for (const seed of [...(broken.bites === undefined ? [] : [broken.bites]), ...range(from, count)]) {
    const found = violationIn(broken, seed)
    if (found !== undefined) return found
  }
  return undefined
}

describe('sabotage', () => {
  for (const broken of BROKEN)
    it(`[SM20] is noticed: ${broken.what}`, () => {
      const found = firstViolation(broken)
      expect(broken.noticedBy, `seed ${found?.seed}`).toContain(found?.check)
    }, 900_000)
})
