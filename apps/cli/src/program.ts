import { readFileSync } from 'node:fs'
import { ClientError } from '@meridian/client'
import { StoreError } from '@meridian/core'
import { Command, CommanderError } from 'commander'
import { addCluster } from './commands/cluster.js'
import { addConflicts } from './commands/conflicts.js'
import { addDemo } from './commands/demo.js'
import { addErasure } from './commands/erasure.js'
import { addImport } from './commands/import.js'
import { addRegion } from './commands/region.js'
import { addRestore } from './commands/restore.js'
import { addServe } from './commands/serve.js'
import { addSnapshot } from './commands/snapshot.js'
import { addStatus } from './commands/status.js'
import { CliError, EXIT } from './exit.js'

const version = (): string => {
  const file = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return file.version
}

export const buildProgram = (): Command => {
  const program = new Command('meridian')
    .description('an active-active vector store: every region takes reads and writes, and all converge')
    .version(version(), '-V, --version')
    .showSuggestionAfterError()
    .exitOverride()
  const all = [
    addCluster,
    addServe,
    addStatus,
    addConflicts,
    addErasure,
    addRegion,
    addImport,
    addSnapshot,
    addRestore,
    addDemo,
  ]
  for (const add of all) add(program)
  return program
}

/** Runs one command line. Every error becomes one line on stderr; resolves to the exit code. */
export const run = async (argv: readonly string[], warn: (line: string) => void): Promise<number> => {
  try {
    await buildProgram().parseAsync(argv, { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (error instanceof CliError) {
      warn(`meridian: ${error.message}`)
      return error.exitCode
    }
    if (error instanceof ClientError || error instanceof StoreError) {
      warn(`meridian: ${error.message}`)
      return EXIT.failed
    }
    warn(`meridian: unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    return EXIT.failed
  }
}
