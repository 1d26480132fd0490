import { MeridianClient, stringifyJson } from '@meridian/client'
import { type Command, Option } from 'commander'
import { conflictLines, type ConflictPage } from '../conflicts/lines.js'
import { apiKeyOption } from './api-key.js'
import { httpUrl, LOCAL_URLS, wholeNumber } from './options.js'

interface Common {
  readonly url: string
  readonly apiKey?: string
}
interface ListFlags extends Common {
  readonly state: string
  readonly region?: string
  readonly point?: string
  readonly since?: string
  readonly until?: string
  readonly limit: number
  readonly json: boolean
}
interface ResolveFlags extends Common {
  readonly keep?: string
  readonly newId?: string
  readonly undo?: true
}

/** Most that one answer shows. */
const PAGE = 100

export const addConflicts = (program: Command): void => {
  const conflicts = program.command('conflicts').description('see and decide what two regions wrote at the same time')
  conflicts
    .command('list <collection>')
    .description('open conflicts, newest first')
    .addOption(urlOption())
    .addOption(apiKeyOption())
    .addOption(new Option('--state <state>', 'which').choices(['open', 'settled', 'all']).default('open'))
    .option('--region <name>', 'only what this region wrote a side of')
    .option('--point <id>', 'only of this record')
    .option('--since <time>', 'only from then on: ISO 8601, or milliseconds since 1970')
    .option('--until <time>', 'only until then')
    .addOption(new Option('--limit <n>', 'at most so many').argParser(wholeNumber(1, 10_000)).default(20))
    .option('--json', 'print JSON, values in full', false)
    .action(async (collection: string, flags: ListFlags) => {
      const page = await list(collection, flags)
      process.stdout.write(flags.json ? `${stringifyJson(page.conflicts)}\n` : conflictLines(page))
    })
  conflicts
    .command('resolve <collection> <conflict>')
    .description('decide a conflict by an ordinary write, or take that back')
    .addOption(urlOption())
    .addOption(apiKeyOption())
    .addOption(new Option('--keep <side>', 'what stays').choices(['winner', 'loser', 'both']).conflicts('undo'))
    .option('--new-id <id>', 'where the loser goes, with --keep both; a UUID of the conflict when left out')
    .option('--undo', 'put back what stood there before')
    .action(async (collection: string, conflict: string, flags: ResolveFlags, command: Command) => {
      if (flags.keep === undefined && flags.undo === undefined)
        command.error('error: name what to keep with --keep winner, loser or both, or take a decision back with --undo')
      const newId = flags.newId === undefined ? undefined : idOf(flags.newId)
      const result = await clientOf(flags).call<{ operation_id: number; new_id?: unknown }>({
        method: 'POST',
        path: `${pathOf(collection)}/${encodeURIComponent(conflict)}/resolve`,
        body: {
          ...(flags.keep === undefined ? {} : { keep: flags.keep }),
          ...(flags.undo === undefined ? {} : { undo: true }),
          ...(newId === undefined ? {} : { new_id: newId }),
        },
      })
      const copy = result.new_id === undefined ? '' : `, the loser is at ${String(result.new_id)}`
      process.stdout.write(`done as write ${result.operation_id}${copy}\n`)
    })
}

const urlOption = (): Option => new Option('--url <url>', 'region to ask').argParser(httpUrl).default(LOCAL_URLS[0]!)

const clientOf = ({ url, apiKey }: Common): MeridianClient => new MeridianClient({ url, apiKey })
const pathOf = (collection: string): string => `/meridian/collections/${encodeURIComponent(collection)}/conflicts`

/** Digits are a number, as everywhere; those beyond 2^53 go by their text only in paths, so they are refused by the region. */
const idOf = (text: string): string | number => (/^\d{1,15}$/.test(text) ? Number(text) : text)

/** As many pages as `limit` asks for. */
const list = async (collection: string, flags: ListFlags): Promise<ConflictPage> => {
  const client = clientOf(flags)
  const named = {
    state: flags.state,
    region: flags.region,
    point_id: flags.point,
    since: flags.since,
    until: flags.until,
  }
  const query = Object.entries(named).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  const found: ConflictPage['conflicts'][number][] = []
  for (let offset: string | null = null; ; ) {
    const limit = Math.min(PAGE, flags.limit - found.length)
    const all: string[] = [...query, `limit=${limit}`, ...(offset === null ? [] : [`offset=${offset}`])]
    const page: ConflictPage = await client.call({ method: 'GET', path: `${pathOf(collection)}?${all.join('&')}` })
    found.push(...page.conflicts)
    offset = page.next_page_offset
    if (offset === null || found.length >= flags.limit) return { ...page, conflicts: found }
  }
}
