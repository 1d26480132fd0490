import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, Option } from 'commander'
import { LocalCluster } from '../cluster/local-cluster.js'
import { readableLog, regionPrefix } from '../cluster/log-line.js'
import { planCluster, type RegionPlan } from '../cluster/plan.js'
import { CliError, EXIT } from '../exit.js'
import { onSignals } from '../interrupt.js'
import { names, wholeNumber } from './options.js'

interface Flags {
  readonly regions: readonly string[]
  readonly basePort: number
  readonly step: number
  readonly data: string
  readonly apiKey?: string
  readonly clusterKey?: string
  readonly logLevel?: string
  readonly json: boolean
}

export const addCluster = (program: Command): void => {
  program
    .command('cluster')
    .description('run several regions on this machine, one process each, until Ctrl-C')
    .option('--regions <names>', 'names of the regions, separated by commas', names, ['eu', 'us', 'ap'])
    .option('--base-port <port>', 'port of the first region', wholeNumber(1, 65_535), 6333)
    .option('--step <n>', 'distance between the ports of two regions', wholeNumber(1, 10_000), 10)
    .option('--data <dir>', 'directory of the data; each region has one of its own inside', './data')
    .addOption(new Option('--api-key <key>', 'key that clients must send').env('MERIDIAN_API_KEY'))
    .addOption(new Option('--cluster-key <key>', 'key that the regions show each other').env('MERIDIAN_CLUSTER_KEY'))
    .addOption(new Option('--log-level <level>', 'level of the logs').env('MERIDIAN_LOG_LEVEL'))
    .option('--json', 'pass the log lines on as they are', false)
    .action(runCluster)
}

const runCluster = async (flags: Flags): Promise<void> => {
  const script = fileURLToPath(new URL('../main.js', import.meta.url))
  const plans = planCluster({ ...flags, script })
  const last = plans.at(-1)!
  if (last.port > 65_535)
    throw new CliError(
      `region ${last.region} would get port ${last.port}; choose a lower --base-port or --step`,
      EXIT.usage,
    )
  const isColoured = process.stdout.isTTY && process.env.NO_COLOR === undefined
  const width = Math.max(...plans.map((plan) => plan.region.length))
  const print = (line: string): void => void process.stdout.write(`${line}\n`)
  const note = (line: string, fields: Record<string, unknown> = {}): void =>
    print(flags.json ? JSON.stringify({ msg: line, ...fields }) : line)

  const stopping = new AbortController()
  let cluster: LocalCluster | undefined
  onSignals(
    () => {
      stopping.abort()
      note('stopping all regions ...')
      void cluster?.stop()
    },
    () => {
      cluster?.kill()
      process.exit(EXIT.failed)
    },
  )

  cluster = await LocalCluster.start(plans, {
    env: childEnv(process.env, flags),
    apiKey: flags.apiKey,
    readyMs: 120_000,
    signal: stopping.signal,
    onLine: (plan, line) =>
      print(
        flags.json
          ? line
          : regionPrefix(plan.region, plans.indexOf(plan), width, isColoured) + readableLog(line, isColoured),
      ),
    onDeath: (plan, ending, left) =>
      note(`region ${plan.region} ${ending.text}; it is not restarted, ${left} of ${plans.length} regions go on`, {
        region: plan.region,
      }),
  })
  if (stopping.signal.aborted) await cluster.stop()
  else if (flags.json)
    note('cluster is ready', { regions: plans.map(({ region, url, dataDir }) => ({ region, url, dataDir })) })
  else print(banner(plans, (plan) => cluster!.regions.find((region) => region.plan === plan)?.pid, flags.data))
  await cluster.ended
  if (stopping.signal.aborted) return note('all regions stopped')
  throw new CliError('no region is left')
}

/** Only what the regions share goes on to them: what names or places one region is on its command line. */
export const childEnv = (
  env: NodeJS.ProcessEnv,
  flags: { readonly apiKey?: string; readonly clusterKey?: string },
): NodeJS.ProcessEnv => {
  const {
    MERIDIAN_REGION,
    MERIDIAN_PORT,
    MERIDIAN_DATA,
    MERIDIAN_PEER,
    MERIDIAN_REPLICA_NUMBER,
    MERIDIAN_HOST,
    MERIDIAN_URL,
    ...shared
  } = env
  return {
    ...shared,
    ...(flags.apiKey === undefined ? {} : { MERIDIAN_API_KEY: flags.apiKey }),
    ...(flags.clusterKey === undefined ? {} : { MERIDIAN_CLUSTER_KEY: flags.clusterKey }),
  }
}

const banner = (plans: readonly RegionPlan[], pid: (plan: RegionPlan) => number | undefined, data: string): string =>
  [
    '',
    `  Meridian is up: ${plans.length} regions, each takes reads and writes.`,
    '',
    ...plans.map((plan) => `    ${plan.region.padEnd(6)} ${plan.url}   process ${pid(plan)}`),
    '',
    `  Try      curl ${plans[0]!.url}/meridian/cluster`,
    '           npm run meridian -- demo      (in a second terminal)',
    '           npm run meridian -- status',
    `  Data     ${resolve(data)}`,
    '  Stop     Ctrl-C',
    '',
  ].join('\n')
