import { MeridianClient } from '@meridian/client'
import { METRICS, type Metric } from '@meridian/core'
import { type Command, Option } from 'commander'
import { EXIT } from '../exit.js'
import { runImport } from '../import/import-run.js'
import { interruptSignal } from '../interrupt.js'
import { apiKeyOption } from './api-key.js'
import { regionOption, wholeNumber } from './options.js'

interface Flags {
  readonly collection: string
  readonly url: string
  readonly apiKey?: string
  readonly batch: number
  readonly concurrency: number
  readonly distance: Metric
  readonly create: boolean
  readonly idStart: number
  readonly from: number
  readonly to?: number
  readonly payloads?: string
  readonly skipBad: boolean
}

export const addImport = (program: Command): void => {
  program
    .command('import')
    .description('import points from NDJSON, .fvecs or .npy; run again to continue after an interruption')
    .argument('<file>', '.ndjson or .jsonl ({"id","vector","payload"} a line), .fvecs, or .npy (two-dimensional)')
    .requiredOption('-c, --collection <name>', 'collection to write to')
    .addOption(regionOption('region to write through'))
    .addOption(apiKeyOption())
    .option('--batch <points>', 'points in a request', wholeNumber(1, 10_000), 500)
    .option('--concurrency <requests>', 'requests under way at once', wholeNumber(1, 64), 4)
    .option('--create', 'create the collection if there is none, with the vector size of the first row', false)
    .addOption(new Option('--distance <metric>', 'metric of the created collection').choices(METRICS).default('Cosine'))
    .option('--id-start <n>', 'id of row 0 where rows have no ids; row r gets n + r', wholeNumber(0), 0)
    .option('--from <row>', 'first row to import, counted from 0', wholeNumber(0), 0)
    .option('--to <row>', 'row to stop before', wholeNumber(0))
    .option('--payloads <file>', 'NDJSON with one payload a row, for .fvecs and .npy')
    .option('--skip-bad', 'go on after rows that cannot be imported, and count them', false)
    .action(async (file: string, flags: Flags) => {
      const say = (line: string): void => void process.stderr.write(`${line}\n`)
      const client = new MeridianClient({
        url: flags.url,
        apiKey: flags.apiKey,
        timeoutMs: 60_000,
        retry: { attempts: 10, baseMs: 200, maxMs: 5_000 },
        onRetry: (error, attempt) => attempt === 3 && say(`waiting for the region: ${error.message}`),
      })
      const startMs = performance.now()
      const { collection, batch, concurrency, distance, create, idStart, from, to, payloads, skipBad } = flags
      const result = await runImport(client, {
        ...{ file, collection, batch, concurrency, distance, create, idStart, from, to, payloads, skipBad },
        signal: interruptSignal(),
        say,
        out: process.stderr,
        nowMs: () => performance.now(),
      })
      const skipped = result.skipped > 0 ? `, ${result.skipped} rows skipped` : ''
      if (result.isInterrupted) {
        say(`stopped: ${result.imported} points are in${skipped}; the same command continues`)
        process.exitCode = EXIT.interrupted
        return
      }
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
      process.stdout.write(`${collection}: ${result.imported} points imported${skipped} in ${seconds} s\n`)
    })
}
