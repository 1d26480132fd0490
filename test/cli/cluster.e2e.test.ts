import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeridianClient } from '@meridian/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CliProcess, freePorts, isFree, runCli } from './cli-process.js'

let dir: string
let cluster: CliProcess | undefined
let base: number
const url = (index: number): string => `http://127.0.0.1:${base + index}`
const urls = (): string => [0, 1, 2].map(url).join(',')
const args = (): string[] => ['cluster', '--base-port', String(base), '--step', '1', '--data', join(dir, 'data')]

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'meridian-cluster-'))
  base = await freePorts(3)
})

afterEach(async () => {
  cluster?.child.kill('SIGTERM')
  await cluster?.finished
  cluster = undefined
  await rm(dir, { recursive: true, force: true })
})

const start = async (): Promise<CliProcess> => {
  cluster = new CliProcess(args(), dir)
  await cluster.until(/Ctrl-C/)
  return cluster
}

const portsAreFree = async (): Promise<boolean[]> => Promise.all([0, 1, 2].map((index) => isFree(base + index)))

test('[CD5] one command gives three regions; the demo runs through, the regions agree, and SIGTERM ends with 0', async () => {
  const running = await start()
  const demo = await runCli(['demo', '--urls', urls(), '--products', '600', '--keep'], dir)
  expect(demo).toMatchObject({ code: 0, stderr: '' })
  for (const sentence of [
    'each of them holds all 600, with equal digests',
    'ap is cut off from eu and us',
    'all digests are equal',
    'an edit does not bring a deleted record back',
    'the same 5 in every region',
  ])
    expect(demo.stdout).toContain(sentence)

  const status = await runCli(['status', '--url', urls(), '--json'], dir)
  expect(status.code).toBe(0)
  const { regions, isEqual } = JSON.parse(status.stdout)
  expect(isEqual).toBe(true)
  for (const region of regions) {
    expect(region.cluster.collections).toMatchObject([{ name: 'demo-products', points: 601 }])
    for (const peer of region.cluster.peers) expect(peer).toMatchObject({ state: 'linked', enabled: true })
  }

  running.child.kill('SIGTERM')
  const { code, stdout } = await running.finished
  expect(code).toBe(0)
  expect(stdout).toMatch(/^eu \| info +serving/m)
  expect(stdout).toContain('all regions stopped')
  expect(await portsAreFree()).toEqual([true, true, true])
})

test('[CD6] Ctrl-C in the middle of the cut: exit 130, and every link is back', async () => {
  await start()
  const demo = new CliProcess(['demo', '--urls', urls(), '--products', '300'], dir)
  await demo.until(/3\. ap is cut off/)
  demo.child.kill('SIGINT')
  const { code, stderr } = await demo.finished
  expect({ code, stderr }).toEqual({ code: 130, stderr: 'meridian: demo stopped; all links are as they were\n' })
  for (const index of [0, 1, 2]) {
    const { peers } = await new MeridianClient({ url: url(index) }).cluster()
    expect(peers.map((peer) => peer.enabled)).toEqual([true, true])
  }
})

test('[CC5] a region killed outright is named, the others go on taking writes, status says 1', async () => {
  const running = await start()
  const [, pid] = await running.until(/^ +us +\S+ +process (\d+)$/m)
  process.kill(Number(pid), 'SIGKILL')
  await running.until(/region us was ended by SIGKILL; it is not restarted, 2 of 3 regions go on/)
  const eu = new MeridianClient({ url: url(0) })
  await eu.createCollection('c', { vectors: { size: 2, distance: 'Dot' } })
  expect(await eu.upsert('c', [{ id: 1, vector: [1, 2] }])).toMatchObject({ status: 'completed' })
  const status = await runCli(['status', '--url', urls()], dir)
  expect(status.code).toBe(1)
  expect(status.stdout).toContain('1 region is down.')
})

test('[CC3] a port in use: one line, exit 1, and no region is left behind', async () => {
  const blocker = createServer().listen(base + 2, '127.0.0.1')
  await once(blocker, 'listening')
  const { code, stderr } = await runCli(args(), dir)
  expect(code).toBe(1)
  expect(stderr.trim().split('\n')).toEqual([expect.stringContaining(`port ${base + 2} (region ap) is in use`)])
  blocker.close()
  await once(blocker, 'close')
  expect(await portsAreFree()).toEqual([true, true, true])
})

test('[CC6] when the parent is killed outright, its regions end by themselves', async () => {
  const running = await start()
  const regions = [0, 1, 2].map((index) => new MeridianClient({ url: url(index), retry: false }))
  running.child.kill('SIGKILL')
  await running.finished
  for (const region of regions)
    while ((await region.ready()).reason.includes('is not reachable') === false) await nextTurn()
  expect(await portsAreFree()).toEqual([true, true, true])
})

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
