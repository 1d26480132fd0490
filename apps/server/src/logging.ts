import type { Log } from '@meridian/core'
import { pino } from 'pino'
import type { Config } from './config.js'

/** What the server logs with. Levels as in pino; `debug` carries every request. */
export interface ServerLog extends Log {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
}

/**
 * JSON lines on standard output, each with the region. Secrets never get here: requests are logged by method, path and status,
 * without headers and bodies; the redaction is the second lock.
 */
export const createLog = (config: Config, destination?: { write(line: string): void }): ServerLog => {
  const options = {
    level: config.logLevel,
    base: { region: config.region },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: ['apiKey', 'clusterKey', '*.apiKey', '*.clusterKey', 'headers'], censor: '[secret]' },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
