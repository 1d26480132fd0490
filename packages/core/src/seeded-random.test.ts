import { describe, expect, it } from 'vitest'
import { SeededRandom } from './testing/index.js'

const draw = (random: SeededRandom, count: number): number[] => Array.from({ length: count }, () => random.uint32())

describe('seeded random', () => {
  it('[RN1] a seed names one sequence, for ever; neighbouring seeds give others', () => {
    expect(draw(new SeededRandom(1), 4)).toEqual([4074205336, 2883810658, 2814033789, 1940616558])
    expect(draw(new SeededRandom(0), 1000)).toEqual(draw(new SeededRandom(0), 1000))
    const firsts = Array.from({ length: 1000 }, (_, seed) => draw(new SeededRandom(seed), 2).join())
    expect(new Set(firsts).size).toBe(1000)
  })

  it('[RN2] integers are even and in range, chances keep their odds', () => {
    const random = new SeededRandom(2)
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < 20_000; i++) counts[random.int(10)]!++
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
    expect(Array.from({ length: 1000 }, () => random.int(1)).every((value) => value === 0)).toBe(true)
    const odds = (p: number): number =>
      Array.from({ length: 4000 }, () => random.chance(p)).filter(Boolean).length / 4000
    expect([odds(0), odds(1)]).toEqual([0, 1])
    expect(Math.abs(odds(0.3) - 0.3)).toBeLessThan(0.04)
  })

  it('[RN3] picking reaches every element, shuffling keeps them all and leaves the source alone', () => {
    const random = new SeededRandom(3)
    const items = ['a', 'b', 'c', 'd']
    expect(new Set(Array.from({ length: 200 }, () => random.pick(items))).size).toBe(4)
    expect(new Set(Array.from({ length: 2000 }, () => random.shuffled(items).join(''))).size).toBe(24)
    expect(items).toEqual(['a', 'b', 'c', 'd'])
  })

  it('[RN4] a fork is reproducible and does not run along with its source', () => {
    const fork = (): number[] => draw(new SeededRandom(4).fork(), 100)
    expect(fork()).toEqual(fork())
    const source = new SeededRandom(4)
    source.fork()
    expect(fork().filter((value) => draw(source, 100).includes(value))).toEqual([])
  })
})
