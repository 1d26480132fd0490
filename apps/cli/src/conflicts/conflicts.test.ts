import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { run } from '../program.js'

let server: Server
let stdout: string
let asked: { method: string; url: string; body: unknown }[]
let answer: (url: string) => unknown

const conflict = (n: number) => ({
  ...{ id: `${n}`.padStart(16, '0'), point_id: n, cell: 'record', state: 'open', at: '2026-01-02T03:04:05.678Z' },
  ...{ rule: 'newest', cosine: { '': 0.25, title: -1 } },
  winner: { region: 'us', value: { removed: false, payload: { text: 'a\u001b[31m' }, vectors: ['', 'title'] } },
  loser: { value: { removed: true, payload: {}, vectors: [] } },
})

beforeEach(async () => {
  stdout = ''
  asked = []
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text
    return true
  })
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const { method = '', url = '' } = request
      if (url.includes('conflicts')) asked.push({ method, url, body: text === '' ? undefined : JSON.parse(text) })
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ result: answer(url), status: 'ok', time: 0 }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => {
  vi.restoreAllMocks()
  server.closeAllConnections()
  server.close()
  process.exitCode = undefined
})

const runLine = (line: string): Promise<number> => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return run([...line.split(' '), '--url', url], () => {})
}

test('[CX7] conflicts list shows both sides, in as many pages as it takes, and nothing that steers the terminal', async () => {
  answer = (url) => {
    const isSecond = url.includes('offset=next')
    const count = isSecond ? 3 : 100
    return {
      conflicts: Array.from({ length: count }, (_, i) => conflict(isSecond ? 100 + i : i)),
      ...{ next_page_offset: isSecond ? null : 'next', open: 103, settled: 2 },
    }
  }
  expect(await runLine('conflicts list my/c --region us --since 2026-01-01 --limit 103')).toBe(0)
  const list = '/meridian/collections/my%2Fc/conflicts?state=open&region=us&since=2026-01-01'
  expect(asked.map(({ url }) => url)).toEqual([`${list}&limit=100`, `${list}&limit=3&offset=next`])
  const lines = stdout.split('\n')
  expect(lines).toHaveLength(103 * 3 + 2)
  expect(lines.slice(0, 3)).toEqual([
    '0000000000000000  2026-01-02T03:04:05.678Z  0  record  open, newest  cosine 0.250  cosine title -1.000',
    '    winner us       {"text":"a\\u001b[31m"} (vector) (vector title)',
    '    loser  unknown  taken away',
  ])
  expect(lines.at(-2)).toBe('103 open, 2 settled')
})

test('[CX7] conflicts resolve sends the decision and says what was done', async () => {
  answer = () => ({ operation_id: 7, status: 'completed', new_id: 12 })
  expect(await runLine('conflicts resolve c 00000000000000aa --keep both --new-id 12')).toBe(0)
  expect(await runLine('conflicts resolve c 00000000000000aa --undo')).toBe(0)
  expect(asked.map(({ method, url, body }) => [method, url, body])).toEqual([
    ['POST', '/meridian/collections/c/conflicts/00000000000000aa/resolve', { keep: 'both', new_id: 12 }],
    ['POST', '/meridian/collections/c/conflicts/00000000000000aa/resolve', { undo: true }],
  ])
  expect(stdout).toContain('done as write 7, the loser is at 12')
})

test('[CX7] what makes no sense is refused before anything is asked', async () => {
  answer = () => ({})
  for (const line of [
    'conflicts resolve c 00000000000000aa',
    'conflicts resolve c 00000000000000aa --keep all',
    'conflicts resolve c 00000000000000aa --keep loser --undo',
    'conflicts list c --state lost',
    'conflicts list c --limit 0',
    'conflicts list',
  ])
    expect(await runLine(line), line).toBe(2)
  expect(asked).toEqual([])
})
