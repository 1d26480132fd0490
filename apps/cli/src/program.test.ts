import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readConfig } from './commands/serve.js'
import { clock, type Edit, reason } from './demo/edit.js'
import { run } from './program.js'

let stderr: string
beforeEach(() => {
  stderr = ''
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text
    return true
  })
  vi.spyOn(process.stdout, 'write').mockImplementation(() => true)
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

const runLine = async (line: string): Promise<{ code: number; lines: string[] }> => {
  const code = await run(line.split(' '), (text) => {
    stderr += `${text}\n`
  })
  return { code, lines: stderr.trim().split('\n') }
}

test.each([
  ['fly', "unknown command 'fly'"],
  ['status --colour', "unknown option '--colour'"],
  ['status --url localhost:6333', 'must look like http://127.0.0.1:6333'],
  ['cluster --base-port 70000', 'whole number from 1 to 65535'],
  ['cluster --regions eu,EU', 'A region is'],
  ['cluster --regions eu,eu', 'named twice'],
  ['cluster --base-port 65530', 'would get port 65550'],
  ['import x.ndjson', 'required option'],
  ['import x.ndjson -c c --distance Hamming', 'Allowed choices'],
  ['snapshot copy', "unknown command 'copy'"],
  ['snapshot create --url eu', 'must look like http://127.0.0.1:6333'],
  ['snapshot download', "missing required argument 'name'"],
  ['restore', "missing required argument 'file|name'"],
  ['restore x --priority no_sync', 'Allowed choices'],
  ['restore x --checksum abc', '64 hex digits'],
  ['demo --urls http://127.0.0.1:1', 'at least two'],
  ['serve --port many --region eu', '--port "many"'],
  ['serve --region EU', '--region "EU"'],
  ['serve --region eu --peer eu=http://127.0.0.1:1', '--peer eu'],
])('[CX1] meridian %s: exit 2 and a line that says what is wrong', async (line, sentence) => {
  const { code, lines } = await runLine(line)
  expect(code).toBe(2)
  expect(lines[0]).toContain(sentence)
})

test('[CX2] --version, --help and the help of every command: exit 0', async () => {
  for (const line of [
    '--version',
    '--help',
    'serve --help',
    'cluster --help',
    'status --help',
    'import --help',
    'snapshot --help',
    'snapshot create --help',
    'snapshot list --help',
    'snapshot download --help',
    'snapshot delete --help',
    'restore --help',
    'demo --help',
  ])
    expect((await runLine(line)).code).toBe(0)
  expect(stderr).toBe('')
})

test('[CX3] what cannot be done: exit 1 and one line', async () => {
  const absent = await runLine('demo --urls http://127.0.0.1:9,http://127.0.0.1:19')
  expect(absent.code).toBe(1)
  expect(absent.lines).toHaveLength(1)
  expect(absent.lines[0]).toContain('is not ready')
  stderr = ''
  const file = await runLine('import /nowhere/x.ndjson -c c')
  expect(file.code).toBe(1)
  expect(file.lines).toEqual([expect.stringContaining('cannot read /nowhere/x.ndjson')])
  stderr = ''
  const source = await runLine('restore /nowhere/x.snapshot')
  expect(source.code).toBe(1)
  expect(source.lines).toEqual([expect.stringContaining('/nowhere/x.snapshot is no file')])
  stderr = ''
  const region = await runLine('snapshot create --url http://127.0.0.1:9')
  expect(region.code).toBe(1)
  expect(region.lines).toEqual([expect.stringContaining('the connection to http://127.0.0.1:9 failed')])
})

test('[CX4] flags of serve reach the configuration, repeated ones as a list, and win over the environment', () => {
  const config = readConfig(
    {
      region: 'eu',
      port: '7001',
      data: 'd',
      peer: ['us=http://127.0.0.1:7002', 'ap=http://127.0.0.1:7003'],
      apiKey: 'k',
    },
    { MERIDIAN_PORT: '9', MERIDIAN_LOG_LEVEL: 'warn' },
  )
  expect(config).toMatchObject({ region: 'eu', port: 7001, dataDir: 'd', apiKey: 'k', logLevel: 'warn' })
  expect(config.peers.map((peer) => peer.region)).toEqual(['us', 'ap'])
})

test('[CD4] why an edit won is only claimed where the times prove it', () => {
  const at = (region: string, sentMs: number, ackedMs: number): Edit => ({ region, id: 1, set: {}, sentMs, ackedMs })
  expect(reason(at('us', 20, 25), at('eu', 10, 15))).toBe('us wrote last, 10 ms after eu: the newer stamp wins')
  expect(reason(at('eu', 10, 15), at('us', 20, 25))).toContain('its clock is ahead')
  expect(reason(at('eu', 10, 22), at('us', 20, 25))).toBe('both wrote within 15 ms: the newer stamp wins')
  expect(clock(1234)).toBe('00:00:01.234')
})
