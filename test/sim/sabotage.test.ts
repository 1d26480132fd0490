import { simulate, Violation } from '@meridian/sim'
import { describe, expect, it } from 'vitest'
import { BROKEN, type Broken } from './sabotage.js'

const SEEDS = { from: 1, count: 40 }

/** The first violation over a few seeds. */
const firstViolation = (broken: Broken): Violation | undefined => {
  const { from, count } = broken.seeds ?? SEEDS
  for (let seed = from; seed < from + count; seed++) {
    const { sabotage, undo } = broken.make()
    try {
      simulate({
        seed,
        sabotage,
        drill: broken.drill ?? false,
        rot: broken.rot ?? false,
        members: broken.members ?? broken.drill ?? false,
      })
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      return error
    } finally {
      undo?.()
    }
  }
  return undefined
}

describe('sabotage', () => {
  for (const broken of BROKEN)
    it(`[SM20] is noticed: ${broken.what}`, () => {
      expect(broken.noticedBy).toContain(firstViolation(broken)?.check)
    }, 900_000)
})
