import { MeridianClient, stringifyJson } from '@meridian/client'
import { type Command, Option } from 'commander'
import { erasureLines } from '../erasure/lines.js'
import { EXIT } from '../exit.js'
import { apiKeyOption } from './api-key.js'
import { httpUrl, LOCAL_URLS, wholeNumber } from './options.js'

interface Flags {
  readonly url: string
  readonly apiKey?: string
  readonly wait: number
  readonly json: boolean
}

/** The region waits so much less than we do. */
const SPARE_MS = 5_000

export const addErasure = (program: Command): void => {
  program
    .command('erasure <collection> <id>')
    .description('tell which regions still hold anything of a deleted point, and what they wait for')
    .addOption(
      new Option('--url <url>', 'region to ask; it asks the others').argParser(httpUrl).default(LOCAL_URLS[0]!),
    )
    .addOption(apiKeyOption())
    .addOption(
      new Option('--wait <seconds>', 'for the answers of the regions').argParser(wholeNumber(1, 300)).default(10),
    )
    .option('--json', 'print JSON', false)
    .addHelpText('after', '\nExit codes: 0 it is erased in all regions, 3 it is not, or not known to be.')
    .action(async (collection: string, id: string, flags: Flags) => {
      const waitMs = flags.wait * 1000
      const client = new MeridianClient({ url: flags.url, apiKey: flags.apiKey, timeoutMs: waitMs + SPARE_MS })
      const erasure = await client.erasure(collection, id, waitMs)
      process.stdout.write(flags.json ? `${stringifyJson(erasure)}\n` : erasureLines(erasure))
      if (!erasure.erased) process.exitCode = EXIT.differs
    })
}
