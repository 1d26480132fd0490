import { expect, test } from 'vitest'
import { openKit } from './testing/region-kit.js'

const PREFLIGHT = { origin: 'https://app.example.org', 'access-control-request-method': 'PUT' }
const allowed = (headers: Headers): string | null => headers.get('access-control-allow-origin')

test('[HT18] a region without keys answers pages of no other origin', async () => {
  await using kit = await openKit()
  const preflight = await kit.send('OPTIONS', '/collections/c', undefined, PREFLIGHT)
  expect(preflight.status).toBe(405)
  expect(allowed(preflight.headers)).toBeNull()
  expect(allowed((await kit.send('GET', '/', undefined, PREFLIGHT)).headers)).toBeNull()
})

test('[HT18] with a key every origin may ask, none with credentials, and the key is still asked for', async () => {
  await using kit = await openKit({ flags: { 'api-key': 'secret' } })
  const preflight = await kit.send('OPTIONS', '/collections/c', undefined, {
    ...PREFLIGHT,
    'access-control-request-headers': 'api-key, content-type',
  })
  expect(preflight.status).toBe(204)
  expect(allowed(preflight.headers)).toBe('*')
  expect(preflight.headers.get('access-control-allow-headers')).toBe('api-key, content-type')
  expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
  const refused = await kit.send('GET', '/collections', undefined, { origin: PREFLIGHT.origin })
  expect(refused.status).toBe(401)
  expect(allowed(refused.headers)).toBe('*')
})

test('[HT18] named origins are answered by name, others not at all', async () => {
  await using kit = await openKit({ flags: { cors: ['https://app.example.org', 'http://localhost:3000'] } })
  const own = await kit.send('GET', '/collections', undefined, { origin: 'http://localhost:3000' })
  expect(allowed(own.headers)).toBe('http://localhost:3000')
  expect(own.headers.get('vary')).toContain('origin')
  const foreign = await kit.send('GET', '/collections', undefined, { origin: 'https://evil.example.org' })
  expect(foreign.status).toBe(200)
  expect(allowed(foreign.headers)).toBeNull()
  const preflight = { ...PREFLIGHT, origin: 'https://evil.example.org' }
  expect((await kit.send('OPTIONS', '/collections', undefined, preflight)).status).toBe(405)
})

test.each([['https://app.example.org/path'], ['example.org'], ['ftp://x']])(
  '[CF3] --cors %s is refused at the start',
  async (cors) => {
    await expect(openKit({ flags: { cors: [cors] } })).rejects.toThrow('must be an origin such as')
  },
)

test('[CF3] * among origins is refused at the start', async () => {
  await expect(openKit({ flags: { cors: ['*', 'https://a.example.org'] } })).rejects.toThrow('stand alone')
})
