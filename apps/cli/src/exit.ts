/** What a finished command tells the shell. Documented in `docs/cli.md`; scripts depend on the numbers. */
export const EXIT = {
  ok: 0,
  /** The command could not do its work; the line on stderr says why. */
  failed: 1,
  /** Bad command, option or value; nothing was done. */
  usage: 2,
  /** `status`: regions are caught up and their digests still differ. `erasure`: something of the point may be left. */
  differs: 3,
  /** Stopped by Ctrl-C. */
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends the command with one line on stderr. */
export class CliError extends Error {
  override readonly name = 'CliError'
  constructor(
    message: string,
    readonly exitCode: ExitCode = EXIT.failed,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
