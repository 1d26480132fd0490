import { StoreError } from '@meridian/core'
import { type Config, FLAGS, type FlagValues, parseConfig, startServer } from '@meridian/server'
import { type Command, Option } from 'commander'
import { CliError, EXIT } from '../exit.js'
import { onSignals } from '../interrupt.js'

/** A graceful stop that takes longer is ended; whatever was acknowledged is on disk in any case. */
const STOP_MS_MAX = 10_000

export const addServe = (program: Command): void => {
  const command = program
    .command('serve')
    .description('run one region in the foreground; every option can also be set as an environment variable')
  for (const flag of FLAGS) {
    const meaning = flag.fallback === undefined ? flag.meaning : `${flag.meaning} (default ${flag.fallback})`
    const value = flag.alone === undefined ? `<${flag.placeholder}>` : `[${flag.placeholder}]`
    const option = new Option(`--${flag.name} ${value}`, `${meaning} [${flag.env}]`)
    if (flag.alone !== undefined) option.preset(flag.alone)
    if (flag.isList)
      option.argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text])
    command.addOption(option)
  }
  command.action(async (options: Readonly<Record<string, string | readonly string[]>>) => {
    await serve(readConfig(options, process.env))
  })
}

/** @throws CliError exit 2 with the one line that the configuration gives. */
export const readConfig = (
  options: Readonly<Record<string, string | readonly string[]>>,
  env: Readonly<Record<string, string | undefined>>,
): Config => {
  const values: Record<string, string | readonly string[]> = {}
  for (const flag of FLAGS) {
    const value = options[camelCase(flag.name)]
    if (value !== undefined) values[flag.name] = value
  }
  try {
    return parseConfig(values satisfies FlagValues, env)
  } catch (error) {
    if (error instanceof StoreError && error.code === 'BAD_REQUEST') throw new CliError(error.message, EXIT.usage)
    throw error
  }
}

/** commander's name of an option's value. */
const camelCase = (name: string): string => name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

const serve = async (config: Config): Promise<void> => {
  const server = await startServer(config)
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      setTimeout(() => process.exit(EXIT.failed), STOP_MS_MAX).unref()
      server.close().then(resolve, reject)
    }
    onSignals(stop, () => process.exit(EXIT.failed))
    // Started by `meridian cluster`: it must not outlive it, however that ended.
    if (process.connected) process.once('disconnect', stop)
  })
}
