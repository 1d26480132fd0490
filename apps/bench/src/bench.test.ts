import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type AddressInfo } from 'node:net'
import { encodeEntry } from '@meridian/core'
import type { ReplicaId } from '@meridian/core'
import { expect, test } from 'vitest'
import { bootstrap } from './bootstrap.js'
import { catchUp } from './catch-up.js'
import { findBenchmark, usage } from './bench.js'
import { atMost } from './goal.js'
import { DIMS, RAW_BYTES, records } from './records.js'
import { heal, HEAL_PLAN } from './heal.js'
import { liveBytesOf, OVERWRITE_PLAN, overwrite, overwriteGoals } from './overwrite.js'
import { Pulse } from './pulse.js'
import { quantiles } from './quantiles.js'
import { Relay } from './relay.js'
import { table } from './table.js'

test('[BN1] records are 640 bytes before any store touches them, and the same for the same numbers', () => {
  expect(RAW_BYTES).toBe(640)
  const made = [...records(0, 50), ...records(99_990, 100_000)]
  for (const { id, payload, vectors } of made) {
    expect(String(id)).toHaveLength(20)
    expect(JSON.stringify(payload)).toHaveLength(100)
    expect(vectors.get('')).toHaveLength(DIMS)
  }
  expect(new Set(made.map(({ id }) => id)).size).toBe(60)
  expect(records(7, 9)).toEqual(records(0, 10).slice(7, 9))
})

test('[BN1] encoding adds at most 3 % to a record', () => {
  const stamp = { ms: 1_790_000_000_000, counter: 3, writer: 7 as ReplicaId }
  const bytes = records(0, 100).map((record) => encodeEntry({ ...record, stamp }).length)
  expect(bytes.reduce((sum, each) => sum + each, 0) / 100 / RAW_BYTES).toBeLessThan(1.03)
})

test('[BN2] the relay passes bytes both ways and counts each way', async () => {
  const echo = createServer((socket) => {
    socket.on('data', (data) => socket.write(Buffer.concat([data, data])))
  }).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  {
    await using relay = await Relay.open((echo.address() as AddressInfo).port)
    const socket = connect(relay.port, '127.0.0.1')
    const back: Buffer[] = []
    const all = new Promise<void>((resolve) =>
      socket.on('data', (data) => {
        back.push(data)
        if (Buffer.concat(back).length === 200_000) resolve()
      }),
    )
    socket.write(Buffer.alloc(100_000, 7))
    await all
    expect(relay.bytes).toEqual({ toTarget: 100_000, fromTarget: 200_000 })
    socket.destroy()
  }
  echo.close()
  await once(echo, 'close')
})

test('[BN6] quantiles are by nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect(quantiles(hundred)).toEqual({ p50Ms: 50, p95Ms: 95, p99Ms: 99 })
  expect(quantiles([7])).toEqual({ p50Ms: 7, p95Ms: 7, p99Ms: 7 })
})

test('[BN6] a slow relay delays each direction and keeps the order', async () => {
  const echo = createServer((socket) => void socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  {
    await using relay = await Relay.open((echo.address() as AddressInfo).port, 50)
    const socket = connect(relay.port, '127.0.0.1')
    const startedAt = performance.now()
    const sent = Array.from({ length: 50 }, (_, i) => `${i};`)
    for (const text of sent) socket.write(text)
    let got = ''
    for await (const chunk of socket) {
      got += chunk
      if (got.length === sent.join('').length) break
    }
    expect(got).toBe(sent.join(''))
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99)
  }
  echo.close()
  await once(echo, 'close')
})

