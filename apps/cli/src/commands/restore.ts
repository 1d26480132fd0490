import { type Command, Option } from 'commander'
import { runRestore } from '../snapshots/restore-run.js'
import { openSource } from '../snapshots/source.js'
import { apiKeyOption } from './api-key.js'
import { regionOption, sha256 } from './options.js'
import { withSnapshots } from './snapshot.js'

interface Flags {
  readonly collection?: string
  readonly url: string
  readonly apiKey?: string
  readonly priority: 'snapshot' | 'replica'
  readonly checksum?: string
  readonly stored: boolean
}

export const addRestore = (program: Command): void => {
  program
    .command('restore')
    .description('restore a snapshot, from a file or from those that the region keeps; what it writes replicates')
    .argument('<file|name>', 'a file, or, if there is none, the name of a snapshot as listed')
    .option('-c, --collection <name>', 'collection to restore into (default: all in the snapshot, by their names)')
    .addOption(
      new Option('--priority <which>', 'snapshot: records become those of the snapshot; replica: only missing ones')
        .choices(['snapshot', 'replica'])
        .default('snapshot'),
    )
    .option('--checksum <sha256>', 'refuse a file whose SHA-256 is another', sha256)
    .option('--stored', 'the name is one that the region keeps, even if a file is called so', false)
    .addOption(regionOption('region to restore through'))
    .addOption(apiKeyOption())
    .action(async (text: string, flags: Flags) => {
      const { collection, priority, checksum } = flags
      const source = await openSource(text, flags.stored)
      try {
        const stopped = 'stopped; a restore that has begun goes on in the region, and can be done again'
        await withSnapshots(flags, stopped, (api) =>
          runRestore(api, {
            ...{ source, collection, priority, checksum },
            say: (line) => void process.stderr.write(`${line}\n`),
            tell: (line) => void process.stdout.write(`${line}\n`),
          }),
        )
      } finally {
        if (source.kind === 'file') await source.file.handle.close()
      }
    })
}
