import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseConfig } from './config.js'
import { FLAGS } from './flags.js'

const problem = (flags: Record<string, string | string[]>, env: Record<string, string> = {}): string => {
  try {
    parseConfig(flags, env)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

test('[CF1] a region name is all that is needed', () => {
  const config = parseConfig({ region: 'eu' })
  expect(config).toMatchObject({ region: 'eu', host: '127.0.0.1', port: 6333, dataDir: './data/eu', peers: [] })
  expect(config.apiKey).toBeUndefined()
  expect(Object.isFrozen(config)).toBe(true)
})

test('[CF2] every flag is also a variable, and the flag wins', () => {
  const env = { MERIDIAN_REGION: 'eu', MERIDIAN_PORT: '1', MERIDIAN_PEER: 'us=http://a:1, ap=https://b', PATH: '/bin' }
  const config = parseConfig({ port: '7000' }, env)
  expect(config.port).toBe(7000)
  expect(config.peers).toEqual([
    { region: 'us', url: 'http://a:1' },
    { region: 'ap', url: 'https://b' },
  ])
})

test.each([
  [{ region: 'EU' }, '--region "EU" (or MERIDIAN_REGION): must be 1-32 characters'],
  [{}, '--region is missing'],
  [{ region: 'eu', port: '99999' }, '--port "99999" (or MERIDIAN_PORT): must be an integer from 0 to 65535'],
  [{ region: 'eu', port: '1e3' }, '--port "1e3"'],
  [{ region: 'eu', prot: '1' }, '--prot is not a setting'],
  [{ region: 'eu', peer: ['us'] }, '--peer "us" (or MERIDIAN_PEER): must look like us=http://127.0.0.1:6343'],
  [{ region: 'eu', peer: ['us=ftp://x'] }, 'must look like us=http://'],
  [{ region: 'eu', peer: ['us=http://x/path'] }, 'without a path'],
  [{ region: 'eu', 'log-level': 'loud' }, 'must be one of silent, error, warn, info, debug'],
  [{ region: 'eu', 'replica-number': '256' }, '--replica-number "256"'],
])('[CF3] a bad value is one line with the flag, the value and the fix: %j', (flags, line) => {
  const told = problem(flags)
  expect(told).toContain(line)
  expect(told).not.toContain('\n')
})

test('[CF3] an unknown variable is refused, and a bad secret is not repeated', () => {
  expect(problem({ region: 'eu' }, { MERIDIAN_PROT: '1' })).toContain('MERIDIAN_PROT is not a setting')
  expect(problem({ region: 'eu', 'api-key': 'top secret' })).toBe(
    '--api-key (or MERIDIAN_API_KEY): must be 1-256 printable characters without spaces',
  )
})

test('[CF8] bounds of conflicts, the scrub and anti-entropy are settings with the defaults of the engine', () => {
  expect(parseConfig({ region: 'eu' })).toMatchObject({
    ...{ conflictsMax: 10_000, conflictBytesMax: 64 << 20, conflictAgeMs: 30 * 86_400_000 },
    ...{ scrubMs: 86_400_000, antiEntropyMs: 30_000 },
  })
  const env = { MERIDIAN_REGION: 'eu', MERIDIAN_CONFLICTS_MAX: '5', MERIDIAN_ANTI_ENTROPY_MS: '1000' }
  expect(parseConfig({ 'scrub-ms': '60000' }, env)).toMatchObject({
    ...{ conflictsMax: 5, antiEntropyMs: 1000, scrubMs: 60_000 },
  })
  expect(problem({ region: 'eu', 'anti-entropy-ms': '0' })).toContain('must be an integer from 100 to')
})

test('[CF4] a peer that cannot be one is refused', () => {
  expect(problem({ region: 'eu', peer: ['eu=http://x'] })).toContain('this region is eu itself')
  expect(problem({ region: 'eu', peer: ['us=http://x', 'us=http://y'] })).toContain('named twice')
})

test('[CF5] two names that hash to one replica number are refused with the fix', () => {
  // Found by trying names: both hash to the same number.
  const [a, b] = collision()
  expect(problem({ region: a, peer: [`${b}=http://x`] })).toContain('--replica-number')
  expect(problem({ region: a, peer: [`${b}=http://x`], 'replica-number': '7' })).toBe('accepted')
})

const collision = (): [string, string] => {
  const seen = new Map<number, string>()
  for (let i = 0; ; i++) {
    const name = `r${i}`
    const { replica } = parseConfig({ region: name })
    const other = seen.get(replica)
    if (other !== undefined) return [name, other]
    seen.set(replica, name)
  }
}

test('[CF6] the manual names every setting with its variable and its default', () => {
  const manual = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
  for (const { name, env, fallback } of FLAGS) {
    const row = manual.split('\n').find((line) => line.startsWith(`| \`--${name}\``))
    expect(row, name).toContain(`\`${env}\``)
    if (fallback !== undefined) expect(row, name).toContain(fallback)
  }
})