test('[BN7] a relay that is cut passes nothing and tells no end; healed, it passes what waited, and answers who knocked', async () => {
  const echo = createServer((socket) => void socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  {
    await using relay = await Relay.open(() => (echo.address() as AddressInfo).port)
    const socket = connect(relay.port, '127.0.0.1')
    socket.write('before')
    expect(String((await once(socket, 'data'))[0])).toBe('before')
    relay.cut()
    const counted = relay.bytes
    socket.write('under way')
    const late = connect(relay.port, '127.0.0.1')
    late.write('knock')
    await once(late, 'connect')
    const gone = connect(relay.port, '127.0.0.1')
    await once(gone, 'connect')
    gone.destroy()
    // A round trip elsewhere: what could pass would have passed.
    await using other = await Relay.open((echo.address() as AddressInfo).port)
    const probe = connect(other.port, '127.0.0.1')
    probe.write('probe')
    await once(probe, 'data')
    expect(relay.bytes).toEqual(counted)
    expect(socket.readableLength).toBe(0)
    relay.heal()
    expect(String((await once(socket, 'data'))[0])).toBe('under way')
    expect(String((await once(late, 'data'))[0])).toBe('knock')
    for (const each of [socket, late, probe]) each.destroy()
  }
  echo.close()
  await once(echo, 'close')
})

test('[BN7] a pulse asks on while answers are awaited, and counts the waiting', async () => {
  const held: (() => void)[] = []
  const server = createHttpServer((_, response) => void held.push(() => response.end('{}'))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const startedAt = performance.now()
  const pulse = Pulse.of((server.address() as AddressInfo).port, 5, () => ({ method: 'GET', path: '/', body: '' }))
  while (held.length < 5) await new Promise(setImmediate)
  const heldFor = performance.now() - startedAt - 5
  for (const answer of held.splice(0)) answer()
  const stopped = pulse.stop()
  const answering = setInterval(() => {
    for (const answer of held.splice(0)) answer()
  }, 1)
  await stopped
  clearInterval(answering)
  expect(pulse.beats.length).toBeGreaterThanOrEqual(5)
  expect(Math.max(...pulse.beats.map(({ tookMs }) => tookMs))).toBeGreaterThanOrEqual(heldFor - 1)
  expect(pulse.times(Number.NEGATIVE_INFINITY, startedAt)).toEqual([])
  server.close()
})

test('[BN7] a region that was cut off under writes ends up equal', async () => {
  const plan = { ...HEAL_PLAN, cutSeconds: 1, steadySeconds: 1, writesPerSecond: 50, requestsPerSecond: 20 }
  const { wireBytes, missedBytes, missedRecords, requests, keptPace, linkedMs, equalMs } = await heal(plan)
  expect(keptPace).toBeGreaterThan(0)
  expect(equalMs).toBeGreaterThanOrEqual(linkedMs)
  expect(missedRecords).toBeGreaterThan(0)
  expect(wireBytes).toBeGreaterThan(missedBytes)
  expect(requests.map(({ region }) => region)).toEqual(['us', 'ap'])
})

test('[BN9] a new region takes in what another has, from its state, under writes', async () => {
  const plan = { stateBytes: 2_000_000, dims: 128, writesPerSecond: 50 }
  const result = await bootstrap(plan)
  expect(result.records).toBe(3125)
  expect(result.transfers).toBeGreaterThan(0)
  expect(result.wireBytes).toBeGreaterThan(result.stateBytes)
  expect(result.wireBytes).toBeLessThan(2 * result.stateBytes)
  for (const { start, peak } of [result.sender, result.receiver]) {
    expect(start.own).toBeGreaterThan(0)
    expect(peak.own).toBeGreaterThanOrEqual(start.own)
  }
})

test('[BN8] overwritten points are all there, and cost what a round left', async () => {
  const plan = { ...OVERWRITE_PLAN, records: 2000, rounds: 3 }
  const rounds = await overwrite(plan)
  expect(rounds.map(({ round }) => round)).toEqual([1, 2, 3])
  for (const round of rounds) {
    expect(round.blockBytes).toBeGreaterThanOrEqual(plan.records * liveBytesOf(plan.dims))
    expect(round.diskBytes).toBeGreaterThan(round.blockBytes)
    expect(round.heapBytes).toBeGreaterThan(0)
  }
  const [heap, disk] = overwriteGoals(plan, [
    { ...rounds[0]!, heapBytes: 900, bufferBytes: 100, diskBytes: 1 },
    { ...rounds[0]!, heapBytes: 1000, bufferBytes: 300, diskBytes: 3 * plan.records * liveBytesOf(plan.dims) },
  ])
  expect([heap!.measured, heap!.isMet]).toEqual([1.3, false])
  expect([disk!.measured, disk!.isMet]).toEqual([3, false])
})

test('[BN3] a goal is met up to its bound, and names what was measured', () => {
  expect(atMost('wire', 1.05, 1.05)).toEqual({ what: 'wire', most: 1.05, measured: 1.05, isMet: true })
  expect(atMost('wire', 1.05, 1.051).isMet).toBe(false)
})

test('[BN4] benchmarks are found by name; the usage names each; anything else is none', () => {
  expect(findBenchmark('replicate')).toBeDefined()
  expect(usage()).toContain('replicate')
  for (const name of [undefined, '', 'toString', 'nothing']) expect(findBenchmark(name)).toBeUndefined()
})

test('[BN4] bad options are refused before anything runs', async () => {
  await expect(findBenchmark('replicate')!.run(['--scale', 'much'])).rejects.toThrow('--scale much')
  await expect(findBenchmark('replicate')!.run(['--sale', '1'])).rejects.toThrow('--sale')
  await expect(findBenchmark('heal')!.run(['--seconds', '0'])).rejects.toThrow('--seconds 0: must be a number from 1')
  await expect(findBenchmark('overwrite')!.run(['--points', 'all'])).rejects.toThrow('--points all: must be a number')
})

test('[BN4] tables are aligned to the right', () => {
  expect(table(['a', 'bcd'], [[100, 2]])).toBe('  a  bcd\n100    2')
})

test('[BN32] two engines that were cut apart catch up, and what that took is told', async () => {
  expect(await catchUp(20, 5)).toBeGreaterThan(1)
}, 60_000)
