import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../../packages/sim/dist/main.js', import.meta.url))

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

const run = (...args: string[]): Promise<Ended> =>
  new Promise((resolve) =>
    execFile(process.execPath, [MAIN, ...args], (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    ),
  )

test('[SM40] one process and three say the same', async () => {
  const args = ['--seeds', '5', '--from', '31', '--for', '300', '--no-members', '--workers']
  const [one, three] = await Promise.all([run(...args, '1'), run(...args, '3')])
  const { seconds: _, ...report } = JSON.parse(one.out) as { seconds: number; acknowledged: number }
  expect(one.code).toBe(0)
  expect(report).toMatchObject({ seeds: 5, failures: 0, failed: [] })
  expect(report.acknowledged).toBeGreaterThan(10)
  expect(three.code).toBe(0)
  expect(JSON.parse(three.out)).toEqual({ ...report, seconds: expect.any(Number) })
}, 120_000)

test('[SM42] the command refuses what makes no sense, and says what does', async () => {
  for (const args of [
    ['--workers', '0'],
    ['--seeds', '1.5'],
    ['--worker', '2'],
  ]) {
    const { code, out, err } = await run(...args)
    expect([args, code, out]).toEqual([args, 2, ''])
    expect(err).toContain('usage: npm run sim -- ')
  }
}, 60_000)
