import { expect, test } from 'vitest'
import { type GraphFacts, rebuildReason } from './graph-health.js'

const SOUND: GraphFacts = { live: 10_000, slots: 12_000, dead: 2000, outgrown: 0, recall: 0.99, recallWhenNew: 0.995 }

test('[IX61] a graph is built anew when a fifth of it is dead, a hundredth does not fit, or it finds itself less than it did', () => {
  const reasonOf = (facts: Partial<GraphFacts>) => rebuildReason({ ...SOUND, ...facts })
  expect(reasonOf({})).toBeUndefined()
  expect(reasonOf({ dead: 2400 })).toBeUndefined()
  expect(reasonOf({ dead: 2401 })).toBe('dead')
  expect(reasonOf({ live: 900, slots: 1900, dead: 1000 })).toBeUndefined()
  expect(reasonOf({ outgrown: 1001 })).toBe('outgrown')
  expect(reasonOf({ live: 200_000, outgrown: 1001 })).toBeUndefined()
  expect(reasonOf({ recall: 0.96 })).toBe('recall')
  expect(reasonOf({ recall: undefined })).toBeUndefined()
  expect(reasonOf({ recall: 0.9, recallWhenNew: 0.91 })).toBeUndefined()
  expect(reasonOf({ recall: 0.88, recallWhenNew: 0.91 })).toBe('recall')
  expect(reasonOf({ recall: 0.96, recallWhenNew: undefined })).toBe('recall')
})
