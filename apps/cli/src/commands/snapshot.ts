import { access } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { ClientError } from '@meridian/client'
import { type Command, Option } from 'commander'
import { CliError, EXIT } from '../exit.js'
import { interruptSignal } from '../interrupt.js'
import { alreadyThere, writeChecked } from '../snapshots/checked-file.js'
import { SnapshotApi } from '../snapshots/snapshot-api.js'
import { createdText, listText } from '../snapshots/snapshot-text.js'
import { apiKeyOption } from './api-key.js'
import { regionOption } from './options.js'

interface Flags {
  readonly collection?: string
  readonly url: string
  readonly apiKey?: string
}

type JsonFlags = Flags & { readonly json: boolean }
type DownloadFlags = Flags & { readonly output?: string; readonly force: boolean }

export const addSnapshot = (program: Command): void => {
  const snapshot = program.command('snapshot').description('take, list, download and delete snapshots of one region')
  const add = (name: string, description: string): Command =>
    snapshot
      .command(name)
      .description(description)
      .option('-c, --collection <name>', 'of this collection (default: of the whole store)')
      .addOption(regionOption('region that takes and keeps the snapshots'))
      .addOption(apiKeyOption())
  const json = (): Option => new Option('--json', 'print JSON, as the region sends it').default(false)

  add('create', 'take a snapshot; prints its name, size and SHA-256')
    .addOption(json())
    .action((flags: JsonFlags) =>
      withSnapshots(flags, 'stopped waiting; the region takes the snapshot to its end', async (api) => {
        const made = await api.create(flags.collection)
        print(flags.json ? JSON.stringify(made, undefined, 2) : createdText(made))
      }),
    )

  add('list', 'list the snapshots that the region keeps, newest last')
    .addOption(json())
    .action((flags: JsonFlags) =>
      withSnapshots(flags, 'stopped', async (api) => {
        const list = await api.list(flags.collection)
        print(flags.json ? JSON.stringify(list, undefined, 2) : listText(list, flags.collection))
      }),
    )

  add('download', 'copy a snapshot to a file, which is only there when its SHA-256 is right')
    .argument('<name>', 'as listed')
    .option('-o, --output <file>', 'file to write (default: the name, in this directory)')
    .option('--force', 'replace the file if there is one', false)
    .action((name: string, flags: DownloadFlags) =>
      withSnapshots(flags, 'stopped; nothing was kept', async (api) => {
        const path = resolve(flags.output ?? basename(name))
        if (!flags.force && (await isThere(path))) throw alreadyThere(path)
        const found = (await api.list(flags.collection)).find((each) => each.name === name)
        if (found === undefined)
          throw new CliError(
            `the region lists no snapshot ${name} of ${ownerText(flags.collection)}; see meridian snapshot list`,
          )
        await writeChecked(path, api.bytes(flags.collection, name), found, flags.force)
        print(`${path}: ${found.size} bytes, SHA-256 ${found.checksum} as listed`)
      }),
    )

  add('delete', 'delete a snapshot from the region; downloaded copies stay')
    .argument('<name>', 'as listed')
    .action((name: string, flags: Flags) =>
      withSnapshots(flags, 'stopped; the region may have deleted it', async (api) => {
        await api.delete(flags.collection, name)
        print(`deleted ${name}`)
      }),
    )
}

/** Runs `work` against the region of the flags. On Ctrl-C the line is `stopped`, and the exit code 130. */
export const withSnapshots = async (
  { url, apiKey }: Flags,
  stopped: string,
  work: (api: SnapshotApi) => Promise<void>,
): Promise<void> => {
  const signal = interruptSignal()
  try {
    await work(new SnapshotApi({ url, apiKey, signal }))
  } catch (error) {
    if (error instanceof ClientError && error.code === 'ABORTED') throw new CliError(stopped, EXIT.interrupted)
    throw error
  }
}

const ownerText = (collection: string | undefined): string =>
  collection === undefined ? 'the whole store (name a collection with --collection)' : `collection ${collection}`

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const print = (text: string): void => void process.stdout.write(`${text}\n`)
