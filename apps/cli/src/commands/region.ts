import { MeridianClient, type RegionChange, type RegionsInfo } from '@meridian/client'
import { type Command, Option } from 'commander'
import { CliError, EXIT } from '../exit.js'
import { apiKeyOption } from './api-key.js'
import { httpUrl, LOCAL_URLS, wholeNumber } from './options.js'

interface Flags {
  readonly url: string
  readonly apiKey?: string
  readonly replica?: number
  readonly wait?: boolean
  readonly timeout?: number
  readonly force?: boolean
  readonly lost?: readonly number[]
  readonly json?: boolean
}

const LOOK_AGAIN_MS = 500

export const addRegion = (program: Command): void => {
  const region = program.command('region').description('list, add and retire the regions of a cluster')
  withServer(region.command('list').description('show who is in the cluster, and changes that are asked for'))
    .option('--json', 'print JSON', false)
    .action(async (flags: Flags) => {
      const regions = await clientOf(flags).regionList()
      process.stdout.write(flags.json ? `${JSON.stringify(regions, undefined, 2)}\n` : regionsText(regions))
    })
  withChange(
    region.command('add').argument('<region>').description('let a region count that was started with --join'),
  ).action(async (name: string, flags: Flags) => {
    const client = clientOf(flags)
    await carryOut(() => client.addRegion(name, flags.replica), client, flags, 'active')
  })
  withChange(region.command('retire').argument('<region>').description('let a region count no more, for good'))
    .option('--force', 'it will never act again (dead, disk lost): do without its vote', false)
    .addOption(
      new Option('--lost <numbers>', 'with --force: more replica numbers that will never act again').argParser(
        (text: string) => text.split(',').map((part) => wholeNumber(1, 255)(part.trim())),
      ),
    )
    .action(async (name: string, flags: Flags) => {
      const client = clientOf(flags)
      const how = { force: flags.force === true, replica: flags.replica, lost: flags.lost ?? [] }
      await carryOut(() => client.retireRegion(name, how), client, flags, 'retired')
    })
}

const withServer = (command: Command): Command =>
  command
    .addOption(
      new Option('--url <url>', 'active region to ask').argParser(httpUrl).default(LOCAL_URLS[0]).env('MERIDIAN_URL'),
    )
    .addOption(apiKeyOption())

const withChange = (command: Command): Command =>
  withServer(command)
    .addOption(
      new Option('--replica <number>', 'which, where a region has several replica numbers').argParser(
        wholeNumber(1, 255),
      ),
    )
    .option('--wait', 'until it is in effect; asked for again if another change came first', false)
    .addOption(new Option('--timeout <seconds>', 'longest wait').argParser(wholeNumber(1, 86_400)).default(600))

const clientOf = ({ url, apiKey }: Flags): MeridianClient => new MeridianClient({ url, apiKey, timeoutMs: 10_000 })

/** Asked again with every look: a change that lost to another one has to be proposed anew. */
const carryOut = async (
  ask: () => Promise<RegionChange>,
  client: MeridianClient,
  flags: Flags,
  wanted: string,
): Promise<void> => {
  const until = Date.now() + (flags.timeout ?? 600) * 1000
  for (;;) {
    const { state, region, replica } = await ask()
    if (state === 'in effect') {
      process.stdout.write(`region ${region} (replica ${replica}) is ${wanted}\n`)
      return
    }
    const regions = await client.regionList()
    const pending = regions.pending.find((each) => each.replica === replica)
    const why =
      pending === undefined
        ? ''
        : `: votes missing of ${pending.missing.join(', ')}${pending.obstacle === null ? '' : `; ${pending.obstacle}`}`
    if (flags.wait !== true) {
      process.stdout.write(`asked for; region ${region} (replica ${replica}) is not ${wanted} yet${why}\n`)
      return
    }
    if (Date.now() >= until)
      throw new CliError(`region ${region} is not ${wanted} after ${flags.timeout} s${why}`, EXIT.failed)
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
  }
}

export const regionsText = ({ configuration, members, pending }: RegionsInfo): string => {
  const lines = members.map(
    ({ region, replica, status, since }) =>
      `${region.padEnd(16)} ${String(replica).padStart(3)}  ${status.padEnd(8)} since ${since}`,
  )
  const asked = pending.map(
    ({ change, region, replica, forced, by, missing, obstacle }) =>
      `asked for by ${by}: ${change} ${region} (${replica})${forced ? ' by force' : ''}; votes missing of ${missing.join(', ') || 'nobody'}${obstacle === null ? '' : `; ${obstacle}`}`,
  )
  return `${[`configuration ${configuration}`, ...lines, ...asked].join('\n')}\n`
}
