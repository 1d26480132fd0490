import { MeridianClient } from '@meridian/client'
import { type Command, Option } from 'commander'
import { EXIT } from '../exit.js'
import { type Assessment, assess, type RegionReport } from '../status/assess.js'
import { collect } from '../status/collect.js'
import { statusText } from '../status/table.js'
import { apiKeyOption } from './api-key.js'
import { httpUrls, LOCAL_URLS } from './options.js'

interface Flags {
  readonly url?: readonly string[]
  readonly apiKey?: string
  readonly json: boolean
}

/** Regions are asked at slightly different times, so a difference under writes must last to count. */
const LOOKS_MAX = 4
const LOOK_AGAIN_MS = 300

export const addStatus = (program: Command): void => {
  program
    .command('status')
    .description('show regions, lag, counts, and whether the regions hold the same records')
    .addOption(
      new Option('--url <url>', `region to ask; may be repeated (default ${LOCAL_URLS.join(', ')})`).argParser(
        httpUrls,
      ),
    )
    .addOption(apiKeyOption())
    .option('--json', 'print JSON', false)
    .addHelpText(
      'after',
      '\nExit codes: 0 all is well, 1 a region is down, 3 regions have caught up and their records differ.',
    )
    .action(async (flags: Flags) => {
      const clients = (flags.url ?? LOCAL_URLS).map(
        (url) => new MeridianClient({ url, apiKey: flags.apiKey, timeoutMs: 5_000 }),
      )
      const { reports, assessment } = await look(clients)
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(statusJson(reports, assessment), undefined, 2)}\n`
          : statusText(reports, assessment),
      )
      process.exitCode = assessment.exitCode
    })
}

const look = async (
  clients: readonly MeridianClient[],
): Promise<{ reports: RegionReport[]; assessment: Assessment }> => {
  for (let looks = 1; ; looks++) {
    const reports = await collect(clients)
    const assessment = assess(reports)
    if (assessment.exitCode !== EXIT.differs || looks === LOOKS_MAX) return { reports, assessment }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
  }
}

const statusJson = (reports: readonly RegionReport[], assessment: Assessment): unknown => ({
  ...assessment,
  regions: reports.map((report) =>
    report.kind === 'up' ? { ...report, digests: Object.fromEntries(report.digests) } : report,
  ),
})
