import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeridianClient } from '@meridian/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CliProcess, freePorts, runCli } from './cli-process.js'

let dir: string
let url: string
let port: number
let server: CliProcess
let client: MeridianClient

const serve = async (): Promise<CliProcess> => {
  const process = new CliProcess(['serve', '--region', 'eu', '--port', String(port), '--data', join(dir, 'data')], dir)
  await process.until(/"msg":"serving"/)
  return process
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'meridian-import-'))
  port = await freePorts(1)
  url = `http://127.0.0.1:${port}`
  server = await serve()
  client = new MeridianClient({ url })
})

afterAll(async () => {
  server.child.kill('SIGTERM')
  await server.finished
  await rm(dir, { recursive: true })
})

const importing = (...args: string[]) => runCli(['import', ...args, '--url', url], dir)

/** `count` rows of two numbers. */
const fvecs = (count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, row) => {
      const bytes = Buffer.alloc(12)
      bytes.writeInt32LE(2, 0)
      bytes.writeFloatLE(row, 4)
      bytes.writeFloatLE(row + 0.5, 8)
      return bytes
    }),
  )

test('[CI4] .fvecs with payloads goes into a collection made for it, ids and rows as asked', async () => {
  await writeFile(join(dir, 'a.fvecs'), fvecs(1000))
  await writeFile(join(dir, 'a.ndjson'), Array.from({ length: 1000 }, (_, n) => `{"n":${n}}\n`).join(''))
  const options = [
    '--create',
    '--distance',
    'Euclid',
    '--payloads',
    'a.ndjson',
    '--id-start',
    '5000',
    '--from',
    '10',
    '--to',
    '990',
    '--batch',
    '64',
  ]
  const { code, stdout, stderr } = await importing('a.fvecs', '-c', 'vecs', ...options)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain('vecs: 980 points imported')
  expect(await client.count('vecs')).toBe(980)
  expect(await client.retrieve('vecs', [5009, 5010, 5989, 5990], { with_vector: true })).toMatchObject([
    { id: 5010, payload: { n: 10 }, vector: [10, 10.5] },
    { id: 5989, payload: { n: 989 }, vector: [989, 989.5] },
  ])
  expect((await readdir(dir)).filter((name) => name.includes('meridian-import'))).toEqual([])
})

test('[CI10] a bad line is named and stops the import; the next run goes on there and skips it', async () => {
  const lines = Array.from({ length: 300 }, (_, id) => JSON.stringify({ id, vector: [id, 1] }))
  lines[120] = '{"id":120,"vector":"none"}'
  lines[200] = '{"id":200,"vector":[1,2,3]}'
  await writeFile(join(dir, 'b.ndjson'), lines.join('\n'))
  const first = await importing('b.ndjson', '-c', 'rows', '--create', '--batch', '50')
  expect(first.code).toBe(1)
  expect(first.stderr).toContain('b.ndjson line 121: "vector" must be')
  expect(await client.count('rows')).toBe(120)

  const second = await importing('b.ndjson', '-c', 'rows', '--skip-bad', '--batch', '50')
  expect(second.stderr).toContain('continuing at line 121: 120 points are in already')
  expect(second.stderr).toContain('skipped line 121')
  expect(second.stderr).toMatch(/skipped line 201: .*dim/)
  expect(second.stdout).toContain('298 points imported, 2 rows skipped')
  expect(second.code).toBe(0)
  expect(await client.count('rows')).toBe(298)
})

test('[CI12] an import outlives the restart of its region: every row is there once', async () => {
  await writeFile(join(dir, 'c.fvecs'), fvecs(20_000))
  const running = new CliProcess(['import', 'c.fvecs', '-c', 'restart', '--create', '--batch', '20', '--url', url], dir)
  while (!(await client.collectionExists('restart')) || (await client.count('restart')) < 500)
    await new Promise((resolve) => setImmediate(resolve))
  server.child.kill('SIGKILL')
  await server.finished
  server = await serve()
  const { code, stdout } = await running.finished
  expect(code).toBe(0)
  expect(stdout).toContain('20000 points imported')
  expect(await client.count('restart')).toBe(20_000)
})

test('[CX1] serve refuses a bad value with one line and exit 2, and a port in use with one line and exit 1', async () => {
  const bad = await runCli(['serve', '--region', 'eu', '--port', 'many'], dir)
  expect(bad.code).toBe(2)
  expect(bad.stderr.trim().split('\n')).toEqual([expect.stringContaining('--port "many"')])
  const taken = await runCli(['serve', '--region', 'us', '--port', String(port), '--data', join(dir, 'other')], dir)
  expect(taken.code).toBe(1)
  expect(taken.stderr.trim().split('\n')).toEqual([expect.stringContaining('in use')])
})

test('[CX5] SIGTERM ends serve with 0 after it has let go of its data', async () => {
  server.child.kill('SIGTERM')
  expect((await server.finished).code).toBe(0)
  server = await serve()
  expect(await client.count('rows')).toBe(298)
})
