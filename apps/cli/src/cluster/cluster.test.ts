import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { childEnv } from '../commands/cluster.js'
import { LocalCluster } from './local-cluster.js'
import { readableLog, regionPrefix } from './log-line.js'
import { planCluster, type RegionPlan } from './plan.js'
import { isPortFree } from './ports.js'

test('[CC1] every region gets its own port and directory and knows all others', () => {
  const plans = planCluster({ regions: ['eu', 'us', 'ap'], basePort: 7000, step: 5, data: 'd', script: 'main.js' })
  expect(plans.map(({ port, dataDir }) => [port, dataDir])).toEqual([
    [7000, 'd/eu'],
    [7005, 'd/us'],
    [7010, 'd/ap'],
  ])
  expect(plans[1]!.args).toEqual(
    '--max-semi-space-size=8 main.js serve --region us --port 7005 --data d/us --peer eu=http://127.0.0.1:7000 --peer ap=http://127.0.0.1:7010'.split(
      ' ',
    ),
  )
})

test('[CC1] settings of one region are not passed to all, shared ones and keys are', () => {
  const env = { PATH: '/bin', MERIDIAN_PORT: '1', MERIDIAN_REGION: 'x', MERIDIAN_URL: 'u', MERIDIAN_SHARDS: '2' }
  expect(childEnv(env, { apiKey: 'a' })).toEqual({ PATH: '/bin', MERIDIAN_SHARDS: '2', MERIDIAN_API_KEY: 'a' })
})

test('[CC2] a JSON log line becomes level, message and fields; any other line stays as it is', () => {
  const line =
    '{"level":40,"time":1,"pid":3,"hostname":"h","region":"eu","msg":"peer is gone","peer":"us","why":"no answer","n":2}'
  expect(readableLog(line, false)).toBe('warn  peer is gone peer=us why="no answer" n=2')
  expect(readableLog('{"level":50,"msg":"failed","err":{"type":"E","message":"it broke","stack":"..."}}', false)).toBe(
    'error failed err="it broke"',
  )
  expect(readableLog('{"level":"warn","msg":"late"}', true)).toBe('\x1b[33mwarn \x1b[0m late')
  for (const other of ['plain text', '{broken', '{"a":1}']) expect(readableLog(other, true)).toBe(other)
})

test('[CC2] prefixes line up, and are coloured only where asked', () => {
  expect(regionPrefix('eu', 0, 4, false)).toBe('eu   | ')
  expect(regionPrefix('eu', 0, 4, true)).toContain('\x1b[36meu  \x1b[0m')
})

const listening = async (): Promise<{ port: number; close: () => void }> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as { port: number }).port, close: () => server.close() }
}

/** A region that is one line of script instead of a server. */
const scripted = (port: number, script: string): RegionPlan => ({
  region: 'eu',
  port,
  url: `http://127.0.0.1:${port}`,
  dataDir: 'd',
  args: ['-e', script],
})

const options = {
  env: process.env,
  onLine: () => {},
  onDeath: () => {},
  readyMs: 20_000,
  signal: new AbortController().signal,
}

test('[CC3] a port in use: one line that names it, and nothing is started', async () => {
  const taken = await listening()
  expect(await isPortFree(taken.port)).toBe(false)
  let started = false
  const plan = scripted(taken.port, 'console.log(1)')
  await expect(
    LocalCluster.start([plan], {
      ...options,
      onLine: () => {
        started = true
      },
    }),
  ).rejects.toThrow(`port ${taken.port} (region eu) is in use`)
  expect(started).toBe(false)
  taken.close()
})

const freePort = async (): Promise<number> => {
  const server = await listening()
  server.close()
  return server.port
}

const serving = (port: number, path = '200'): string =>
  `require('http').createServer((q, r) => { r.statusCode = ${path}; r.end('ok') }).listen(${port}, '127.0.0.1'); process.on('SIGTERM', () => { console.log('asked to stop'); process.exit(0) })`

/** Ends with code 7 as soon as the other region answers. */
const endingAfter = (port: number): string =>
  `const go = () => require('http').get('http://127.0.0.1:${port}', () => process.exit(7)).on('error', () => setTimeout(go, 20)); go()`

test('[CC4] a region that ends before all are ready ends the start, and the others are stopped', async () => {
  const [a, b] = [await freePort(), await freePort()]
  const lines: string[] = []
  const plans = [scripted(a, serving(a)), { ...scripted(b, endingAfter(a)), region: 'us' }]
  await expect(LocalCluster.start(plans, { ...options, onLine: (_, line) => lines.push(line) })).rejects.toThrow(
    'region us exited with code 7 before it was ready',
  )
  expect(lines).toEqual(['asked to stop'])
  expect(await isPortFree(a)).toBe(true)
})

test('[CC5] a region that dies later is told of once, the others go on, and stop ends them', async () => {
  const [a, b] = [await freePort(), await freePort()]
  const plans = [scripted(a, serving(a)), { ...scripted(b, serving(b)), region: 'us' }]
  const deaths: string[] = []
  let told: () => void
  const death = new Promise<void>((resolve) => {
    told = resolve
  })
  const cluster = await LocalCluster.start(plans, {
    ...options,
    onDeath: (plan, ending, left) => {
      deaths.push(`${plan.region} ${ending.text}, ${left} left`)
      told()
    },
  })
  process.kill(cluster.regions[0]!.pid!, 'SIGKILL')
  await death
  expect(cluster.regions[1]!.isRunning).toBe(true)
  await cluster.stop()
  await cluster.ended
  expect(deaths).toEqual(['eu was ended by SIGKILL, 1 left'])
})
