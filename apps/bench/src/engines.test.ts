import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { OTHERS_PACKAGE } from './others.js'
import { flips } from './restart.js'
import { plot, risingTicks, stacked } from './plot.js'
import { median, speedAt } from './sweep.js'
import { recallOf, type TruthSet } from './truth-set.js'

test('[BN20] speed at a recall lies between the points around it, and is not guessed beyond them', () => {
  const points = [
    { ef: 40, recall: 0.99, perSecond: 100 },
    { ef: 10, recall: 0.9, perSecond: 400 },
    { ef: 20, recall: 0.96, perSecond: 200 },
  ]
  expect(speedAt(points, 0.93)).toBeCloseTo(Math.sqrt(400 * 200))
  expect(speedAt(points, 0.96)).toBe(200)
  expect(speedAt(points, 0.99)).toBe(100)
  expect(speedAt(points, 0.995)).toBeUndefined()
  expect(speedAt(points, 0.85)).toBeUndefined()
  expect(median([5, 1, 3])).toBe(3)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

test('[BN21] recall counts by distance: ties are right, repeated and missing ids are not', () => {
  const vectors = Float32Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? Math.min(i / 2, 9) : 0))
  const set: TruthSet = {
    name: 'line',
    metric: 'Euclid',
    dims: 2,
    count: 12,
    queryCount: 1,
    vectors,
    queries: Float32Array.of(0, 0),
    tenth: Float64Array.of(9),
  }
  expect(recallOf(set, [0, 1, 2, 3, 4, 5, 6, 7, 8, 11])).toBe(1)
  expect(recallOf({ ...set, tenth: Float64Array.of(8) }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toBe(0.9)
  expect(recallOf(set, [0, 0, 0, 0, 0, -1, -1, -1, -1, -1])).toBe(0.1)
})

test('[BN22] a plot draws every series that has points inside the ticks, and names it as text', () => {
  const linear = (value: number): number => value
  const axis = { label: 'a < b', ticks: [0, 1, 2], scale: linear }
  const svg = plot('t & u', axis, { ...axis, ticks: [2, 0] }, [
    {
      name: 'one',
      points: [
        [0, 2],
        [1, 1],
        [3, 1],
      ],
    },
    { name: 'gone', points: [[5, 5]] },
  ])
  expect(svg).toContain('t &#38; u')
  expect(svg).toContain('a &#60; b')
  expect(svg.match(/<circle/g)).toHaveLength(2)
  expect(svg).toContain('>one<')
  expect(svg).not.toContain('gone')
  // The second axis runs the other way: 2 is at the bottom, where the first point lies.
  expect(svg).toContain('d="M70.0 390.0L320.0 215.0"')
})

test('[BN22] plots that lie one below the other are as many times as high, and each is whole', () => {
  const axis = { label: 'a', ticks: risingTicks(1), scale: (value: number) => value }
  const one = plot('first', axis, axis, [{ name: 'one', points: [[0, 1]] }])
  const two = plot('second', axis, axis, [{ name: 'two', points: [[1, 0]] }])
  const svg = stacked('t & u', [one, two])
  expect(svg).toContain('viewBox="0 0 720 880"')
  expect(svg).toContain('<title>t &#38; u</title>')
  expect(svg.match(/<svg /g)).toHaveLength(3)
  expect(svg.match(/<\/svg>/g)).toHaveLength(3)
  expect(svg).toContain('<svg y="440" width="720" height="440" xmlns')
  expect(svg.indexOf('first')).toBeLessThan(svg.indexOf('second'))
  expect(svg.match(/<circle/g)).toHaveLength(2)
})

test('[BN22] ticks from nought on reach the most there is, and not much further', () => {
  expect(risingTicks(1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
  expect(risingTicks(0.01)).toEqual([0, 0.002, 0.004, 0.006, 0.008, 0.01])
  expect(risingTicks(0.57)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
  for (let most = 0.0013; most < 90_000; most *= 1.37) {
    const ticks = risingTicks(most)
    expect(ticks.length).toBeGreaterThanOrEqual(4)
    expect(ticks.length).toBeLessThanOrEqual(8)
    expect(ticks.at(-1)).toBeGreaterThanOrEqual(most * 0.999999)
    expect(ticks.at(-1)).toBeLessThan(most * 1.5)
  }
})

test('[BN23] snapshots with one byte changed are refused, deleted and built anew, in a process that lives through it', async () => {
  const { refused, rebuilt, bytes } = await flips(60, 7)
  expect(refused).toBe(60)
  expect(rebuilt).toBe(1)
  expect(bytes).toBeGreaterThan(400_000)
})

test('[BN26] other engines are pinned, and are no part of what everybody installs', () => {
  const read = (path: string): string => readFileSync(path, 'utf8')
  const { devDependencies } = JSON.parse(read(OTHERS_PACKAGE)) as { devDependencies: Record<string, string> }
  const own = read(join(dirname(OTHERS_PACKAGE), 'pnpm-lock.yaml'))
  const everybody = read(fileURLToPath(new URL('../../../pnpm-lock.yaml', import.meta.url)))
  expect(Object.keys(devDependencies)).toEqual(expect.arrayContaining(['usearch', '@lancedb/lancedb']))
  for (const [name, version] of Object.entries(devDependencies)) {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(own).toContain(`${name}@${version}`)
    expect(everybody).not.toContain(name)
  }
})
